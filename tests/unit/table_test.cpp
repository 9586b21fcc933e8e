#include "projections/views/table.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <map>
#include <string>

#include "projections/views/shop.hpp"
#include "tests/support/property.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

using Numbers = Table<std::string, int>;

std::map<std::string, int> content_of(const Numbers& table) {
  return {table.begin(), table.end()};
}

using Content = std::map<std::string, int>;

}  // namespace

TEST_CASE("a table is a map") {
  Numbers table;
  CHECK_FALSE(table.find("a"));
  table.put("a", 1);
  table.put("b", 2);
  table.put("a", 3);
  REQUIRE(table.find("a"));
  CHECK(*table.find("a") == 3);
  CHECK(table.size() == 2);
  table.erase("b");
  table.erase("c");
  CHECK(content_of(table) == Content{{"a", 3}});
}

TEST_CASE("what was not kept is dropped, whatever it was") {
  Numbers table;
  table.put("old", 1);
  table.put("gone", 2);
  table.keep();
  const Content before = content_of(table);

  SECTION("a new key") {
    table.put("new", 3);
  }
  SECTION("a changed value, more than once") {
    table.put("old", 3);
    table.put("old", 4);
  }
  SECTION("an erased key") {
    table.erase("gone");
  }
  SECTION("one that was not there") {
    table.erase("never");
  }
  SECTION("erased and put again") {
    table.erase("gone");
    table.put("gone", 3);
  }
  SECTION("put, erased and put again") {
    table.put("new", 3);
    table.erase("new");
    table.put("new", 4);
  }
  SECTION("changed, erased, put and erased") {
    table.put("old", 3);
    table.erase("old");
    table.put("old", 4);
    table.erase("old");
  }
  table.drop();
  CHECK(content_of(table) == before);
  table.drop();
  CHECK(content_of(table) == before);
}

TEST_CASE("what was kept stays") {
  Numbers table;
  table.put("a", 1);
  table.keep();
  table.erase("a");
  table.put("b", 2);
  table.keep();
  table.drop();
  CHECK(content_of(table) == Content{{"b", 2}});
}

TEST_CASE("a table is what the kept changes make of it") {
  property("as a map that is copied for every turn", [] {
    Numbers table;
    Content kept;
    Content staged;
    const auto changes = *rc::gen::container<std::vector<std::tuple<int, int, int>>>(
        rc::gen::tuple(rc::gen::inRange(0, 8), rc::gen::inRange(0, 4), rc::gen::inRange(0, 100)));
    for (const auto& [what, number, value] : changes) {
      const std::string name = std::to_string(number);
      if (what < 4) {
        table.put(name, value);
        staged[name] = value;
      } else if (what < 6) {
        table.erase(name);
        staged.erase(name);
      } else if (what == 6) {
        table.keep();
        kept = staged;
      } else {
        table.drop();
        staged = kept;
      }
      RC_ASSERT(content_of(table) == staged);
    }
    table.drop();
    RC_ASSERT(content_of(table) == kept);
  });
}

// --- Command keys --------------------------------------------------------------------------------

namespace {

constexpr CommandKeys::Remembered first{id<RequestHash>(1), {{1}, 0}};
constexpr CommandKeys::Remembered second{id<RequestHash>(2), {{2}, 0}};
const KeyHash one = id<KeyHash>(1);
const KeyHash two = id<KeyHash>(2);

constexpr Timestamp ms(std::int64_t time) {
  return {time};
}

}  // namespace

TEST_CASE("a command key is found as soon as it is staged, and only stays when kept") {
  CommandKeys keys;
  keys.remember(one, first, ms(10));
  REQUIRE(keys.find(one));
  CHECK(*keys.find(one) == first);
  keys.drop();
  CHECK_FALSE(keys.find(one));
  keys.remember(one, first, ms(10));
  keys.keep(ms(10));
  keys.remember(two, second, ms(20));
  keys.drop();
  CHECK(keys.find(one));
  CHECK_FALSE(keys.find(two));
}

