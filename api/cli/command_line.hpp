// The command line of jangbu: all of its subcommands.
#pragma once

namespace jangbu::cli {

// Runs the subcommand that the arguments name; returns the exit status. Threads: the main one,
// before any others.
int run(int argc, const char* const* argv);

}  // namespace jangbu::cli
