// The feed of deliveries: every change of a delivery's status.
//
// Threads: pure functions.
#pragma once

#include "api/streams/subject.hpp"

namespace jangbu {

inline constexpr std::string_view delivery_event = "delivery-status";

// A delivery has the id of its purchase, and its history.
streams::Subject delivery_changes(streams::History history);

}  // namespace jangbu
