// The feed of the log itself: every event, as a CloudEvent.
//
// Threads: pure functions.
#pragma once

#include "api/streams/subject.hpp"

namespace jangbu {

inline constexpr std::string_view log_event = "event";

streams::Subject all_events(streams::History history);

}  // namespace jangbu
