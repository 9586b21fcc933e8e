// The feed of deliveries: every change of status.
//
// Threads: pure functions.
#pragma once

#include "api/streams/subject.hpp"

namespace jangbu {

inline constexpr std::string_view delivery_event = "delivery-status";

// A delivery shares the id and the history of its purchase.
streams::Subject delivery_changes(streams::History history);

}  // namespace jangbu
