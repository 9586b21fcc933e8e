#include "infra/ids.hpp"

#include <chrono>
#include <cstring>
#include <random>

namespace jangbu {

Timestamp system_now() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

std::array<std::uint8_t, 16> new_uuid() {
  thread_local std::mt19937_64 random = [] {
    std::random_device entropy;
    std::seed_seq seed{entropy(), entropy(), entropy(), entropy(),
                       entropy(), entropy(), entropy(), entropy()};
    return std::mt19937_64(seed);
  }();
  std::array<std::uint8_t, 16> uuid;
  const std::uint64_t high = random();
  const std::uint64_t low = random();
  std::memcpy(uuid.data(), &high, sizeof high);
  std::memcpy(uuid.data() + 8, &low, sizeof low);
  const auto ms = static_cast<std::uint64_t>(system_now().ms);
  for (std::size_t i = 0; i < 6; ++i) uuid[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  uuid[6] = static_cast<std::uint8_t>(0x70 | (uuid[6] & 0x0f));
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3f));
  return uuid;
}

}  // namespace jangbu
