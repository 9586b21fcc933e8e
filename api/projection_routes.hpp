// What the operations service tells of the read models, and how it rebuilds them.
//
// Threads: handlers run on HTTP workers and do not wait. Ownership: the parts outlive the server.
#pragma once

#include <vector>

#include "api/rebuild_jobs.hpp"
#include "api/service.hpp"
#include "projections/projector.hpp"

namespace jangbu {

// `projector` is null where another process projects.
std::vector<Route> projection_routes(const Projector* projector, RebuildJobs& rebuilds);

// At work, or ready to be.
bool is_up(Projector::State state);

}  // namespace jangbu
