// The source of time, new ids and secrets. The domain receives them in its commands.
//
// Threads: any. Processes: safe after a fork too, since no random bytes are buffered.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "events/values.hpp"

namespace jangbu {

Timestamp system_now();

// Fills `bytes` with unpredictable bytes from the system. REQUIRES: at most 256.
void fill_random(std::span<std::uint8_t> bytes);

// Any number, equally likely, for waits that are not to coincide.
std::uint32_t random_number();

// An unpredictable UUID version 7: 48 bits of Unix time in ms, a 12-bit counter within that ms, and
// 62 random bits (RFC 9562, sections 5.7 and 6.2, method 1). Each is greater than all that this
// process made before, on any thread, even when the clock goes back.
std::array<std::uint8_t, 16> new_uuid();

// The ms (upper bits) and counter (lower 12 bits) of the id that follows `last`. In a new ms the
// counter starts at a random value in the lower half of its range, which leaves room to count. When
// the counter overflows, or the clock is behind, the result is simply `last` + 1.
std::uint64_t next_tick(std::uint64_t last, Timestamp now, std::uint16_t random);

template <class SomeId>
SomeId new_id() {
  return SomeId{new_uuid()};
}

}  // namespace jangbu
