#include "api/cli/events_command.hpp"

#include <iostream>
#include <memory>

#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"

namespace jangbu::cli {

void add_events(CLI::App& app, int& status) {
  CLI::App* events = app.add_subcommand("events", "Tools on the event log");
  events->require_subcommand(1);

  const auto log = std::make_shared<JetStreamOptions>();
  CLI::App* last = events->add_subcommand("last", "Print the last position of the log");
  add_log_flags(*last, *log);
  last->callback([log, &status] {
    status = run_tool([&] {
      std::cout << open_existing_log(*log)->last().value << std::endl;
      return 0;
    });
  });
}

}  // namespace jangbu::cli
