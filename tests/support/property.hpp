// A property as part of a Catch2 test case. rapidcheck prints the counterexample and how to
// reproduce it. Every run checks the same cases, so that its verdict is about the change being
// tested; RC_PARAMS="max_success=100000" checks others.
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
