// What the operations service tells of the read models, and how it rebuilds them.
//
// Threads: handlers run on HTTP workers and do not wait. Ownership: the parts outlive the server.
#pragma once

#include <vector>

#include "api/jobs/rebuild_jobs.hpp"
#include "api/services/service.hpp"
#include "commands/writer.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu {

// Null: another process projects; another one writes, and the age of what is missing is not known.
std::vector<Route> projection_routes(const Projector* projector, const Writer* writer,
                                     ReadModels& read_models, RebuildJobs& rebuilds);

}  // namespace jangbu
