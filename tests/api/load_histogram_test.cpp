#include "api/load/histogram.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace jangbu::loadgen {

using namespace std::chrono_literals;

TEST_CASE("A histogram of nothing says 0") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.percentile(0.99) == 0us);
  CHECK(histogram.max() == 0us);
}

TEST_CASE("Up to 63 µs latencies are counted exactly") {
  Histogram histogram;
  for (int us = 1; us <= 60; ++us) histogram.add(std::chrono::microseconds(us));
  CHECK(histogram.percentile(0.5) == 30us);
  CHECK(histogram.percentile(0.9) == 54us);
  CHECK(histogram.percentile(1) == 60us);
}

TEST_CASE("Percentiles are never too low, and by 3.2 % too high at most") {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(7, 2.5);
  Histogram histogram;
  std::vector<std::int64_t> sorted;
  for (int i = 0; i < 20'000; ++i) {
    sorted.push_back(static_cast<std::int64_t>(latency(random)));
    histogram.add(std::chrono::microseconds(sorted.back()));
  }
  std::sort(sorted.begin(), sorted.end());
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    const std::int64_t exact = sorted[rank - 1];
    const std::int64_t told = histogram.percentile(share).count();
    CAPTURE(share, exact, told);
    CHECK(told >= exact);
    CHECK(static_cast<double>(told) <= static_cast<double>(exact) * 1.032 + 1);
  }
  CHECK(histogram.max().count() == sorted.back());
}

TEST_CASE("A histogram takes the shortest and the longest latency") {
  Histogram histogram;
  histogram.add(-5us);
  CHECK(histogram.percentile(1) == 0us);
  histogram.add(std::chrono::microseconds::max());
  CHECK(histogram.count() == 2);
  CHECK(histogram.percentile(1) == 1us * ((std::int64_t{1} << 36) - 1));
}

}  // namespace jangbu::loadgen
