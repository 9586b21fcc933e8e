// Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com), by which a receiver knows
// that a message is from us, and which message it is.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jangbu::webhook {

inline constexpr std::size_t shortest_secret = 24;  // bytes
inline constexpr std::size_t longest_secret = 64;

// The bytes of a secret in the form in which it is handed over: `whsec_` and base64. Empty when it
// is none.
std::optional<std::string> parse_secret(std::string_view text);

// The value of `webhook-signature`: one signature for each secret, so that receivers who have only
// the old one, or only the new one, accept the message while a secret changes.
// `id` and `timestamp_s` are the values of `webhook-id` and `webhook-timestamp`.
std::string sign(const std::vector<std::string>& secrets, std::string_view id,
                 std::int64_t timestamp_s, std::string_view body);

}  // namespace jangbu::webhook
