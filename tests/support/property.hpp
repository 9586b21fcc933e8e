// A property as part of a Catch2 test case. rapidcheck prints the counterexample, and the seed to
// see it again (RC_PARAMS="reproduce=...").
#pragma once

#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>

namespace jangbu::test {

template <class Testable>
void property(const std::string& what, Testable&& testable) {
  INFO(what);
  REQUIRE(rc::check(what, std::forward<Testable>(testable)));
}

}  // namespace jangbu::test
