// `jangbu public`: the stream that other teams read, seen from the shop's side.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

void add_public(CLI::App& app, int& status);

}  // namespace jangbu::cli
