// `jangbu projections …`: the tools for the read models.
//
// Threads: one at a time.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand; the tool that runs leaves its exit status in `status`.
void add_projections(CLI::App& app, int& status);

}  // namespace jangbu::cli
