#include "projections/views/store/table.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "projections/views/shop.hpp"
#include "tests/support/property.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

struct Item {
  using Key = EntityId;
  static constexpr bool named = true;

  EntityId id;
  std::optional<Timestamp> ended;
  std::string name;
  std::string text;

  friend bool operator==(const Item&, const Item&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, ended, name, text);
  }
};

using Items = Table<Item>;
using Content = std::map<EntityId, Item>;

Item item(unsigned number, std::string text, std::string name = {}) {
  if (name.empty()) name = "item " + std::to_string(number);
  return {id<EntityId>(number), std::nullopt, std::move(name), std::move(text)};
}

Content content_of(const Items& table) {
  Content content;
  table.for_each([&](const Item& one) { content.emplace(one.id, one); });
  return content;
}

Content content(std::initializer_list<Item> items) {
  Content content;
  for (const Item& one : items) content.emplace(one.id, one);
  return content;
}

// A view without a name.
struct Note {
  using Key = EntityId;
  static constexpr bool named = false;

  EntityId id;
  std::string text;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, text);
  }
};

// What an Item begins with.
struct ItemHead {
  EntityId id;
  std::optional<Timestamp> ended;
  std::string name;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, ended, name);
  }
};

}  // namespace

// As an attacker does it who has this program, but not the secret of a running shop.
TEST_CASE("names that were chosen to lie in one place lie apart under another secret") {
  constexpr unsigned shift = 64 - 12;  // four times as fine as the tables of an index
  const auto place = [](const std::string& name) { return hash_of(name) >> shift; };
  std::vector<std::string> chosen;
  for (unsigned number = 0; chosen.size() < 40; ++number)
    if (std::string name = "name " + std::to_string(number); place(name) == 7)
      chosen.push_back(std::move(name));

  const auto places = [&] {
    std::set<std::uint64_t> all;
    for (const std::string& name : chosen) all.insert(place(name));
    return all.size();
  };
  CHECK(places() == 1);
  HashSecret other{};
  for (std::size_t i = 0; i < other.size(); ++i) other[i] = static_cast<std::uint8_t>(37 * i * i);
  seed_hashes(other);
  CHECK(places() > 30);
  Items table;
  for (unsigned i = 0; i < chosen.size(); ++i) table.put(item(i, "", chosen[i]));
  table.keep();
  for (unsigned i = 0; i < chosen.size(); ++i)
    CHECK(table.find_by_name(chosen[i])->id == id<EntityId>(i));
  seed_hashes(std::nullopt);
}

