// `jangbu writer`: which of a shop's instances decides commands, and having another one do it.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommands. They run while the command line is parsed, and set the exit status, which
// must live until then.
void add_writer(CLI::App& app, int& status);

}  // namespace jangbu::cli
