// Where things are, by the hash of their key: 32-bit references, each with 32 bits of its hash.
// What a reference leads to is the caller's business, so nothing is stored twice; the caller looks
// there to tell whether it is the right one.
//
// Slots lie in the order of their hashes, each at its home or as little behind it as the slots
// before it allow (ordered linear probing: O. Amble and D. E. Knuth, The Computer Journal 1974).
// There are many tables, each for a part of the hashes and growing by itself, by a quarter at a
// time: no growth moves more than a thousandth of the index, so none holds up the writer, and none
// leaves a table half empty. A slot takes 8 bytes, an entry about 10.
//
// Threads: as Shared. Complexity: constant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "events/values.hpp"
#include "projections/views/store/shared.hpp"

namespace jangbu {

std::uint64_t hash_of(std::string_view bytes);

// What hash_of() depends on besides the bytes. Strangers choose names, and the keys by which ids
// and idempotency keys are looked up: anyone who knew the hashes could choose many that lie in one
// place. So a process draws a secret of its own, before it hashes anything and starts any thread.
// Without one, as in tests, every run hashes alike. No hash is ever stored.
using HashSecret = std::array<std::uint8_t, 192>;
void seed_hashes(const std::optional<HashSecret>& secret);

template <class Of>
std::string_view bytes_of(const Id<Of>& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

// For the standard library's tables of ids that strangers choose.
struct SecretHash {
  template <class Of>
  std::size_t operator()(const Id<Of>& id) const {
    return hash_of(bytes_of(id));
  }
};

class HashIndex {
 public:
  using Ref = std::uint32_t;
  static constexpr Ref none = 0;

  HashIndex() : tables_(table_count) {}

  // The first reference with this hash for which `is_it` holds, or none.
  template <class IsIt>
  Ref find(std::uint64_t hash, const IsIt& is_it) const {
    const Table* table = table_of(hash).get();
    if (!table) return none;
    const std::uint32_t tag = tag_of(hash);
    for (const Slot* slot = &table->slots[table->home(tag)]; slot->is_before_or_at(tag); ++slot)
      if (slot->tag == tag && is_it(slot->ref)) return slot->ref;
    return none;
  }

  // `is_gone` recognises references that were left here and no longer lead anywhere: they are
  // removed when a table grows.
  template <class IsGone>
  void insert(std::uint64_t hash, Ref ref, const IsGone& is_gone) {
    Table& table = table_of(hash).change();
    while (!table.insert({tag_of(hash), ref})) {
      bytes_ -= table.bytes();
      table.rebuild(is_gone);
      bytes_ += table.bytes();
    }
  }
  void insert(std::uint64_t hash, Ref ref) {
    insert(hash, ref, [](Ref) { return false; });
  }

  // REQUIRES: `ref` is here, with this hash.
  void erase(std::uint64_t hash, Ref ref);
  void replace(std::uint64_t hash, Ref ref, Ref by);

  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Shared<Table>& table : tables_)
      if (table.get())
        for (const Slot& slot : table.get()->slots)
          if (slot.ref != none) visit(slot.ref);
  }

  std::size_t bytes() const { return bytes_ + tables_.size() * sizeof(Shared<Table>); }

 private:
  static constexpr std::size_t table_bits = 10;
  static constexpr std::size_t table_count = std::size_t{1} << table_bits;

  struct Slot {
    std::uint32_t tag = 0;
    Ref ref = none;

    bool is_before_or_at(std::uint32_t other) const { return ref != none && tag <= other; }
  };

  struct Table {
    std::uint32_t homes = 0;  // how many places tags map to, in their order
    std::uint32_t used = 0;
    std::vector<Slot> slots;  // the last one is always empty

    std::size_t home(std::uint32_t tag) const { return std::uint64_t{tag} * homes >> 32; }
    std::size_t bytes() const { return sizeof(Table) + slots.capacity() * sizeof(Slot); }
    std::size_t find(Slot slot) const;
    bool insert(Slot slot);  // false: there is no room
    void erase(Slot slot);
    void resize(const std::vector<Slot>& entries);

    template <class IsGone>
    void rebuild(const IsGone& is_gone) {
      std::vector<Slot> entries;
      entries.reserve(used);
      for (const Slot& slot : slots)
        if (slot.ref != none && !is_gone(slot.ref)) entries.push_back(slot);
      resize(entries);
    }
  };

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  Shared<Table>& table_of(std::uint64_t hash) { return tables_[hash >> (64 - table_bits)]; }
  const Shared<Table>& table_of(std::uint64_t hash) const {
    return tables_[hash >> (64 - table_bits)];
  }

  std::vector<Shared<Table>> tables_;
  std::size_t bytes_ = 0;  // of the tables
};

}  // namespace jangbu
