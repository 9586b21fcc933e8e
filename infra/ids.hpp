// Where time, new ids and secrets come from. The domain gets them in its commands.
//
// Threads: any. Processes: also one that was forked, since nothing random is kept for later.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "events/values.hpp"

namespace jangbu {

Timestamp system_now();

// Bytes that nobody can foretell, from the system. REQUIRES: at most 256.
void fill_random(std::span<std::uint8_t> bytes);

// A UUID version 7 that nobody can foretell: 48 bits of Unix time in ms, 12 that count the ids of
// that ms, 62 random ones (RFC 9562, sections 5.7 and 6.2, method 1). Each is above all that this
// process made before, whichever thread asked, and when the clock goes back, too.
std::array<std::uint8_t, 16> new_uuid();

// The ms (above) and count (12 bits below) of the id after the one that had `last`. A new ms begins
// to count at random, in the lower half, so that there is room to count; beyond the end of the
// count, or while the clock is behind, it goes on from the last one.
std::uint64_t next_tick(std::uint64_t last, Timestamp now, std::uint16_t random);

template <class SomeId>
SomeId new_id() {
  return SomeId{new_uuid()};
}

}  // namespace jangbu
