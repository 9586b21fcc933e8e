// How the operations service begins, shows and stops a burst of purchases.
//
// Threads: handlers run on HTTP workers and do not wait. Ownership: the jobs outlive the server.
#pragma once

#include <vector>

#include "api/jobs/load_jobs.hpp"
#include "api/services/service.hpp"

namespace jangbu {

std::vector<Route> load_routes(LoadJobs& jobs);

}  // namespace jangbu
