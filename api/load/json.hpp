// How a run of load looks in JSON, on the command line and over HTTP.
//
// Threads: pure functions.
#pragma once

#include "api/load/run.hpp"
#include "events/values.hpp"
#include "infra/json.hpp"

namespace jangbu::loadgen {

// `now`: what a run that goes on has lasted until.
Json to_json(const Snapshot& snapshot, Timestamp now);

}  // namespace jangbu::loadgen
