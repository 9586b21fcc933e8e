// The JSON form of a load run, on the command line and over HTTP.
//
// Threads: pure functions.
#pragma once

#include "api/load/run.hpp"
#include "events/values.hpp"
#include "infra/json.hpp"

namespace jangbu::loadgen {

// `now`: the end of the elapsed time of a run that has not finished.
Json to_json(const Snapshot& snapshot, Timestamp now);

}  // namespace jangbu::loadgen
