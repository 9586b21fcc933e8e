#include "api/cli/progress.hpp"

#include <catch2/catch_test_macros.hpp>

namespace jangbu::cli {

using namespace std::chrono_literals;

TEST_CASE("progress tells how far, how fast and how long") {
  CHECK(progress_text("verifying", "commits", 40'000, 100'000, 2s) ==
        "verifying 40,000 of 100,000 commits (40 %), 20,000/s, 0:03 left");
  CHECK(progress_text("verifying", "commits", 1'000, 10'000'000, 1s) ==
        "verifying 1,000 of 10,000,000 commits (0 %), 1,000/s, 2:46:39 left");
  CHECK(progress_text("importing", "commits", 999, 0, 1s) == "importing 999 commits, 999/s");
  CHECK(progress_text("verifying", "commits", 0, 10, 0s) == "verifying 0 of 10 commits (0 %), 0/s");
  CHECK(progress_text("verifying", "commits", 10, 10, 1s) ==
        "verifying 10 of 10 commits (100 %), 10/s");
}

TEST_CASE("large numbers are grouped") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(1'234'567) == "1,234,567");
}

}  // namespace jangbu::cli
