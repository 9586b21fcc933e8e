// What the verifier finds, and what it does not hold against a log.
#include "api/cli/verify.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "events/decoders.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "projections/views/consistency.hpp"
#include "tests/cli/logs.hpp"
#include "tests/golden/samples.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/property.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/simulation.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;

namespace {

using Problems = std::vector<std::string>;

cli::Verifier::Report verified(const std::vector<StoredCommit>& commits) {
  cli::Verifier verifier;
  for (const StoredCommit& commit : commits) verifier.take(commit);
  return verifier.report();
}

std::vector<StoredCommit> stored(const std::vector<Commit>& commits) {
  MemoryLog log;
  for (const Commit& commit : commits) append(log, commit);
  return all_of(log);
}

// What is wrong with the last event, after the others.
std::string why_not(std::vector<Event> before, const Event& event) {
  Shop shop;
  Position position;
  for (Event& past : before) {
    CAPTURE(position.value);
    CHECK(contradiction(shop, past).empty());
    position = position.next();
    fold(shop, Commit{opening, {{{}, std::move(past)}}}, position);
  }
  return contradiction(shop, event);
}

}  // namespace

TEST_CASE("nothing is wrong with what a shop decided") {
  property("whatever commands came", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    MemoryLog log;
    for (const std::string& payload : simulation.log()) append(log, payload);
    const auto report = verified(all_of(log));
    RC_ASSERT(report.problems == Problems{});
    RC_ASSERT(report.commits == simulation.log().size());
    RC_ASSERT(report.events == simulation.events().size());
    RC_ASSERT(report.upcast == 0u);
    RC_ASSERT(report.consistent_up_to.value_or(Position{}) == log.last());
  });
}

TEST_CASE("a report tells what was looked at") {
  const auto report = verified(stored(small_story()));
  CHECK(report.problems == Problems{});
  CHECK(report.commits == 4);
  CHECK(report.events == 7);
  CHECK(report.first == Position{1});
  CHECK(report.last == Position{4});
  CHECK(report.first_at == opening);
  CHECK(report.last_at == after_minutes(24 * 60));
}

TEST_CASE("a commit that cannot be read is a problem, and what comes behind it is read") {
  MemoryLog log;
  const auto story = small_story();
  append(log, story[0]);
  append(log, std::string("garbage"));
  append(log, story[1]);
  append(log, Commit{after_minutes(4), {}});
  const auto report = verified(all_of(log));
  REQUIRE(report.problems.size() == 2);
  CHECK_THAT(report.problems[0], ContainsSubstring("commit 2: event 2.0 cannot be read"));
  CHECK_THAT(report.problems[1], ContainsSubstring("commit 4: it has no events"));
  CHECK(report.commits == 4);
  CHECK(report.events == 4);
  CHECK(report.consistent_up_to == Position{1});
}

TEST_CASE("order, ids and times are looked at") {
  auto commits = stored(small_story());
  SECTION("a gap") {
    commits.erase(commits.begin() + 1);
    const auto report = verified(commits);
    REQUIRE(report.problems.size() == 1);
    CHECK_THAT(report.problems[0], ContainsSubstring("commit 3: it follows commit 1 directly"));
    CHECK(report.consistent_up_to == Position{1});
  }
  SECTION("a beginning that is missing") {
    commits.erase(commits.begin());
    const auto report = verified(commits);
    REQUIRE(report.problems.size() == 1);
    CHECK_THAT(report.problems[0], ContainsSubstring("commit 2: it is the first"));
    CHECK_FALSE(report.consistent_up_to);
  }
  SECTION("an id twice") {
    commits[2].id = commits[1].id;
    const auto report = verified(commits);
    REQUIRE(report.problems.size() == 1);
    CHECK_THAT(report.problems[0], ContainsSubstring("commit 3: it has the id of the commit"));
  }
  SECTION("a time that goes back") {
    auto story = small_story();
    story[2].committed_at = after_minutes(2);
    const auto report = verified(stored(story));
    REQUIRE(report.problems.size() == 1);
    CHECK_THAT(report.problems[0], ContainsSubstring("commit 3: its time"));
  }
}

