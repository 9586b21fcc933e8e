#include "api/cli/tool.hpp"

#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include "events/errors.hpp"

namespace jangbu::cli {

TEST_CASE("a signal waits until it is asked for, and is not forgotten") {
  {
    const StopSignals stop;
    CHECK_NOTHROW(stop.check());
    ::raise(SIGTERM);
    CHECK_THROWS_AS(stop.check(), Interrupted);
    CHECK_THROWS_AS(stop.check(), Interrupted);
  }
  const StopSignals later;
  CHECK_NOTHROW(later.check());
}

TEST_CASE("a tool's exit status tells how it ended") {
  CHECK(run_tool([] { return 0; }) == 0);
  CHECK(run_tool([] { return 7; }) == 7);
  CHECK(run_tool([]() -> int { throw Failure("it went wrong"); }) == 1);
  CHECK(run_tool([]() -> int { throw Unavailable("it is away"); }) == 1);
  CHECK(run_tool([]() -> int { throw Interrupted{SIGINT}; }) == 130);
  CHECK(run_tool([]() -> int { throw Interrupted{SIGTERM}; }) == 143);
}

}  // namespace jangbu::cli
