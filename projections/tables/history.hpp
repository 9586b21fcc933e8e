// The read model `history`: every event, by the entity it is about.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

struct HistoryRow {
  EventId id;
  RecordedEvent recorded;

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

extern const ReadModel history_model;

// No event at this position comes after this id; at the highest position there is, no event at all.
constexpr EventId last_event_at(Position position) {
  return {position, std::numeric_limits<std::int32_t>::max()};
}
inline constexpr EventId last_of_all = last_event_at({std::numeric_limits<std::int64_t>::max()});

// Oldest first, up to and including `until`. A delivery's events are its purchase's.
Query<Page<HistoryRow>> history_of(const Entity& entity, const From<EventId>& from,
                                   EventId until = last_of_all);

// The same for an id alone, whatever kind of entity it belongs to.
Query<Page<HistoryRow>> events_of(EntityId entity, const From<EventId>& from);

// The last event up to and including `until`.
Query<std::optional<HistoryRow>> last_event_of(const Entity& entity, EventId until);

}  // namespace jangbu
