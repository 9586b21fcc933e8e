#include "infra/ids.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

namespace jangbu {

Timestamp system_now() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

// Every call asks the kernel, which takes less than a microsecond: a buffer would hold the same
// bytes in both processes after a fork.
void fill_random(std::span<std::uint8_t> bytes) {
  if (::getentropy(bytes.data(), bytes.size()) != 0)
    throw std::system_error(errno, std::generic_category(), "the system gives no random bytes");
}

std::uint32_t random_number() {
  std::array<std::uint8_t, 4> bytes{};
  fill_random(bytes);
  return std::bit_cast<std::uint32_t>(bytes);
}

std::uint64_t next_tick(std::uint64_t last, Timestamp now, std::uint16_t random) {
  const std::uint64_t fresh = static_cast<std::uint64_t>(now.ms) << 12 | (random & 0x7ffU);
  return fresh >> 12 > last >> 12 ? fresh : last + 1;
}

std::array<std::uint8_t, 16> new_uuid() {
  static std::atomic<std::uint64_t> last_tick{0};
  std::array<std::uint8_t, 18> random;
  fill_random(random);
  std::uint16_t begin = 0;
  std::memcpy(&begin, &random[16], sizeof begin);
  std::uint64_t last = last_tick.load(), tick = 0;
  do {
    tick = next_tick(last, system_now(), begin);
  } while (!last_tick.compare_exchange_weak(last, tick));

  std::array<std::uint8_t, 16> uuid;
  std::copy_n(random.begin(), uuid.size(), uuid.begin());
  const std::uint64_t ms = tick >> 12;
  for (std::size_t i = 0; i < 6; ++i) uuid[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  uuid[6] = static_cast<std::uint8_t>(0x70 | (tick >> 8 & 0x0f));
  uuid[7] = static_cast<std::uint8_t>(tick);
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3f));
  return uuid;
}

}  // namespace jangbu
