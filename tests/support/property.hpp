// A property as part of a Catch2 test case. rapidcheck prints the counterexample, and how to see it
// again. A run of the tests looks at the same cases every time, so that what it says is about the
// change it was run for; RC_PARAMS="max_success=100000" looks for others.
#pragma once

#include <rapidcheck.h>
#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>

namespace jangbu::test {

template <class Testable>
void property(const std::string& what, Testable&& testable) {
  INFO(what);
  setenv("RC_PARAMS", "seed=1", 0);  // rapidcheck reads it at the first check
  REQUIRE(rc::check(what, std::forward<Testable>(testable)));
}

}  // namespace jangbu::test