TEST_CASE("a command key is forgotten after the window, and not before") {
  CommandKeys keys;
  keys.remember(one, first, ms(10));
  keys.keep(ms(10));
  keys.remember(two, second, ms(20));
  keys.keep(ms(20));
  keys.keep(ms(10 + CommandKeys::longest_ms));
  CHECK(keys.find(one));
  keys.keep(ms(11 + CommandKeys::longest_ms));
  CHECK_FALSE(keys.find(one));
  CHECK(keys.find(two));
  keys.keep(ms(21 + CommandKeys::longest_ms));
  CHECK(keys.size() == 0);
}

TEST_CASE("what is dropped leaves no trace in the window") {
  CommandKeys keys;
  keys.remember(one, first, ms(10));
  keys.drop();
  // Were the dropped one still counted, this one would be forgotten in its place.
  keys.remember(one, second, ms(1'000));
  keys.keep(ms(1'000));
  keys.keep(ms(11 + CommandKeys::longest_ms));
  REQUIRE(keys.find(one));
  CHECK(*keys.find(one) == second);
}

TEST_CASE("a forgotten key that is used again starts a new window") {
  CommandKeys keys;
  const std::int64_t later = 11 + CommandKeys::longest_ms;
  keys.remember(one, first, ms(10));
  keys.keep(ms(10));
  keys.keep(ms(later));
  keys.remember(one, second, ms(later));
  keys.keep(ms(later));
  keys.keep(ms(later + CommandKeys::longest_ms));
  CHECK(keys.find(one));
  keys.keep(ms(later + CommandKeys::longest_ms + 1));
  CHECK_FALSE(keys.find(one));
}

namespace {

constexpr std::int64_t hour = CommandKeys::shortest_ms;

// Remembers key number `number` at this time, in a commit of its own.
void remember_at(CommandKeys& keys, unsigned number, std::int64_t time) {
  keys.remember(id<KeyHash>(number), {id<RequestHash>(number), {{number}, 0}}, ms(time));
  keys.keep(ms(time));
}

bool remembers(const CommandKeys& keys, unsigned number) {
  return keys.find(id<KeyHash>(number)).has_value();
}

}  // namespace

TEST_CASE("at the budget the oldest key goes, once it is an hour old") {
  CommandKeys keys(2);
  remember_at(keys, 1, 0);
  CHECK(keys.window_ms(ms(0)) == CommandKeys::longest_ms);
  CHECK_FALSE(keys.full(ms(0)));
  remember_at(keys, 2, 10);
  CHECK(keys.full(ms(hour)));
  CHECK_FALSE(keys.full(ms(hour + 1)));
  remember_at(keys, 3, hour + 1);
  CHECK_FALSE(remembers(keys, 1));
  CHECK(remembers(keys, 2));
  CHECK(keys.size() == 2);
  CHECK(keys.window_ms(ms(hour + 11)) == hour + 1);
  CHECK(keys.window_ms(ms(11)) == hour);  // never told to be less
}

TEST_CASE("keys younger than an hour stay, whatever the budget: the log is not contradicted") {
  CommandKeys keys(2);
  for (unsigned number = 1; number <= 5; ++number) remember_at(keys, number, number);
  CHECK(keys.size() == 5);
  CHECK(keys.full(ms(5)));
  for (unsigned number = 1; number <= 5; ++number) CHECK(remembers(keys, number));
  keys.keep(ms(hour + 4));
  CHECK(keys.size() == 2);
  CHECK(remembers(keys, 4));
}

TEST_CASE("a key that a smaller budget had forgotten, and that was used again, stays its window") {
  CommandKeys small(1);
  CommandKeys large;
  for (CommandKeys* keys : {&small, &large}) {
    remember_at(*keys, 1, 0);
    remember_at(*keys, 2, 2 * hour);
    keys->remember(one, second, ms(3 * hour));
    keys->keep(ms(3 * hour));
    // The first use is forgotten after its day, the second is not.
    keys->keep(ms(1 + CommandKeys::longest_ms));
    REQUIRE(keys->find(one));
    CHECK(*keys->find(one) == second);
    keys->keep(ms(3 * hour + 1 + CommandKeys::longest_ms));
    CHECK_FALSE(keys->find(one));
    CHECK(keys->size() == 0);
  }
}

TEST_CASE("a second use that is dropped leaves the first") {
  CommandKeys keys;
  remember_at(keys, 1, 0);
  keys.remember(one, second, ms(10));
  keys.drop();
  REQUIRE(keys.find(one));
  CHECK(keys.find(one)->event.position == Position{1});
  keys.keep(ms(1 + CommandKeys::longest_ms));
  CHECK_FALSE(keys.find(one));
}

TEST_CASE("where commits begin and end, the budget forgets the same") {
  CommandKeys at_once(3);
  CommandKeys with_stops(3);
  for (unsigned number = 1; number <= 20; ++number) {
    const std::int64_t time = number * hour / 3;
    at_once.remember(id<KeyHash>(number), first, ms(time));
    with_stops.remember(id<KeyHash>(number), first, ms(time));
    if (number % 4 == 0) with_stops.keep(ms(time));
  }
  at_once.keep(ms(20 * hour / 3));
  with_stops.keep(ms(20 * hour / 3));
  CHECK(at_once.size() == 4);  // one more than the budget: it is an hour old, and no older
  CHECK(at_once == with_stops);
}

TEST_CASE("command keys are as a map of the last uses") {
  property("through uses, drops, and hours that pass", [] {
    CommandKeys keys(20);
    std::map<KeyHash, CommandKeys::Remembered> staged, kept;
    std::deque<std::pair<std::int64_t, KeyHash>> by_age;
    std::int64_t now = 0;
    std::uint64_t position = 0;
    for (int turn = 0; turn < 60; ++turn) {
      now += *rc::gen::inRange<std::int64_t>(0, hour / 4);
      const auto uses = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0U, 60U));
      staged = kept;
      ++position;
      for (std::uint32_t index = 0; index < uses.size(); ++index) {
        const auto key = id<KeyHash>(uses[index]);
        const CommandKeys::Remembered use{id<RequestHash>(uses[index]), {{position}, index}};
        keys.remember(key, use, ms(now));
        staged[key] = use;
        RC_ASSERT(keys.find(key) == use);
      }
      if (*rc::gen::inRange(0, 4) == 0) {
        keys.drop();
      } else {
        keys.keep(ms(now));
        kept = staged;
        for (const unsigned used : uses) by_age.emplace_back(now, id<KeyHash>(used));
        while (!by_age.empty() && (by_age.front().first < now - CommandKeys::longest_ms ||
                                   (by_age.size() > 20 && by_age.front().first < now - hour))) {
          const KeyHash key = by_age.front().second;
          by_age.pop_front();
          const bool again = std::ranges::any_of(
              by_age, [&](const auto& younger) { return younger.second == key; });
          if (!again) kept.erase(key);
        }
      }
      RC_ASSERT(keys.size() == by_age.size());
      for (unsigned number = 0; number < 60; ++number) {
        const auto found = kept.find(id<KeyHash>(number));
        const auto remembered = keys.find(id<KeyHash>(number));
        RC_ASSERT(remembered.has_value() == (found != kept.end()));
        if (remembered) RC_ASSERT(*remembered == found->second);
      }
    }
  });
}

TEST_CASE("many keys are found, and take little more than 48 bytes each") {
  constexpr unsigned many = 100'000;
  CommandKeys keys;
  for (unsigned number = 1; number <= many; ++number) {
    // Hashes, as keys have them: spread over all bits.
    KeyHash key;
    std::uint64_t mixed = number * 0x9e3779b97f4a7c15;
    for (auto& byte : key.bytes) {
      byte = static_cast<std::uint8_t>(mixed >> 56);
      mixed *= 0xff51afd7ed558ccd;
      mixed ^= mixed >> 33;
    }
    keys.remember(key, {id<RequestHash>(number), {{number}, 0}}, ms(number / 100));
    if (number % 100 == 0) keys.keep(ms(number / 100));
    if (number % 1'000 == 0) REQUIRE(keys.find(key)->event.position == Position{number});
  }
  CHECK(keys.size() == many);
  CHECK(keys.bytes() < many * 54);
}

}  // namespace jangbu::test
