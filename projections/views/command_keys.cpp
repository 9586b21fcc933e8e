#include "projections/views/command_keys.hpp"

#include <algorithm>

namespace jangbu {

CommandKeys::CommandKeys(std::size_t budget) : budget_(budget) {}

std::optional<CommandKeys::Remembered> CommandKeys::find(const KeyHash& key) const {
  std::optional<std::size_t> youngest;
  index_.find(hash_of(bytes_of(key)), [&](Ref ref) {
    const std::size_t place = place_of(ref);
    if (place < entries_.size() && entries_[place].key == key && (!youngest || *youngest < place))
      youngest = place;
    return false;
  });
  if (!youngest) return std::nullopt;
  return entries_[*youngest].command();
}

void CommandKeys::expect(const KeyHash& key) const {
  index_.find(hash_of(bytes_of(key)), [](Ref) { return false; });
}

void CommandKeys::remember(const KeyHash& key, const Remembered& command, Timestamp committed_at) {
  const std::uint64_t position = command.event.position.value;
  entries_.push_back({.key = key,
                      .request = command.request,
                      .position_high = static_cast<std::uint32_t>(position >> 32),
                      .position_low = static_cast<std::uint32_t>(position),
                      .index = command.event.index});
  index_.insert(hash_of(bytes_of(key)), ref_of(entries_.size() - 1),
                [&](Ref ref) { return place_of(ref) >= entries_.size(); });
  if (runs_.empty() || runs_.back().committed_at != committed_at) runs_.push_back({committed_at});
  runs_.set(runs_.size() - 1, {committed_at, runs_.back().entries + 1});
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

void CommandKeys::drop() {
  for (; staged_ > 0; --staged_) {
    index_.erase(hash_of(bytes_of(entries_.back().key)), ref_of(entries_.size() - 1));
    entries_.pop_back();
    const Run last = runs_.back();
    if (last.entries == 1) {
      runs_.pop_back();
    } else {
      runs_.set(runs_.size() - 1, {last.committed_at, last.entries - 1});
    }
  }
}

std::size_t CommandKeys::bytes() const {
  return entries_.bytes() + runs_.bytes() + index_.bytes();
}

CommandKeys::Ref CommandKeys::ref_of(std::size_t place) const {
  return static_cast<Ref>((forgotten_ + place) % ref_count) + 1;
}

std::size_t CommandKeys::place_of(Ref ref) const {
  const auto oldest = static_cast<std::uint32_t>(forgotten_ % ref_count);
  const std::uint32_t number = ref - 1;
  return number >= oldest ? number - oldest : number + (ref_count - oldest);
}

void CommandKeys::forget_oldest() {
  entries_.pop_front();
  ++forgotten_;
  const Run first = runs_.front();
  if (first.entries == 1) {
    runs_.pop_front();
  } else {
    runs_.set(0, {first.committed_at, first.entries - 1});
  }
}

}  // namespace jangbu
