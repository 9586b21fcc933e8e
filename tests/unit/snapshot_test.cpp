// The bytes of snapshots: all of the shop is in them, and nothing but a whole one is taken for one.
#include "projections/views/snapshot.hpp"

#include <xxhash.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <map>
#include <set>

#include "infra/eventlog/memory_log.hpp"
#include "tests/golden/story.hpp"
#include "tests/support/property.hpp"
#include "tests/support/same_shop.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/simulation.hpp"
#include "tests/support/snapshots.hpp"

namespace jangbu::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

const SnapshotMark mark{{17}, id<CommitId>(5), after_minutes(3), 40};

Snapshot read(std::string_view bytes, std::string_view log = "SHOP",
              std::size_t budget = CommandKeys::default_budget) {
  TextSource source(bytes);
  return read_snapshot(source, log, budget);
}

// An account with its owner, a product, a purchase that was scanned, and a key.
Snapshot small_shop() {
  Snapshot snapshot{mark, Shop()};
  Commit commit{opening, {}};
  const auto happens = [&](Event event) {
    commit.events.push_back({{opening, {}, {}, {}, {}}, std::move(event)});
  };
  happens(AccountOpened{owned(hong, principal(1, {Role::buyer}))});
  happens(ProductListed{tea});
  happens(bought(id<PurchaseId>(1), hong, {line(tea, 1)}, first_quote, opening));
  happens(DeliveryScanned{id<PurchaseId>(1), hong.account, scan(DeliveryStatus::picked_up, opening),
                          DeliveryStatus::picked_up, DeliveryStatus::preparing});
  commit.events.back().envelope.command_key = key(1);
  fold(snapshot.shop, commit, {1});
  return snapshot;
}

}  // namespace

TEST_CASE("a snapshot holds the whole shop") {
  property("whatever is in it", [] {
    Simulation simulation({60 * 60 * 1000});
    simulation.run(*any_steps());
    Timestamp last;
    if (!simulation.log().empty())
      last = decode({{1}, {}, commit_format, simulation.log().back(), {}}).committed_at;
    const Snapshot taken{
        {{simulation.log().size()}, id<CommitId>(1), last, simulation.events().size()},
        simulation.shop()};
    Snapshot found = read(snapshot_bytes(taken));
    RC_ASSERT(found.mark == taken.mark);
    RC_ASSERT(same(found.shop, simulation.shop()));
    // And it is one to go on with: names and keys lead to what they led to.
    for (const std::string& name : Simulation::names_in_use())
      RC_ASSERT(found.shop.accounts.find_by_name(name) ==
                simulation.shop().accounts.find_by_name(name));
    for (const auto& accepted : simulation.accepted())
      if (const auto& by = accepted.conditions.key)
        RC_ASSERT(found.shop.keys.find(by->key) == simulation.shop().keys.find(by->key));
  });
}

