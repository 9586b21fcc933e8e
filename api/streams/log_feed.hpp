// The feed of the log itself: every event, as a CloudEvent.
//
// Threads: pure functions.
#pragma once

#include "api/streams/event_feed.hpp"

namespace jangbu {

inline constexpr std::string_view log_event = "event";

EventFeed::Subject all_events(EventFeed::History history);

}  // namespace jangbu
