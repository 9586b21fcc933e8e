#include "projections/views/command_keys.hpp"

#include <algorithm>
#include <functional>

namespace jangbu {

CommandKeys::CommandKeys(std::size_t budget) : budget_(budget), buckets_(1) {}

// A bucket's entries go from the youngest to the oldest, so that the first one that is gone ends
// it.
std::optional<CommandKeys::Remembered> CommandKeys::find(const KeyHash& key) const {
  std::size_t end = entries_.size();
  for (std::size_t at = place(buckets_[bucket_of(key)]); at < end;) {
    const Entry& entry = entries_[at];
    if (entry.key == key) return Remembered{entry.request, {{entry.position}, entry.index}};
    end = at;
    at = place(entry.older);
  }
  return std::nullopt;
}

void CommandKeys::remember(const KeyHash& key, const Remembered& command, Timestamp committed_at) {
  if (buckets_.size() <= entries_.size()) split_bucket();
  Number& bucket = buckets_[bucket_of(key)];
  const Number number = number_behind_last();
  entries_.push_back({.key = key,
                      .request = command.request,
                      .position = command.event.position.value,
                      .index = command.event.index,
                      .older = bucket});
  bucket = number;
  if (runs_.empty() || runs_.back().committed_at != committed_at) runs_.push_back({committed_at});
  ++runs_.back().entries;
  ++staged_;
}

bool CommandKeys::full(Timestamp now) const {
  if (entries_.size() < budget_) return false;
  return entries_.empty() || runs_.front().committed_at.ms >= now.ms - shortest_ms;
}

std::int64_t CommandKeys::window_ms(Timestamp now) const {
  if (entries_.size() < budget_ || entries_.empty()) return longest_ms;
  return std::clamp(now.ms - runs_.front().committed_at.ms, shortest_ms, longest_ms);
}

void CommandKeys::keep(Timestamp now) {
  staged_ = 0;
  const auto oldest_is_before = [&](std::int64_t ms) {
    return !entries_.empty() && runs_.front().committed_at.ms < ms;
  };
  while (oldest_is_before(now.ms - longest_ms)) forget_oldest();
  while (entries_.size() > budget_ && oldest_is_before(now.ms - shortest_ms)) forget_oldest();
}

// Each is the youngest of its bucket when its turn comes.
void CommandKeys::drop() {
  for (; staged_ > 0; --staged_) {
    buckets_[bucket_of(entries_.back().key)] = entries_.back().older;
    entries_.pop_back();
    if (--runs_.back().entries == 0) runs_.pop_back();
  }
}

std::size_t CommandKeys::bytes() const {
  return entries_.size() * sizeof(Entry) + runs_.size() * sizeof(Run) +
         buckets_.size() * sizeof(Number);
}

// The lowest bits are left out: those of a quote, which is a UUID, are not all random.
std::size_t CommandKeys::bucket_of(const KeyHash& key) const {
  constexpr int uneven_bits = 8;
  const std::size_t hash = std::hash<KeyHash>()(key) >> uneven_bits;
  const std::size_t bucket = hash & (unsplit_ - 1);
  return bucket < split_ ? hash & (2 * unsplit_ - 1) : bucket;
}

// Shares the entries of one bucket between it and a new one, in their order.
void CommandKeys::split_bucket() {
  const Number gone = oldest_ - 1;
  const std::size_t from = split_;
  std::size_t at = place(buckets_[from]);
  buckets_.push_back(gone);
  if (++split_ == unsplit_) {
    unsplit_ *= 2;
    split_ = 0;
  }
  Number* stays = &buckets_[from];
  Number* moves = &buckets_.back();
  for (std::size_t end = entries_.size(); at < end;) {
    Entry& entry = entries_[at];
    Number*& tail = bucket_of(entry.key) == from ? stays : moves;
    *tail = oldest_ + static_cast<Number>(at);
    tail = &entry.older;
    end = at;
    at = place(entry.older);
  }
  *stays = *moves = gone;
}

void CommandKeys::forget_oldest() {
  entries_.pop_front();
  ++oldest_;
  if (--runs_.front().entries == 0) runs_.pop_front();
}

}  // namespace jangbu
