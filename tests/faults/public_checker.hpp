// Holds the public stream against the log that it was made from: every public event is there once,
// in the log's order, under its subject.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "tests/faults/checker.hpp"
#include "tests/faults/log_reader.hpp"

namespace jangbu::test {

// What others get of the log of a shop named `shop`, in its order.
std::vector<PublicEvent> public_events(const std::vector<LogCommit>& log);

std::vector<Violation> check_public(const std::vector<LogCommit>& log,
                                    const std::vector<PublicEvent>& stream);

}  // namespace jangbu::test
