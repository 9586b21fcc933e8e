// Where time and new ids come from. The domain gets both in its commands.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "events/values.hpp"

namespace jangbu {

Timestamp system_now();

// A UUID version 7: 48 bits of Unix time in ms, then random bits (RFC 9562, section 5.7). The
// random bits come from a generator per thread that the system's entropy seeds: good enough to be
// unique, not a secret.
std::array<std::uint8_t, 16> new_uuid();

template <class SomeId>
SomeId new_id() {
  return SomeId{new_uuid()};
}

}  // namespace jangbu
