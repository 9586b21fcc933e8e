// The operations service: is it up, can it take work, how far are the read models, what happened,
// and metrics.
//
// Threads: handlers run on HTTP workers and do not wait. Ownership: the parts outlive the server.
#pragma once

#include <functional>
#include <string>

#include "api/console/console.hpp"
#include "api/event_feed.hpp"
#include "api/load_jobs.hpp"
#include "api/log_search.hpp"
#include "api/metrics.hpp"
#include "api/rebuild_jobs.hpp"
#include "api/service.hpp"
#include "commands/writer.hpp"
#include "projections/projector.hpp"
#include "projections/tables/read_models.hpp"

namespace jangbu {

struct Parts {
  const Writer* writer;  // null when another process takes commands
  ReadModels& read_models;
  const Projector* projector;  // null when another process projects
  LogSearch& log_search;
  RebuildJobs& rebuilds;
  LoadJobs& loads;
  const Metrics& metrics;
  std::function<std::string()> log_away;  // why; empty while it is there
  EventFeed& log_feed;
  const Console& console;
};

Service operations_service(const Parts& parts);

std::string_view to_string(Writer::State state);

}  // namespace jangbu
