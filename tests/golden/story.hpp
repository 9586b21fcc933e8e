// A history of golden samples: every event at least once, in an order in which they can happen, and
// something of each kind stays. Tests hold what folds make of it against what they made of it when
// their `fold_version` was new.
#pragma once

#include <vector>

#include "events/commit.hpp"

namespace jangbu::test {

// Each is a commit of its own. What is new comes last.
std::vector<Commit> golden_story();

}  // namespace jangbu::test