TEST_CASE("retired versions are counted, and only they may be encoded to other bytes") {
  MemoryLog log;
  for (const GoldenSample& sample : golden_samples())
    append(log, read_text(std::filesystem::path(JANGBU_GOLDEN_FOLDER) / (sample.name + ".bin")));
  const auto report = verified(all_of(log));
  CHECK(report.upcast == decoders().size() - current_decoders().size());
  for (const std::string& problem : report.problems)
    CHECK_THAT(problem, !ContainsSubstring("other bytes"));
}

TEST_CASE("more problems than fit a report are not looked for") {
  cli::Verifier verifier;
  while (!verifier.has_enough()) verifier.take_damage("damage");
  CHECK(verifier.report().problems.size() == cli::Verifier::most_problems);
}

TEST_CASE("what does not follow from what came before is told with its reason") {
  const PurchaseCompleted purchase = bought(first_purchase, hong, {line(tea, 2)});
  const std::vector<Event> shop{AccountOpened{hong}, ProductListed{tea}};
  std::vector<Event> sold = shop;
  sold.push_back(purchase);

  CHECK(why_not(shop, purchase).empty());
  CHECK(why_not({}, AccountClosed{hong, opening}) == "the account was never opened");
  CHECK(why_not({AccountOpened{hong}, AccountClosed{hong, opening}}, AddressChanged{hong}) ==
        "the account is closed");
  CHECK(why_not({AccountOpened{hong}}, AccountOpened{hong}) == "the account was opened before");
  AccountState namesake = alice;
  namesake.person.name = hong.person.name;
  CHECK(why_not({AccountOpened{hong}}, AccountOpened{namesake}) ==
        "another open account has the name 홍길동");
  CHECK(why_not({AccountOpened{hong}, AccountOpened{alice}}, AccountDetailsChanged{namesake}) ==
        "another open account has the name 홍길동");

  CHECK(why_not({}, PriceChanged{tea}) == "the product was never listed");
  const Principal owner = principal(1, {Role::buyer});
  CHECK(why_not({AccountOpened{owned(hong, owner)}}, AccountOpened{owned(alice, owner)}) ==
        "its owner has another open account");
  CHECK(why_not({AccountOpened{hong}}, AddressChanged{owned(hong, owner)}) ==
        "its owner is not the account's");
  CHECK(why_not({ProductListed{tea}}, PriceChanged{test::sold(tea, owner)}) ==
        "its seller is not the product's");

  CHECK(why_not({ProductListed{tea}}, ProductListed{tea}) == "the product was listed before");
  CHECK(why_not({ProductListed{tea}, ProductWithdrawn{tea, opening}}, PriceChanged{tea}) ==
        "the product is withdrawn");
  ProductState wrong = tea;
  wrong.stock = 7;
  CHECK_THAT(why_not({ProductListed{tea}}, StockChanged{wrong, 1, ""}),
             ContainsSubstring("the stock is 7 after a change of 1, but there were 5"));
  wrong.stock = -1;
  CHECK(why_not({}, ProductListed{wrong}) == "its stock is below zero");

  CHECK(why_not({ProductListed{tea}}, purchase) == "its buyer has no account");
  CHECK(why_not({AccountOpened{hong}, AccountClosed{hong, opening}, ProductListed{tea}},
                purchase) == "its buyer's account is closed");
  CHECK_THAT(why_not({AccountOpened{hong}}, purchase), ContainsSubstring("was never listed"));
  CHECK_THAT(
      why_not({AccountOpened{hong}, ProductListed{tea}, ProductWithdrawn{tea, opening}}, purchase),
      ContainsSubstring("was withdrawn"));
  CHECK_THAT(why_not(shop, bought(first_purchase, hong, {line(tea, 3), line(tea, 3)})),
             ContainsSubstring("it takes 6 of the product"));
  PurchaseCompleted odd = purchase;
  odd.total.amount += 1;
  CHECK(why_not(shop, odd) == "its total is not the sum of its lines");
  odd = purchase;
  odd.lines[0].total.amount += 1;
  CHECK(why_not(shop, odd) == "a line's total is not its price times its quantity");
  odd = purchase;
  odd.lines.clear();
  CHECK(why_not(shop, odd) == "it has no lines");
  odd = purchase;
  odd.lines[0].quantity = 0;
  CHECK(why_not(shop, odd) == "a line's quantity is below one");
  CHECK(why_not(sold, purchase) == "the purchase was completed before");

  CHECK(why_not(sold, cancelled(purchase, "")).empty());
  CHECK(why_not(shop, cancelled(purchase, "")) == "no purchase is open that it could cancel");
  PurchaseCancelled other = cancelled(purchase, "");
  other.lines[0].quantity = 1;
  CHECK(why_not(sold, other) == "its lines are not the purchase's");
  other = cancelled(purchase, "");
  other.buyer = alice.account;
  CHECK(why_not(sold, other) == "its buyer is not the purchase's");

  const DeliveryScanned delivered =
      after(DeliveryStatus::preparing, scanned(purchase, scan(DeliveryStatus::delivered)));
  CHECK(why_not(sold, delivered).empty());
  CHECK(why_not(shop, delivered) == "no delivery is open that it could be a scan of");
  CHECK(why_not(sold, after(DeliveryStatus::in_transit, delivered)) ==
        "the status before it was preparing, not in-transit");
  CHECK(why_not(sold, ReceiptConfirmed{first_purchase, hong.account, opening}) ==
        "the delivery was not delivered, but preparing");
  CHECK(why_not(shop, ReceiptConfirmed{first_purchase, hong.account, opening}) ==
        "no delivery is open whose receipt it could confirm");
  sold.push_back(delivered);
  CHECK(why_not(sold, ReceiptConfirmed{first_purchase, hong.account, opening}).empty());
  CHECK(why_not(sold, ReceiptConfirmed{first_purchase, alice.account, opening}) ==
        "its buyer is not the purchase's");

  const Entity account{EntityKind::account, id_cast<EntityId>(hong.account)};
  const Entity product{EntityKind::product, id_cast<EntityId>(tea.product)};
  CHECK(why_not(sold, NothingChanged{account, {{1}, 0}, {}}).empty());
  CHECK(why_not(sold, NothingChanged{account, {{9}, 0}, {}}) ==
        "it says that the last event of it was 9.0, but it was 1.0");
  CHECK(why_not({}, NothingChanged{account, {{1}, 0}, {}}) == "the account was never opened");
  CHECK(why_not(sold, NothingChanged{product, {{2}, 0}, 3}).empty());
  CHECK(why_not(sold, NothingChanged{product, {{2}, 0}, 5}) == "the stock was another");
  CHECK(why_not({}, NothingChanged{product, {{2}, 0}, 5}) == "the product was never listed");
}

