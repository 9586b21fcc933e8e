#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "api/cli/demo.hpp"
#include "api/cli/events_command.hpp"
#include "api/cli/load_command.hpp"
#include "api/cli/projections_command.hpp"
#include "api/cli/serve_command.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/status_command.hpp"
#include "api/telemetry/log_format.hpp"
#include "infra/ids.hpp"
#include "infra/version.hpp"
#include "projections/views/store/hash_index.hpp"

int main(int argc, char** argv) {
  using namespace jangbu;
  HashSecret hash_secret;
  fill_random(hash_secret);
  seed_hashes(hash_secret);

  spdlog::set_formatter(log_format(log_pattern));
  CLI::App app{"Jangbu, an event-sourced shop backend", "jangbu"};
  app.require_subcommand(1);
  int status = 0;

  cli::add_serve(app, status);
  cli::add_events(app, status);
  cli::add_projections(app, status);
  cli::add_status(app, status);
  cli::add_load(app, status);

  int demo_port_base = 11000;
  CLI::App* demo_command = app.add_subcommand(
      "demo", "Load demo data into a running shop; running it again adds nothing");
  cli::add_port_base_flag(*demo_command, demo_port_base);
  cli::on_run(*demo_command, [&] { status = load_demo(demo_port_base); });

  app.add_subcommand("version", "Print the version")->callback([] {
    std::cout << "jangbu " << version() << "\n";
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli::report(app, error, argc, argv);
  }
  return status;
}
