// Tokens that were checked, by their SHA-256, so that the next request with the same one costs
// microseconds. Only tokens that gave something are here: a stranger's take no room.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "api/access/grant.hpp"
#include "infra/sha256.hpp"

namespace jangbu::access {

class RememberedTokens {
 public:
  using GrantPtr = std::shared_ptr<const Grant>;

  // At most so many are remembered; beyond, the oldest are forgotten.
  explicit RememberedTokens(std::size_t most) : most_per_generation_(most / shard_count / 2) {}

  // Null when it is not remembered, or no longer holds.
  GrantPtr find(const Sha256& token, Timestamp now) const;
  void remember(const Sha256& token, GrantPtr grant, Timestamp until);

  std::size_t size() const;

 private:
  static constexpr std::size_t shard_count = 16;

  struct Entry {
    GrantPtr grant;
    Timestamp until;
  };
  struct Hash {
    std::size_t operator()(const Sha256& token) const;
  };
  using Entries = std::unordered_map<Sha256, Entry, Hash>;
  // When the younger generation is full it becomes the older one, and what was that is forgotten.
  struct Shard {
    mutable std::mutex mutex;
    Entries younger, older;
  };

  const std::size_t most_per_generation_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace jangbu::access
