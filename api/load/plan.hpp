// The purchases that a run makes. The n-th is due at a fixed time, whether or not the shop keeps up
// (an open loop); its buyer and product depend only on n.
//
// Threads: built by one thread, then const.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "api/load/options.hpp"

namespace jangbu::loadgen {

class Plan {
 public:
  explicit Plan(const Options& options);

  std::uint64_t size() const { return size_; }

  std::chrono::nanoseconds due(std::uint64_t n) const;  // since the beginning
  // How many are due by then.
  std::uint64_t due_by(std::chrono::nanoseconds since_begin) const;

  std::size_t buyer(std::uint64_t n) const;
  std::size_t product(std::uint64_t n) const;

  static constexpr std::size_t hot_product = 0;
  // Whether there is a hot product. If there is only one product, all purchases are for it.
  bool has_hot() const { return hot_share_ > 0; }
  // The initial stock of a product. The hot product gets half of what is asked for, so that the
  // shop must refuse the rest; any other gets enough for all purchases of the run.
  std::int64_t stock(std::size_t product) const;

 private:
  std::uint64_t size_;
  std::uint64_t rate_;
  std::size_t buyers_;
  std::size_t products_;
  double hot_share_;
  std::int64_t hot_stock_ = 0;
};

}  // namespace jangbu::loadgen
