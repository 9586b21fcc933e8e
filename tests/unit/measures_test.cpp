#include "events/measures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>
#include <vector>

namespace jangbu::test {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::uint64_t, 3> bounds{1, 10, 100};

std::vector<std::uint64_t> counts(const Histogram& histogram) {
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) all.push_back(histogram.count(i));
  return all;
}

}  // namespace

TEST_CASE("a value is counted at the first bound that it does not exceed") {
  Histogram histogram(bounds);
  for (const std::uint64_t value : {0, 1, 2, 10, 11, 100, 101, 1'000'000}) histogram.observe(value);
  CHECK(counts(histogram) == std::vector<std::uint64_t>{2, 2, 2, 2});
  CHECK(histogram.sum() == 1'000'225);
}

TEST_CASE("a clock that went back counts as no time") {
  Histogram histogram(bounds);
  histogram.observe(-5ns);
  CHECK(counts(histogram) == std::vector<std::uint64_t>{1, 0, 0, 0});
  CHECK(histogram.sum() == 0);
}

TEST_CASE("nothing is lost when many count at once") {
  Histogram histogram(bounds);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) histogram.observe(std::uint64_t{5});
    });
  threads.clear();
  CHECK(counts(histogram) == std::vector<std::uint64_t>{0, 40'000, 0, 0});
  CHECK(histogram.sum() == 200'000);
}

}  // namespace jangbu::test
