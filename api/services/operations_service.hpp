// The operations service: is it up, can it take work, how far are the read models, what happened,
// and metrics.
//
// Threads: handlers run on HTTP workers and do not wait. Ownership: the parts outlive the server.
#pragma once

#include <functional>
#include <string>

#include "api/jobs/load_jobs.hpp"
#include "api/jobs/rebuild_jobs.hpp"
#include "api/log/log_search.hpp"
#include "api/pages/console/console.hpp"
#include "api/services/service.hpp"
#include "api/streams/event_feed.hpp"
#include "api/telemetry/metrics.hpp"
#include "commands/writer.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/writing/projector.hpp"

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

}  // namespace jangbu
