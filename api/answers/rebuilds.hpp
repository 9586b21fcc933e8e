// How rebuilds and comparisons of read models look in JSON.
//
// Threads: pure functions.
#pragma once

#include "infra/json.hpp"
#include "projections/writing/comparison.hpp"
#include "projections/writing/rebuild.hpp"

namespace jangbu {

// `before` and `after` are what the caller compared, in that order.
Json to_json(const Comparison& comparison);
Json to_json(const Rebuilt& rebuilt);

}  // namespace jangbu
