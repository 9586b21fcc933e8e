// `jangbu events`: the tools for the event log.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommands. The one named runs while the command line is parsed, and sets the exit
// status, which must live until then.
void add_events(CLI::App& app, int& status);

}  // namespace jangbu::cli
