#include "api/access/remembered.hpp"

#include <cstring>
#include <utility>

namespace jangbu::access {

// Its bytes are as good as random, and whoever could choose them has tokens.
std::size_t RememberedTokens::Hash::operator()(const Sha256& token) const {
  std::size_t hash = 0;
  std::memcpy(&hash, token.data(), sizeof hash);
  return hash;
}

RememberedTokens::GrantPtr RememberedTokens::find(const Sha256& token, Timestamp now) const {
  const Shard& shard = shards_[token.back() % shard_count];
  const std::lock_guard lock(shard.mutex);
  for (const Entries* entries : {&shard.younger, &shard.older}) {
    const auto found = entries->find(token);
    if (found == entries->end()) continue;
    const auto& [grant, until] = found->second;
    return now < until && grant->holds(now) ? grant : nullptr;
  }
  return nullptr;
}

void RememberedTokens::remember(const Sha256& token, GrantPtr grant, Timestamp until) {
  Entries forgotten;  // freed without the lock
  Shard& shard = shards_[token.back() % shard_count];
  const std::lock_guard lock(shard.mutex);
  if (shard.younger.size() >= most_per_generation_) {
    forgotten = std::exchange(shard.older, std::exchange(shard.younger, {}));
  }
  shard.younger.insert_or_assign(token, Entry{std::move(grant), until});
}

std::size_t RememberedTokens::size() const {
  std::size_t size = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.younger.size() + shard.older.size();
  }
  return size;
}

}  // namespace jangbu::access
