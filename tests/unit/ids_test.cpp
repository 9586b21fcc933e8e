#include "infra/ids.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

namespace jangbu::test {

namespace {

using Uuid = std::array<std::uint8_t, 16>;

std::uint64_t tick_of(const Uuid& uuid) {
  std::uint64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | uuid[i];
  return ms << 12 | (uuid[6] & 0x0fU) << 8 | uuid[7];
}

std::vector<Uuid> uuids(std::size_t count) {
  std::vector<Uuid> made(count);
  for (Uuid& uuid : made) uuid = new_uuid();
  return made;
}

}  // namespace

TEST_CASE("an id is a UUID of version 7, of now") {
  const Timestamp before = system_now();
  const Uuid uuid = new_uuid();
  CHECK(uuid[6] >> 4 == 7);
  CHECK(uuid[8] >> 6 == 2);
  CHECK(static_cast<std::int64_t>(tick_of(uuid) >> 12) >= before.ms);
}

TEST_CASE("ids rise, also inside a millisecond and from thread to thread") {
  constexpr std::size_t each = 20'000;
  const std::vector<Uuid> first = uuids(each);
  CHECK(std::ranges::is_sorted(first));

  std::vector<std::vector<Uuid>> of_thread(4);
  std::vector<std::jthread> threads;
  for (auto& mine : of_thread) threads.emplace_back([&mine] { mine = uuids(each); });
  threads.clear();

  std::set<std::uint64_t> ticks;
  for (const auto& mine : of_thread) {
    CHECK(std::ranges::is_sorted(mine));
    CHECK(first.back() < mine.front());
    for (const Uuid& uuid : mine) ticks.insert(tick_of(uuid));
  }
  CHECK(ticks.size() == 4 * each);  // no two at the same place: whichever is later is above
}

TEST_CASE("ids rise while the clock is behind") {
  const std::uint64_t noon = next_tick(0, {1'000'000}, 0xffff);
  CHECK(noon == (1'000'000ULL << 12 | 0x7ff));  // half of the count is left
  CHECK(next_tick(noon, {1'000'000}, 7) == noon + 1);
  CHECK(next_tick(noon, {999'000}, 7) == noon + 1);
  CHECK(next_tick(noon, {1'000'001}, 7) == (1'000'001ULL << 12 | 7));
  // More than there is room for in a millisecond: as if it were the next one already.
  const std::uint64_t full = 1'000'000ULL << 12 | 0xfff;
  CHECK(next_tick(full, {1'000'000}, 7) == 1'000'001ULL << 12);
  CHECK(next_tick(full + 1, {1'000'001}, 7) == full + 2);
}

// The shortest linear recurrence that makes a sequence of bits (Berlekamp and Massey): half as long
// as the sequence when there is none. A Mersenne Twister has one of 19,937 bits for each of its
// bits, by which the next is computed from those before.
TEST_CASE("ids cannot be foretold from those before") {
  constexpr std::size_t length = 41'000;
  using Bits = std::bitset<length + 1>;
  Bits recurrence{1}, before{1}, seen;
  std::size_t complexity = 0;
  for (std::size_t n = 0; n < length; ++n) {
    before <<= 1;
    seen <<= 1;
    seen[0] = (new_uuid()[15] & 1) != 0;
    if (((recurrence & seen).count() & 1) == 0) continue;
    const Bits last = recurrence;
    recurrence ^= before;
    if (2 * complexity > n) continue;
    complexity = n + 1 - complexity;
    before = last;
  }
  CHECK(complexity > length / 2 - 100);  // by chance it is shorter once in 2^200 times
}

}  // namespace jangbu::test
