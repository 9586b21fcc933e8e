// `jangbu load`: a burst of purchases on a running shop, over HTTP, and whether the shop stayed
// correct.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand. It runs while the command line is parsed, and sets the exit status, which
// must live until then: 0 when everything promised holds, 1 when it does not or could not be
// checked.
void add_load(CLI::App& app, int& status);

}  // namespace jangbu::cli
