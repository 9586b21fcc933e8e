// What a request says of the command in it, beside the command: its idempotency key, and the trace
// it belongs to.
//
// Threads: pure functions. Errors: they throw Problem.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.hpp"
#include "events/commit.hpp"

namespace jangbu {

// Idempotency-Key, checked.
std::optional<std::string_view> idempotency_key(const http::Request& request);

// The key's hash, and that of everything in the request that makes it this one.
std::optional<CommandKey> command_key(const http::Request& request);

// Of a row of a bulk import: no request has such a key.
CommandKey row_key(std::string_view prefix, std::uint64_t line, std::string_view target,
                   std::string_view row);

// What the request calls itself, for whoever follows its trace through the log: W3C traceparent or
// X-Request-Id; empty without a valid one of either.
std::string correlation_of(const http::Request& request);

}  // namespace jangbu
