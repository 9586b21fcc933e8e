// The feed of deliveries: every change of a delivery's status.
//
// Threads: pure functions.
#pragma once

#include "api/streams/event_feed.hpp"

namespace jangbu {

inline constexpr std::string_view delivery_event = "delivery-status";

// A delivery has the id of its purchase, and its history.
EventFeed::Subject delivery_changes(EventFeed::History history);

}  // namespace jangbu
