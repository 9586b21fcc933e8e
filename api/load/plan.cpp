#include "api/load/plan.hpp"

#include <algorithm>

namespace jangbu::loadgen {

namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;

// Spreads a number's bits (SplitMix64's finalizer).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// In [0, 1).
double share(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

Plan::Plan(const Options& options)
    : size_(static_cast<std::uint64_t>(options.purchases())),
      rate_(static_cast<std::uint64_t>(options.rate)),
      buyers_(static_cast<std::size_t>(options.buyers)),
      products_(static_cast<std::size_t>(options.products)),
      hot_share_(options.hot_share > 0 && options.products == 1 ? 1 : options.hot_share) {
  if (!has_hot()) return;
  std::int64_t hot = 0;
  for (std::uint64_t n = 0; n < size_; ++n) hot += product(n) == hot_product ? 1 : 0;
  hot_stock_ = hot / 2;
}

std::chrono::nanoseconds Plan::due(std::uint64_t n) const {
  const std::uint64_t second = n / rate_, rest = n % rate_;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(second) * ns_per_second +
                                  static_cast<std::int64_t>(rest) * ns_per_second /
                                      static_cast<std::int64_t>(rate_));
}

std::uint64_t Plan::due_by(std::chrono::nanoseconds since_begin) const {
  if (since_begin.count() < 0) return 0;
  const auto seconds = static_cast<std::uint64_t>(since_begin.count() / ns_per_second);
  if (seconds > size_ / rate_) return size_;
  std::uint64_t n =
      seconds * rate_ +
      static_cast<std::uint64_t>(since_begin.count() % ns_per_second) * rate_ / ns_per_second;
  while (n < size_ && due(n) <= since_begin) ++n;
  return std::min(n, size_);
}

std::size_t Plan::buyer(std::uint64_t n) const {
  return static_cast<std::size_t>(mixed(3 * n) % buyers_);
}

std::size_t Plan::product(std::uint64_t n) const {
  if (share(mixed(3 * n + 1)) < hot_share_) return hot_product;
  const std::size_t others = has_hot() ? products_ - 1 : products_;
  if (others == 0) return hot_product;
  return products_ - others + static_cast<std::size_t>(mixed(3 * n + 2) % others);
}

std::int64_t Plan::stock(std::size_t product) const {
  return has_hot() && product == hot_product ? hot_stock_ : static_cast<std::int64_t>(size_);
}

}  // namespace jangbu::loadgen
