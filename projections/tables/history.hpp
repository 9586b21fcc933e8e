// The read model `history`: every event, by what it is about.
#pragma once

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

// Oldest first. A delivery's events are its purchase's.
Query<Page<HistoryRow>> history_of(const Entity& entity, const From<EventId>& from);

}  // namespace jangbu