TEST_CASE("claims and void commits are counted, and hide nothing") {
  MemoryLog log;
  append_among_claims(log, small_story());
  const auto report = verified(all_of(log));
  CHECK(report.problems == Problems{});
  CHECK(report.commits == log.last().value);
  CHECK(report.events == 7);
  CHECK(report.claims == 11);
  REQUIRE(report.voids.size() == 10);
  CHECK(report.voids.back().position == log.last());
  CHECK(report.consistent_up_to == log.last());
  CHECK(report.first_at == opening);
  CHECK(report.last_at == after_minutes(24 * 60));
  CHECK_THAT(text_of(report, std::chrono::seconds(1)),
             ContainsSubstring("11 commits without events") &&
                 ContainsSubstring("void: commit 1 was decided at 5 by " + to_string(busan)));
}

TEST_CASE("events are from who claimed last") {
  MemoryLog log;
  const auto story = small_story();
  append_claim(log, seoul);
  append_from(log, seoul, story[0]);
  append_from(log, busan, story[1]);
  append_claim(log, busan, after_minutes(5));
  append_from(log, busan, story[2]);
  append(log, story[3]);  // by an older build
  append(log, Commit{after_minutes(24 * 60), {}});
  const auto report = verified(all_of(log));
  REQUIRE(report.problems.size() == 2);
  CHECK(report.problems[0] ==
        "commit 3: it is from " + to_string(busan) + ", but " + to_string(seoul) + " had claimed");
  CHECK_THAT(report.problems[1], ContainsSubstring("commit 7: it has no events"));
}

}  // namespace jangbu::test
