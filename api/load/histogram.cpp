#include "api/load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace jangbu::loadgen {

// A value's leading step_bits + 1 bits select its bucket within its power of two.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  const unsigned dropped = width > step_bits + 1 ? width - step_bits - 1 : 0;
  return (std::size_t{dropped} << step_bits) + static_cast<std::size_t>(value >> dropped);
}

std::uint64_t Histogram::last_of(std::size_t bucket) {
  if (bucket < std::size_t{2} << step_bits) return bucket;
  const std::size_t dropped = (bucket >> step_bits) - 1;
  return ((bucket - (dropped << step_bits) + 1) << dropped) - 1;
}

void Histogram::add(Latency latency) {
  constexpr std::uint64_t longest = (std::uint64_t{1} << value_bits) - 1;
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0));
  ++counts_[bucket_of(std::min(value, longest))];
  ++count_;
  max_ = std::max(max_, latency);
}

Histogram::Latency Histogram::percentile(double share) const {
  if (count_ == 0) return Latency{0};
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts_[bucket]) < rank) ++bucket;
  return std::min(Latency{static_cast<std::int64_t>(last_of(bucket))}, max_);
}

}  // namespace jangbu::loadgen
