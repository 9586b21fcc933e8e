// Latencies, counted in buckets that are 3 % wide at most: from 1 µs to 19 hours in 8 KiB.
//
// Threads: one at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jangbu::loadgen {

class Histogram {
 public:
  using Latency = std::chrono::microseconds;

  // One that is negative counts as 0, one that is longer than the last bucket as in it.
  void add(Latency latency);

  std::uint64_t count() const { return count_; }
  // What this share of all does not exceed, rounded up to its bucket's end; 0 of none.
  // REQUIRES: 0 < share <= 1.
  Latency percentile(double share) const;
  Latency max() const { return max_; }

 private:
  // Each power of two has 2^5 buckets; up to 2^6 each number has its own.
  static constexpr unsigned step_bits = 5;
  static constexpr unsigned value_bits = 36;
  static constexpr std::size_t buckets = std::size_t{value_bits - step_bits + 1} << step_bits;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t last_of(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  Latency max_{0};
};

}  // namespace jangbu::loadgen
