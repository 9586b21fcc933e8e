// `jangbu projections …`: what there is of read models, and what can be done about them.
//
// Threads: one at a time.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand; what was asked for leaves its exit status in `status`.
void add_projections(CLI::App& app, int& status);

}  // namespace jangbu::cli
