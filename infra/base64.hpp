// Bytes as text (RFC 4648): base64, its variant for URLs and file names, and hexadecimal digits.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jangbu {

std::string to_base64(std::string_view bytes);
// Empty when the text is not base64.
std::optional<std::string> from_base64(std::string_view text);

// Without padding. The same bytes have one text only: one with other bits behind the last byte is
// refused.
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

// Lower case.
std::string to_hex(std::span<const std::uint8_t> bytes);

inline std::string_view chars_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace jangbu
