// What a load run does, and its limits.
//
// Threads: plain values.
#pragma once

#include <cstdint>

namespace jangbu::loadgen {

struct Options {
  std::int64_t rate = 500;  // purchases that become due per second
  std::int64_t seconds = 10;
  std::int64_t buyers = 100;
  std::int64_t products = 20;
  double hot_share = 0.2;  // the share of purchases that buy the hot product
  std::int64_t connections = 32;
  bool keep = false;  // leaves the accounts open and the products listed

  std::int64_t purchases() const { return rate * seconds; }
};

struct Range {
  std::int64_t min, max;
};

struct Bounds {
  Range rate, seconds, buyers, products, connections;
};

// For the command line, where the load is a separate process.
inline constexpr Bounds bounds{
    .rate = {1, 20'000},
    .seconds = {1, 300},
    .buyers = {1, 10'000},
    .products = {1, 1'000},
    .connections = {1, 1'000},
};

// Over HTTP, where the load shares processor and memory with the shop under test.
inline constexpr Bounds http_bounds{
    .rate = {1, 5'000},
    .seconds = {1, 60},
    .buyers = {1, 1'000},
    .products = {1, 100},
    .connections = {1, 128},
};

}  // namespace jangbu::loadgen
