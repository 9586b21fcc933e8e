// What a request says about itself, so that it can be followed from one service to the next: its
// own id, and its place in a distributed trace.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jangbu::http {

// Whether an X-Request-Id can be adopted: 1 to 128 visible ASCII characters.
bool is_request_id(std::string_view text);

// A valid `traceparent` (W3C Trace Context, section 3.2.2) in the form of version 00; an invalid
// one counts as not sent. Of later versions, only what version 00 defines is kept.
std::optional<std::string> parse_traceparent(std::string_view text);

}  // namespace jangbu::http
