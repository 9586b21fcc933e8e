// How rebuilds and comparisons of read models look in JSON.
//
// Threads: pure functions.
#pragma once

#include "api/json/text.hpp"
#include "projections/comparison.hpp"
#include "projections/rebuild.hpp"

namespace jangbu {

// `before` and `after` are what the caller compared, in that order.
Json to_json(const Comparison& comparison);
Json to_json(const Rebuilt& rebuilt);

}  // namespace jangbu
