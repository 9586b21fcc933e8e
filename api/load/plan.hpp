// Which purchases a run makes: the n-th is due at a time of its own (an open loop: whether the shop
// keeps up makes no difference to it), of a buyer and a product that n alone decides.
//
// Threads: made by one thread, then const.
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

  std::chrono::nanoseconds due(std::uint64_t n) const;  // since the begin
  // How many are due by then.
  std::uint64_t due_by(std::chrono::nanoseconds since_begin) const;

  std::size_t buyer(std::uint64_t n) const;
  std::size_t product(std::uint64_t n) const;

  static constexpr std::size_t hot_product = 0;
  // Whether there is one. Where there is only one product, all purchases are of it.
  bool has_hot() const { return hot_share_ > 0; }
  // How many of the product there are to be: of the hot one half of what is asked for, so that the
  // shop must refuse the rest; of any other all that is asked for at most.
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