TEST_CASE("the beginning of a row is read without the rest") {
  Items table;
  table.put(item(1, std::string(100'000, 'x')));
  for (const auto& begun :
       {table.begin<ItemHead>(id<EntityId>(1)), table.begin_by_name<ItemHead>("item 1")}) {
    REQUIRE(begun);
    CHECK(begun->head.name == "item 1");
    CHECK(begun->rest.left() > 100'000);  // none of it was looked at
  }
  CHECK_FALSE(table.begin<ItemHead>(id<EntityId>(2)));
  CHECK_FALSE(table.begin_by_name<ItemHead>("item 2"));
}

TEST_CASE("a table is a map") {
  Items table;
  CHECK_FALSE(table.find(id<EntityId>(1)));
  table.put(item(1, "a"));
  table.put(item(2, "b"));
  table.put(item(1, "c"));
  CHECK(table.find(id<EntityId>(1)) == item(1, "c"));
  CHECK(table.size() == 2);
  table.erase(id<EntityId>(2));
  table.erase(id<EntityId>(3));
  CHECK(content_of(table) == content({item(1, "c")}));
}

TEST_CASE("a name leads to its row until the row has another one, has ended or is gone") {
  Items table;
  table.put(item(1, "a", "tea"));
  CHECK(table.find_by_name("tea") == item(1, "a", "tea"));
  CHECK_FALSE(table.find_by_name("te"));
  table.put(item(1, "a", "green tea"));
  CHECK_FALSE(table.find_by_name("tea"));
  table.put(item(2, "b", "tea"));
  CHECK(table.find_by_name("tea") == item(2, "b", "tea"));
  Item ended = item(2, "b", "tea");
  ended.ended = opening;
  table.put(ended);
  CHECK_FALSE(table.find_by_name("tea"));
  CHECK(table.find(ended.id) == ended);
  table.put(item(3, "c", "tea"));
  table.erase(id<EntityId>(3));
  CHECK_FALSE(table.find_by_name("tea"));
  table.drop();
  CHECK_FALSE(table.find_by_name("green tea"));
}

TEST_CASE("what was not kept is dropped, whatever it was") {
  const EntityId gone = id<EntityId>(2);
  Items table;
  table.put(item(1, "old"));
  table.put(item(2, "gone"));
  table.keep();
  const Content before = content_of(table);

  SECTION("a new key") {
    table.put(item(3, "new"));
  }
  SECTION("a changed value, more than once") {
    table.put(item(1, "changed", "with another name"));
    table.put(item(1, "changed again"));
  }
  SECTION("an erased key") {
    table.erase(gone);
  }
  SECTION("one that was not there") {
    table.erase(id<EntityId>(4));
  }
  SECTION("erased and put again") {
    table.erase(gone);
    table.put(item(2, "again"));
  }
  SECTION("put, erased and put again") {
    table.put(item(3, "new"));
    table.erase(id<EntityId>(3));
    table.put(item(3, "newer"));
  }
  SECTION("changed, erased, put and erased") {
    table.put(item(1, "changed"));
    table.erase(id<EntityId>(1));
    table.put(item(1, "again"));
    table.erase(id<EntityId>(1));
  }
  table.drop();
  CHECK(content_of(table) == before);
  CHECK(table.find_by_name("item 1") == item(1, "old"));
  CHECK(table.find_by_name("item 2") == item(2, "gone"));
  table.drop();
  CHECK(content_of(table) == before);
}

TEST_CASE("what was kept stays") {
  Items table;
  table.put(item(1, "a"));
  table.keep();
  table.erase(id<EntityId>(1));
  table.put(item(2, "b"));
  table.keep();
  table.drop();
  CHECK(content_of(table) == content({item(2, "b")}));
}

TEST_CASE("a copy of a table is a table of its own") {
  Items table;
  for (unsigned number = 0; number < 1'000; ++number) table.put(item(number, "before"));
  table.keep();
  Items copy = table;
  CHECK(copy == table);
  for (unsigned number = 0; number < 1'000; ++number) {
    table.put(item(number, "after"));
    copy.put(item(number + 500, "copy"));
  }
  table.keep();
  copy.keep();
  CHECK(table.size() == 1'000);
  CHECK(copy.size() == 1'500);
  CHECK(table.find(id<EntityId>(700)) == item(700, "after"));
  CHECK(copy.find(id<EntityId>(700)) == item(700, "copy"));
  CHECK(copy.find(id<EntityId>(100)) == item(100, "before"));
  CHECK_FALSE(copy == table);
}

namespace {

// The same as a table, by copying a map.
struct Model {
  Content kept, staged;

  std::optional<EntityId> holder(const std::string& name) const {
    for (const auto& [key, one] : staged)
      if (one.name == name && !one.ended) return key;
    return std::nullopt;
  }
};

// Some of which have a page of their own.
std::string text_of_size(int size) {
  return std::string(static_cast<std::size_t>(size == 99 ? 70'000 : size * size), 'x');
}

}  // namespace

TEST_CASE("a table is what the kept changes make of it") {
  property("as a map that is copied for every turn, and so are its copies", [] {
    const auto changes =
        *rc::gen::scale(5, rc::gen::container<std::vector<std::tuple<int, unsigned, int, int>>>(
                               rc::gen::tuple(rc::gen::inRange(0, 20), rc::gen::inRange(0U, 30U),
                                              rc::gen::inRange(0, 6), rc::gen::inRange(0, 100))));
    Items table;
    Model model;
    Items copy;
    Content copied;
    for (const auto& [what, number, which_name, size] : changes) {
      const std::string name = "name " + std::to_string(which_name);
      if (what < 12) {
        Item one = item(number, text_of_size(size), name);
        const auto holder = model.holder(name);
        if (what == 0 || (holder && *holder != one.id)) one.ended = opening;
        table.put(one);
        model.staged[one.id] = one;
      } else if (what < 15) {
        table.erase(id<EntityId>(number));
        model.staged.erase(id<EntityId>(number));
      } else if (what < 17) {
        table.keep();
        model.kept = model.staged;
      } else if (what < 19) {
        table.drop();
        model.staged = model.kept;
      } else {
        copy = table;
        copied = model.staged;
      }
      RC_ASSERT(table.size() == model.staged.size());
      RC_ASSERT(table.find(id<EntityId>(number)).has_value() ==
                model.staged.contains(id<EntityId>(number)));
      const auto named = table.find_by_name(name);
      const auto holder = model.holder(name);
      RC_ASSERT((named ? std::optional(named->id) : std::nullopt) == holder);
    }
    RC_ASSERT(content_of(table) == model.staged);
    RC_ASSERT(content_of(copy) == copied);
    table.drop();
    RC_ASSERT(content_of(table) == model.kept);
  });
}

TEST_CASE(
    "rows without a name are changed where they are, and that is taken back like any change") {
  property("as a map that is copied for every turn, and so are its copies", [] {
    using Changes = std::vector<std::tuple<int, unsigned, std::string>>;
    const auto changes = *rc::gen::scale(
        5, rc::gen::container<Changes>(rc::gen::tuple(
               rc::gen::inRange(0, 20), rc::gen::inRange(0U, 10U),
               rc::gen::element<std::string>("a", "b", "c", "dd", "", std::string(300, 'e')))));
    using Notes = Table<Note>;
    const auto content_of = [](const Notes& table) {
      std::map<EntityId, std::string> content;
      table.for_each([&](const Note& note) { content.emplace(note.id, note.text); });
      return content;
    };
    Notes table, copy;
    std::map<EntityId, std::string> kept, staged, copied;
    for (const auto& [what, number, text] : changes) {
      const auto note = id<EntityId>(number);
      if (what < 6) {
        table.put({note, text});
        staged[note] = text;
      } else if (what < 12) {
        const bool is_there = table.rewrite<Note>(
            note, [&, added = text](Table<Note>::Begun<Note> row, RowOutput& output) {
              row.head.text = added + row.head.text.substr(0, 5);
              output(row.head);
            });
        RC_ASSERT(is_there == staged.contains(note));
        if (is_there) staged[note] = text + staged[note].substr(0, 5);
      } else if (what < 14) {
        RC_ASSERT(table.erase(note) == (staged.erase(note) > 0));
      } else if (what < 16) {
        table.keep();
        kept = staged;
      } else if (what < 18) {
        table.drop();
        staged = kept;
      } else {
        copy = table;
        copied = staged;
      }
      RC_ASSERT(content_of(table) == staged);
    }
    RC_ASSERT(content_of(copy) == copied);
    table.drop();
    RC_ASSERT(content_of(table) == kept);
  });
}

TEST_CASE("rows that keep their length leave no garbage") {
  Table<Note> table;
  table.put({id<EntityId>(1), "0"});
  table.keep();
  for (int i = 0; i < 100'000; ++i) table.put({id<EntityId>(1), std::to_string(i % 10)});
  CHECK(table.row_bytes() == RowPages::page_bytes);
}

TEST_CASE("a table of rows that change all the time takes twice what lives, and a page or two") {
  constexpr unsigned rows = 5'000;
  constexpr std::size_t row = 64;  // with its length
  Items table;
  std::map<unsigned, unsigned> versions;
  unsigned random = 1;
  const auto rewrite = [&](unsigned among, unsigned times) {
    for (unsigned turn = 0; turn < times; ++turn) {
      for (int change = 0; change < 50; ++change) {
        random = random * 1'664'525 + 1'013'904'223;
        const unsigned number = (random >> 8) % among;
        std::string text = std::to_string(++versions[number]);
        text.resize(row - 16 - 1 - 1 - 12 - 2, ' ');
        Item one = item(number, text, "n");
        one.ended = opening;
        table.put(one);
      }
      // Turns that are taken back leave no more than others.
      if (turn % 10 == 9)
        table.drop();
      else
        table.keep();
    }
  };
  const auto check_bound = [&](std::size_t live) {
    CHECK(table.row_bytes() <= 2 * live * row + 3 * RowPages::page_bytes);
  };
  rewrite(rows, 2'000);  // a hundred thousand changes of all
  REQUIRE(table.size() == rows);
  check_bound(rows);
  rewrite(10, 2'000);  // and of a few
  check_bound(rows);
  for (unsigned number = 10; number < rows; ++number) table.erase(id<EntityId>(number));
  table.keep();
  rewrite(10, 100);
  CHECK(table.size() == 10);
  check_bound(10);
  CHECK(table.index_bytes() < 200'000);
}

// --- The index -----------------------------------------------------------------------------------

TEST_CASE("an index finds every reference, however close their hashes are") {
  property("as a multimap", [] {
    using Changes = std::vector<std::tuple<int, unsigned, unsigned>>;
    const auto changes = *rc::gen::scale(
        5, rc::gen::container<Changes>(rc::gen::tuple(
               rc::gen::inRange(0, 10), rc::gen::inRange(0U, 8U), rc::gen::inRange(0U, 4U))));
    HashIndex index;
    std::multimap<std::uint64_t, HashIndex::Ref> model;
    std::set<HashIndex::Ref> gone;
    HashIndex::Ref last = 0;
    for (const auto& [what, high, low] : changes) {
      // All in one of the index's tables, at its ends and in clusters between them.
      const std::uint64_t hash = high == 7 ? 0xffff'fffc + low : high * 0x2000'0000ULL + low;
      const auto known = model.find(hash);
      if (what < 6 || known == model.end()) {
        index.insert(hash, ++last, [&](HashIndex::Ref ref) { return gone.contains(ref); });
        model.emplace(hash, last);
      } else if (what == 6) {
        index.erase(hash, known->second);
        model.erase(known);
      } else if (what == 7) {
        index.replace(hash, known->second, ++last);
        known->second = last;
      } else if (what == 8) {
        gone.insert(known->second);
        model.erase(known);
      }
      std::multiset<HashIndex::Ref> found, expected;
      index.find(hash, [&](HashIndex::Ref ref) {
        if (!gone.contains(ref)) found.insert(ref);
        return false;
      });
      const auto [first, end] = model.equal_range(hash);
      for (auto entry = first; entry != end; ++entry) expected.insert(entry->second);
      RC_ASSERT(found == expected);
    }
    std::size_t all = 0;
    index.for_each([&](HashIndex::Ref ref) { all += gone.contains(ref) ? 0 : 1; });
    RC_ASSERT(all == model.size());
    for (const auto& [hash, ref] : model)
      RC_ASSERT(index.find(hash, [expected = ref](auto found) { return found == expected; }) ==
                ref);
  });
}

TEST_CASE("an index takes little more than 10 bytes for each, and gives them back") {
  constexpr HashIndex::Ref many = 200'000;
  const auto hash = [](HashIndex::Ref ref) {
    return hash_of({reinterpret_cast<const char*>(&ref), sizeof ref});
  };
  HashIndex index;
  const std::size_t empty = index.bytes();
  for (HashIndex::Ref ref = 1; ref <= many; ++ref) {
    index.insert(hash(ref), ref);
    if (ref >= 50'000 && ref % 10'000 == 0) CHECK(index.bytes() - empty < ref * 14);
  }
  CHECK(index.bytes() - empty < many * 12);
  for (HashIndex::Ref ref = 1; ref <= many; ++ref) index.erase(hash(ref), ref);
  CHECK(index.bytes() - empty < 300'000);
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

TEST_CASE("many keys are found, and take little more than 44 bytes each") {
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
  CHECK(keys.bytes() < many * 58);
}

}  // namespace jangbu::test
