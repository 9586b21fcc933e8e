// Holds what clients saw, what the log says and what the read models show against each other. What
// does not fit together is told in people's words.
//
// It knows the shop's rules only as far as it must to judge an answer: its fold of the log is its
// own and small.
//
// Threads: a pure function.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/faults/history.hpp"
#include "tests/faults/log_reader.hpp"
#include "tests/faults/rows.hpp"

namespace jangbu::test {

struct Violation {
  std::string rule;  // a few words, the same for all of a kind
  std::string what;
};

std::vector<Violation> check(const History& history, const std::vector<LogCommit>& log,
                             const Rows& rows);

// How long, for all that they said, two processes believed at the same time that they were active.
std::chrono::milliseconds longest_two_at_once(const std::vector<Belief>& beliefs);

}  // namespace jangbu::test
