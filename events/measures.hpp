// Measurements that a component keeps of its work: counters and histograms of times and sizes. They
// are plain numbers; api/telemetry/metrics.cpp formats them for Prometheus.
//
// Threads: any, concurrently and without a lock. A reader may see one count but not yet another
// that was made together with it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace jangbu {

class Counter {
 public:
  void add(std::uint64_t more = 1) { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// How many values fell into each bucket (each bound is an inclusive upper limit), and their sum.
class Histogram {
 public:
  static constexpr std::size_t most_bounds = 16;

  // REQUIRES: bounds in ascending order, which outlive the histogram.
  template <std::size_t count>
  explicit Histogram(const std::array<std::uint64_t, count>& bounds) : bounds_(bounds) {
    static_assert(count <= most_bounds);
  }

  void observe(std::uint64_t value) {
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
    counts_[static_cast<std::size_t>(bound - bounds_.begin())].add();
    sum_.add(value);
  }
  void observe(std::chrono::nanoseconds time) {
    observe(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
  }

  std::span<const std::uint64_t> bounds() const { return bounds_; }
  // The number of values above the previous bound and up to this one; the last bucket counts values
  // above all bounds.
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
  std::uint64_t sum() const { return sum_.value(); }

 private:
  std::span<const std::uint64_t> bounds_;
  std::array<Counter, most_bounds + 1> counts_;
  Counter sum_;
};

namespace bounds {

// From 0.1 ms to 10 s.
inline constexpr std::array<std::uint64_t, 16> latency_ns{
    100'000,       250'000,       500'000,       1'000'000,     2'500'000,   5'000'000,
    10'000'000,    25'000'000,    50'000'000,    100'000'000,   250'000'000, 500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
inline constexpr std::array<std::uint64_t, 10> commit_events{1,  2,   5,   10,  20,
                                                             50, 100, 200, 500, 1'000};
inline constexpr std::array<std::uint64_t, 8> commit_bytes{256,    1'024,   4'096,   16'384,
                                                           65'536, 131'072, 262'144, 1'048'576};

}  // namespace bounds

}  // namespace jangbu
