// `jangbu status`: asks a running shop for its state, over HTTP.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand. It runs while the command line is parsed, and sets the exit status, which
// must live until then: 0 when everything is up, 1 when something is not or nothing answers.
void add_status(CLI::App& app, int& status);

}  // namespace jangbu::cli
