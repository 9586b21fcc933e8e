#include "projections/views/table.hpp"

#include <catch2/catch_test_macros.hpp>
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
  CHECK(keys.all().size() == 0);
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

}  // namespace jangbu::test
