// `jangbu webhooks`: looks at the webhooks of a running shop and acts on them, over HTTP.
#pragma once

#include <CLI/CLI.hpp>

namespace jangbu::cli {

// Adds the subcommand. It runs while the command line is parsed, and sets the exit status, which
// must live until then: 1 also when a webhook that was asked about is failing or off, or did not
// take a test.
void add_webhooks(CLI::App& app, int& status);

}  // namespace jangbu::cli
