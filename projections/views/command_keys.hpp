// Commands that were carried out, by their idempotency key or by the quote they used up: for 24
// hours of the log's time, or, when they are more than the budget, for as long as it lasts, but
// never for less than an hour.
//
// What is forgotten when follows from the log and the budget alone, so a replay remembers what the
// running shop did. What the log holds of the last hour is remembered whatever the budget: it is
// kept by taking no more commands that have to be remembered.
//
// There may be tens of millions of them. So each takes little more than its 48 bytes, and the index
// grows a bucket at a time (linear hashing: W. Litwin, VLDB 1980): no table is ever moved as a
// whole, which would hold up every command for seconds.
//
// Threads: one at a time. Complexity: constant, but for drop(), which is linear in what it drops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "events/commit.hpp"
#include "events/values.hpp"

namespace jangbu {

class CommandKeys {
 public:
  struct Remembered {
    RequestHash request;  // zero for a quote
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

  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const;  // of memory

  friend bool operator==(const CommandKeys& a, const CommandKeys& b) {
    return a.entries_ == b.entries_;
  }

 private:
  // Entries have numbers that go up by one, modulo 2^32.
  using Number = std::uint32_t;

  struct Entry {
    KeyHash key;
    RequestHash request;
    std::uint64_t position = 0;
    std::uint32_t index = 0;
    Number older = 0;  // the next one in its bucket; one that is gone ends the bucket

    friend bool operator==(const Entry& a, const Entry& b) {
      return a.key == b.key && a.request == b.request && a.position == b.position &&
             a.index == b.index;
    }
  };
  // How many of the entries, one after the other, were committed at a time.
  struct Run {
    Timestamp committed_at;
    std::size_t entries = 0;
  };

  // The place of a number in entries_; beyond its end when that entry is gone.
  std::size_t place(Number number) const { return static_cast<Number>(number - oldest_); }
  Number number_behind_last() const { return oldest_ + static_cast<Number>(entries_.size()); }
  std::size_t bucket_of(const KeyHash& key) const;
  void split_bucket();
  void forget_oldest();

  std::size_t budget_;
  std::deque<Entry> entries_;  // oldest first
  std::deque<Run> runs_;
  Number oldest_ = 1;
  std::size_t staged_ = 0;  // how many at the end of entries_

  // The youngest entry of each bucket. Those below `split_` and as many at the end are told apart
  // by one bit more of the hash than the others.
  std::deque<Number> buckets_;
  std::size_t unsplit_ = 1;  // how many there were when this round of splits began: a power of two
  std::size_t split_ = 0;
};

}  // namespace jangbu
