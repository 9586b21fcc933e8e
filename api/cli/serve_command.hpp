// `jangbu serve`: its flags, its configuration file, --print-config.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand. It runs while the command line is parsed, and sets the exit status, which
// must live until then.
void add_serve(CLI::App& app, int& status);

}  // namespace jangbu::cli
