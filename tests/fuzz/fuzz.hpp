// What the fuzz targets share. libFuzzer calls LLVMFuzzerTestOneInput with bytes of its making,
// again and again; a target is one file that defines it. What must hold is said with invariant().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace jangbu::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// RFC 3629, section 4, by the letter: what the code under test decides with a library.
inline bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  for (std::size_t at = 0; at < text.size();) {
    const std::uint8_t first = byte(at++);
    if (first < 0x80) continue;
    const std::size_t tail = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || text.size() - at < tail) return false;
    const std::uint8_t least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (byte(at) < least || byte(at) > most) return false;
    for (std::size_t i = 1; i < tail; ++i)
      if ((byte(at + i) & 0xC0) != 0x80) return false;
    at += tail;
  }
  return true;
}

}  // namespace jangbu::fuzz
