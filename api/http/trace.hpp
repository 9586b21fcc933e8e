// What a request says of where it belongs, for those who follow it from one service to the next:
// its own id, and its place in a distributed trace.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jangbu::http {

// Whether X-Request-Id may be taken over: 1 to 128 visible ASCII characters.
bool is_request_id(std::string_view text);

// A valid `traceparent` (W3C Trace Context, section 3.2.2), as version 00 writes it; what is not
// valid is as if it had not been sent. Of later versions only what this one knows is kept.
std::optional<std::string> parse_traceparent(std::string_view text);

}  // namespace jangbu::http
