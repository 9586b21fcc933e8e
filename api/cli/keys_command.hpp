// `jangbu keys`: makes access keys. It asks no shop: a key holds once its lines are in the file.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand. It runs while the command line is parsed, and sets the exit status, which
// must live until then.
void add_keys(CLI::App& app, int& status);

}  // namespace jangbu::cli
