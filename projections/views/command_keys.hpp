// Commands that were carried out, by their idempotency key or by the quote they used up: for 24
// hours of the log's time, or, when they are more than the budget, for as long as it lasts, but
// never for less than an hour.
//
// What is forgotten when follows from the log and the budget alone, so a replay remembers what the
// running shop did. What the log holds of the last hour is remembered whatever the budget: it is
// kept by taking no more commands that have to be remembered.
//
// There may be tens of millions of them. So each takes little more than its 44 bytes, and neither
// the queue nor the index is ever moved as a whole, which would hold up every command for seconds.
// What is forgotten is left in the index until that part of it grows.
//
// Threads: as Shared. Complexity: constant, but for drop(), which is linear in what it drops.
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
    RequestHash request;  // of a quote: the id of the purchase that it became
    EventId event;

    friend bool operator==(const Remembered&, const Remembered&) = default;
  };

  static constexpr std::int64_t longest_ms = 24 * 60 * 60 * 1000;
  static constexpr std::int64_t shortest_ms = 60 * 60 * 1000;
  static constexpr std::size_t default_budget = 50'000'000;

  explicit CommandKeys(std::size_t budget = default_budget);

  // The last command of this key.
  std::optional<Remembered> find(const KeyHash& key) const;

  // REQUIRES: time does not go back; fewer than 2^32 are remembered.
  void remember(const KeyHash& key, const Remembered& command, Timestamp committed_at);

  // No room for one more: those that are here may not be forgotten yet.
  bool full(Timestamp now) const;

  // How far back keys are remembered.
  std::int64_t window_ms(Timestamp now) const;

  // Keeps what was remembered since the last keep() or drop(), and forgets what is older than the
  // window that ends now.
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
  // References are the entries' numbers, which go up by one, modulo this, and one more.
  static constexpr std::uint32_t ref_count = 0xffff'ffff;

  struct Entry {
    KeyHash key;
    RequestHash request;
    // In halves, since 44 bytes are no multiple of 8.
    std::uint32_t position_high = 0;
    std::uint32_t position_low = 0;
    std::uint32_t index = 0;

    Remembered command() const {
      return {request, {{std::uint64_t{position_high} << 32 | position_low}, index}};
    }
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  // How many of the entries, one after the other, were committed at a time.
  struct Run {
    Timestamp committed_at;
    std::size_t entries = 0;
  };

  Ref ref_of(std::size_t place) const;
  // Beyond the end of entries_ when that entry is gone.
  std::size_t place_of(Ref ref) const;
  void forget_oldest();

  std::size_t budget_;
  SharedFifo<Entry> entries_;  // oldest first
  SharedFifo<Run> runs_;
  std::uint64_t forgotten_ = 0;  // the number of the oldest
  std::size_t staged_ = 0;       // how many at the end of entries_
  HashIndex index_;
};

}  // namespace jangbu
