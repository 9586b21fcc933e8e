// The feed of the log itself: every event, as a CloudEvent of this source.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "api/streams/subject.hpp"

namespace jangbu {

inline constexpr std::string_view log_event = "event";

streams::Subject all_events(std::string source, streams::History history);

}  // namespace jangbu