TEST_CASE("large shops come in many blocks") {
  Snapshot taken{mark, Shop()};
  for (unsigned number = 0; number < 20'000; ++number) {
    AccountState account = hong;
    account.account = id<AccountId>(number);
    account.person.name += std::to_string(number);
    taken.shop.accounts.put({account, std::nullopt, {{number}, 0}});
    taken.shop.keys.remember(id<KeyHash>(number), {id<RequestHash>(number), {{number}, 1}},
                             {opening.ms + number / 7});
  }
  taken.shop.keep({opening.ms + 20'000});
  std::size_t parts = 0;
  write_snapshot(taken, "SHOP", [&](std::string_view part) {
    CHECK(part.size() < 300'000);
    ++parts;
  });
  CHECK(parts > 20);
  CHECK(same(read(snapshot_bytes(taken)).shop, taken.shop));
}

TEST_CASE("a snapshot that is damaged, or not whole, is none") {
  const std::string whole = snapshot_bytes(small_shop());
  REQUIRE(same(read(whole).shop, small_shop().shop));
  REQUIRE(whole.size() < 2'000);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    for (const int bit : {0, 7}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      REQUIRE_THROWS_AS(read(damaged), NoSnapshot);
    }
    REQUIRE_THROWS_AS(read(std::string_view(whole).substr(0, at)), NoSnapshot);
  }
  CHECK_THROWS_AS(read(whole + '\0'), NoSnapshot);
  CHECK_THROWS_AS(read(whole + whole), NoSnapshot);
}

TEST_CASE("a snapshot of another kind is none, and says why") {
  const std::string whole = snapshot_bytes(small_shop());
  const auto says = [](const std::string& text) { return MessageMatches(ContainsSubstring(text)); };
  const auto with = [&](std::size_t at, char value) {
    std::string other = whole;
    other[at] = value;
    return other;
  };
  CHECK_THROWS_MATCHES(read(""), NoSnapshot, says("too early"));
  CHECK_THROWS_MATCHES(read(with(0, 'J')), NoSnapshot, says("not a snapshot"));
  CHECK_THROWS_MATCHES(read(with(16, 99)), NoSnapshot, says("another format, 99"));
  CHECK_THROWS_MATCHES(read(with(20, 99)), NoSnapshot, says("another build (99"));
  CHECK_THROWS_MATCHES(read(whole, "OTHER"), NoSnapshot, says("another log, SHOP"));
  TextSource source(whole);
  CHECK_THROWS_MATCHES(read_snapshot_mark(source, "OTHER"), NoSnapshot, says("another log"));
  CHECK_THROWS_MATCHES(read(whole, "SHOP", CommandKeys::default_budget + 1), NoSnapshot,
                       says("idempotency keys"));
  TextSource again(whole);
  CHECK(read_snapshot_mark(again, "SHOP") == mark);
}

TEST_CASE("a smaller budget of keys remembers of a snapshot what it would of the log") {
  constexpr std::int64_t hour = CommandKeys::shortest_ms;
  Snapshot taken{mark, Shop()};
  CommandKeys replayed(3);
  for (unsigned number = 1; number <= 20; ++number) {
    const Timestamp at{number * hour / 3};
    for (CommandKeys* keys : {&taken.shop.keys, &replayed}) {
      keys->remember(id<KeyHash>(number), {id<RequestHash>(number), {{number}, 0}}, at);
      keys->keep(at);
    }
    taken.mark.committed_at = at;
  }
  CHECK(read(snapshot_bytes(taken), "SHOP", 3).shop.keys == replayed);
}

TEST_CASE("a snapshot must be of the log that it is used with") {
  MemoryLog log;
  CHECK_THAT(contradiction(mark, log).value(), ContainsSubstring("position 17, where the log has "
                                                                 "no commit"));
  SnapshotMark first{{1}, id<CommitId>(5), opening, 1};
  REQUIRE(std::holds_alternative<Appended>(log.append({}, {id<CommitId>(5), "commit"}, 1s)));
  CHECK_FALSE(contradiction(first, log));
  first.commit = id<CommitId>(6);
  CHECK_THAT(contradiction(first, log).value(), ContainsSubstring("another commit"));
}

TEST_CASE("a copy of the shop is written while the shop goes on") {
  Shop shop;
  const auto open = [&](unsigned number, const char* line) {
    AccountState account = hong;
    account.account = id<AccountId>(number);
    account.person.name += std::to_string(number);
    account.person.address.line = line;
    fold(shop, {{opening, key(number), {}, {}, {}}, AccountOpened{account}}, {{1}, number},
         opening);
    if (number % 100 == 0) shop.keep(opening);
  };
  for (unsigned number = 0; number <= 5'000; ++number) open(number, "before");
  const Snapshot taken{mark, shop};
  auto writing = std::async(std::launch::async, [&] { return snapshot_bytes(taken); });
  for (unsigned number = 0; number <= 10'000; ++number) open(number, "after");
  const Shop found = read(writing.get()).shop;
  CHECK(found.accounts.size() == 5'001);
  CHECK(found.keys.size() == 5'001);
  bool all_before = true;
  found.accounts.for_each([&](const AccountView& account) {
    all_before = all_before && account.state.person.address.line == "before";
  });
  CHECK(all_before);
}

namespace {

// What is in the shop, whatever the order of its rows.
std::string digest(const Shop& shop) {
  std::set<std::string> all;
  const auto add = [&](const char* kind, const auto& table) {
    table.for_each_row([&](std::string_view row) { all.insert(kind + std::string(row)); });
  };
  add("account ", shop.accounts);
  add("owner ", shop.owners);
  add("product ", shop.products);
  add("stock ", shop.stock);
  add("purchase ", shop.purchases);
  shop.keys.for_each(
      [&](const KeyHash& key, const CommandKeys::Remembered& command, Timestamp committed_at) {
        all.insert("key " + to_string(key) + to_string(command.request) + to_string(command.event) +
                   to_string(committed_at));
      });
  std::string text;
  for (const std::string& one : all) text += std::to_string(one.size()) + ':' + one;
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return digits;
}

}  // namespace

// When this fails, folds or the bytes of views have changed, or there is a new event, which a build
// from before must not find folded into a snapshot: raise fold_version, and add its line. Never
// change a line: snapshots of that version are on disks.
TEST_CASE("what is folded, and its bytes, are those of this fold_version") {
  const std::map<std::uint32_t, std::string> digests{{1, "a7894d6422b4b11e28071378893216ab"},
                                                     {2, "b351b211913e60d9c4d8ee5cb8782021"},
                                                     {3, "7d73617cfd1a7678fa4be9ada50cc5c5"},
                                                     {4, "5154ae87cb2989b07740ac672a8e5ac0"},
                                                     {5, "3ee21d27bac1dc179a9638b0058b281a"}};
  REQUIRE(digests.contains(fold_version));
  Shop shop;
  Position position;
  for (const Commit& commit : golden_story()) fold(shop, commit, position = position.next());
  CHECK(digest(shop) == digests.at(fold_version));
}

}  // namespace jangbu::test
