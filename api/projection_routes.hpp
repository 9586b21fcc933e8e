// What the operations service tells of the read models, and how it rebuilds them.
//
// Threads: handlers run on HTTP workers and do not wait. Ownership: the parts outlive the server.
#pragma once

#include <vector>

#include "api/rebuild_jobs.hpp"
#include "api/service.hpp"
#include "commands/writer.hpp"
#include "projections/projector.hpp"
#include "projections/tables/read_models.hpp"

namespace jangbu {

// Null: another process projects; another one writes, and the age of what is missing is not known.
std::vector<Route> projection_routes(const Projector* projector, const Writer* writer,
                                     ReadModels& read_models, RebuildJobs& rebuilds);

// At work, or ready to be.
bool is_up(Projector::State state);

}  // namespace jangbu
