// Which events of the log are asked for: a stretch of it, some types, one entity.
//
// Threads: pure functions.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"

namespace jangbu {

struct EventFilter {
  static constexpr EventId last_of_all{{std::numeric_limits<std::uint64_t>::max()},
                                       std::numeric_limits<std::uint32_t>::max()};

  EventId from{{1}, 0};
  EventId to = last_of_all;             // inclusive
  std::vector<std::string> types = {};  // wire names; none: any
  std::optional<EntityId> entity = {};  // none: any
  std::string actor = {};               // empty: anybody

  bool matches(EventId id, const RecordedEvent& recorded) const;
  // Of what is about no entity, and nobody's wish.
  bool matches(EventId id, std::string_view type) const;
};

// A position or an event id, such as "42" or "42.1". A position alone means the first event of its
// commit.
std::optional<EventId> parse_place(std::string_view text);
// The same for the end of a stretch: a position alone means the last event of its commit.
std::optional<EventId> parse_last_place(std::string_view text);

// Whether this build writes events of this type.
bool is_event_type(std::string_view name);
// "AccountOpened, AddressChanged, …", for people.
std::string event_types();

}  // namespace jangbu
