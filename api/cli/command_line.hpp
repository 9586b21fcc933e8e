// The command line of jangbu: its subcommands together.
#pragma once

namespace jangbu::cli {

// Runs what the arguments ask for; the exit status. Threads: the main one, before any others.
int run(int argc, const char* const* argv);

}  // namespace jangbu::cli
