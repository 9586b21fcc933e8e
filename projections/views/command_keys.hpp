// Commands that were carried out, by their idempotency key or by the quote they used up. They are
// remembered for 24 hours of the log's time or, if there are more of them than the budget, for as
// long as the budget lasts, but never for less than an hour.
//
// What is forgotten, and when, follows from the log and the budget alone, so a replay remembers
// what the running shop did. The last hour of the log is always remembered: to stay within the
// budget, commands that would have to be remembered are turned away.
//
// There may be tens of millions of them. So each takes little more than its 44 bytes, and neither
// the queue nor the index is ever moved as a whole, which would hold up every command for seconds.
// Forgotten keys stay in the index until their part of it grows.
//
// Threads: as Shared. Complexity: constant, except for drop(), which is linear in what it drops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "events/commit.hpp"
#include "events/values.hpp"
#include "projections/views/store/hash_index.hpp"
#include "projections/views/store/shared_fifo.hpp"

namespace jangbu {

class CommandKeys {
 public:
  struct Remembered {
    RequestHash request;  // for a quote: the id of the purchase it became
    EventId event;

    friend bool operator==(const Remembered&, const Remembered&) = default;
  };

  static constexpr std::int64_t longest_ms = 24 * 60 * 60 * 1000;
  static constexpr std::int64_t shortest_ms = 60 * 60 * 1000;
  static constexpr std::size_t default_budget = 50'000'000;

  explicit CommandKeys(std::size_t budget = default_budget);

  // The last command with this key.
  std::optional<Remembered> find(const KeyHash& key) const;

  // As Table::expect().
  void expect(const KeyHash& key) const;

  // REQUIRES: time does not go backwards; fewer than 2^32 keys are remembered.
  void remember(const KeyHash& key, const Remembered& command, Timestamp committed_at);

  // There is no room for another key: none of those here may be forgotten yet.
  bool full(Timestamp now) const;

  // How far back keys are remembered.
  std::int64_t window_ms(Timestamp now) const;

  // Keeps what was remembered since the last keep() or drop(), and forgets what is older than the
  // window that ends at `now`.
  void keep(Timestamp now);
  void drop();

  // Oldest first: the key, the command, and when it was committed.
  template <class Visit>
  void for_each(const Visit& visit) const {
    std::size_t at = 0;
    for (std::size_t run = 0; run < runs_.size(); ++run)
      for (std::size_t left = runs_[run].entries; left > 0; --left, ++at)
        visit(entries_[at].key, entries_[at].command(), runs_[run].committed_at);
  }

  std::size_t size() const { return entries_.size(); }
  std::size_t budget() const { return budget_; }
  std::size_t bytes() const;  // of memory

  friend bool operator==(const CommandKeys& a, const CommandKeys& b) {
    return a.entries_ == b.entries_;
  }

 private:
  using Ref = HashIndex::Ref;
  // References are the entries' running numbers modulo this, plus one, since 0 means none.
  static constexpr std::uint32_t ref_count = 0xffff'ffff;

  struct Entry {
    KeyHash key;
    RequestHash request;
    // In halves: a member of 64 bits would pad the 44 bytes to 48.
    std::uint32_t position_high = 0;
    std::uint32_t position_low = 0;
    std::uint32_t index = 0;

    Remembered command() const {
      return {request, {{std::uint64_t{position_high} << 32 | position_low}, index}};
    }
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  // How many consecutive entries were committed at one time.
  struct Run {
    Timestamp committed_at;
    std::size_t entries = 0;
  };

  Ref ref_of(std::size_t place) const;
  // Beyond the end of entries_ if that entry is gone.
  std::size_t place_of(Ref ref) const;
  void forget_oldest();

  std::size_t budget_;
  SharedFifo<Entry> entries_;  // oldest first
  SharedFifo<Run> runs_;
  std::uint64_t forgotten_ = 0;  // running number of the oldest entry
  std::size_t staged_ = 0;       // entries at the end of entries_
  HashIndex index_;
};

}  // namespace jangbu
