// Counts latencies in buckets that are at most 3 % wide: from 1 µs to 19 hours in 8 KiB.
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

  // Negative latencies count as 0; those beyond the last bucket count in the last bucket.
  void add(Latency latency);

  std::uint64_t count() const { return count_; }
  // The latency that this share of all values does not exceed, rounded up to the end of its bucket
  // but not beyond max(); 0 when there are none. REQUIRES: 0 < share <= 1.
  Latency percentile(double share) const;
  Latency max() const { return max_; }

 private:
  // Each power of two has 2^5 buckets; below 2^6 each number has its own.
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
