#include "projections/views/store/hash_index.hpp"

#include <xxhash.h>

#include <algorithm>

#include "events/errors.hpp"

namespace jangbu {

namespace {

std::optional<HashSecret> hash_secret;

}  // namespace

void seed_hashes(const std::optional<HashSecret>& secret) {
  static_assert(sizeof(HashSecret) >= XXH3_SECRET_SIZE_MIN);
  hash_secret = secret;
}

std::uint64_t hash_of(std::string_view bytes) {
  if (!hash_secret) return XXH3_64bits(bytes.data(), bytes.size());
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), hash_secret->data(),
                                hash_secret->size());
}

void HashIndex::erase(std::uint64_t hash, Ref ref) {
  Table& table = table_of(hash).change();
  table.erase({tag_of(hash), ref});
  if (table.used >= table.homes / 4) return;
  bytes_ -= table.bytes();
  table.rebuild([](Ref) { return false; });
  bytes_ += table.bytes();
}

void HashIndex::replace(std::uint64_t hash, Ref ref, Ref by) {
  Table& table = table_of(hash).change();
  table.slots[table.find({tag_of(hash), ref})].ref = by;
}

std::size_t HashIndex::Table::find(Slot slot) const {
  invariant(!slots.empty(), "a reference is looked for where it was put");
  std::size_t at = home(slot.tag);
  while (slots[at].is_before_or_at(slot.tag) &&
         (slots[at].tag != slot.tag || slots[at].ref != slot.ref))
    ++at;
  invariant(slots[at].ref == slot.ref, "a reference is looked for where it was put");
  return at;
}

bool HashIndex::Table::insert(Slot slot) {
  if (used >= homes - homes / 8) return false;
  std::size_t at = home(slot.tag);
  while (slots[at].is_before_or_at(slot.tag)) ++at;
  std::size_t end = at;
  while (slots[end].ref != none) ++end;
  if (end + 1 == slots.size()) return false;
  std::move_backward(&slots[at], &slots[end], &slots[end] + 1);
  slots[at] = slot;
  ++used;
  return true;
}

// The slots behind it that are not at home move up, as if it had never been there.
void HashIndex::Table::erase(Slot slot) {
  std::size_t at = find(slot);
  for (; slots[at + 1].ref != none && home(slots[at + 1].tag) <= at; ++at)
    slots[at] = slots[at + 1];
  slots[at] = {};
  --used;
}

// Makes a table of these entries, seven tenths full, with room for one more wherever it goes.
void HashIndex::Table::resize(const std::vector<Slot>& entries) {
  constexpr std::size_t least = 4, most_behind_the_last = 16;
  const std::size_t wanted = std::max(least, entries.size() * 10 / 7 + 1);
  homes = static_cast<std::uint32_t>(wanted);
  used = static_cast<std::uint32_t>(entries.size());
  slots = std::vector<Slot>(wanted + std::min(wanted, most_behind_the_last));
  std::size_t next = 0;
  for (const Slot& slot : entries) {
    const std::size_t at = std::max(home(slot.tag), next);
    if (at + 2 >= slots.size()) slots.resize(at + 3);
    slots[at] = slot;
    next = at + 1;
  }
}

}  // namespace jangbu
