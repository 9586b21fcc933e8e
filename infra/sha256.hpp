// SHA-256 (FIPS 180-4).
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace jangbu {

using Sha256 = std::array<std::uint8_t, 32>;

// The digest of the concatenated parts.
Sha256 sha256(std::initializer_list<std::string_view> parts);

}  // namespace jangbu
