#include "api/cli/command_line.hpp"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "api/cli/demo.hpp"
#include "api/cli/events_command.hpp"
#include "api/cli/keys_command.hpp"
#include "api/cli/load_command.hpp"
#include "api/cli/projections_command.hpp"
#include "api/cli/public_command.hpp"
#include "api/cli/serve_command.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/status_command.hpp"
#include "api/cli/webhooks_command.hpp"
#include "api/cli/writer_command.hpp"
#include "api/telemetry/log_format.hpp"
#include "infra/version.hpp"

namespace jangbu::cli {

int run(int argc, const char* const* argv) {
  spdlog::set_formatter(log_format(log_pattern));
  CLI::App app{"Jangbu, an event-sourced shop backend", "jangbu"};
  app.require_subcommand(1);
  int status = 0;

  add_serve(app, status);
  add_events(app, status);
  add_projections(app, status);
  add_public(app, status);
  add_status(app, status);
  add_writer(app, status);
  add_load(app, status);
  add_webhooks(app, status);
  add_keys(app, status);

  ShopPlace demo_shop;
  CLI::App* demo_command = app.add_subcommand(
      "demo", "Load demo data into a running shop; running it again adds nothing");
  add_shop_flags(*demo_command, demo_shop);
  on_run(*demo_command, [&] { status = load_demo(demo_shop); });

  app.add_subcommand("version", "Print the version")->callback([] {
    std::cout << "jangbu " << version() << "\n";
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report(app, error, argc, argv);
  }
  return status;
}

}  // namespace jangbu::cli
