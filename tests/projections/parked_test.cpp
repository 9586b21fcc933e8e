// Events that cannot be written into a row: that row is frozen, everything else goes on.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/history.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "projections/writing/parked.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

std::vector<Parked> parked_in(const std::string& conninfo) {
  pg::Connection connection({.conninfo = conninfo});
  return read_parked(connection);
}

AccountState named(AccountState state, const std::string& name) {
  state.person.name = name;
  return state;
}

AccountState third_account() {
  AccountState state = named(alice, "Bob");
  state.account = id<AccountId>(0xaf);
  return state;
}

// PostgreSQL takes no text with a U+0000.
const std::string refused_name("a\0b", 3);

template <class T>
bool is_parked(ReadModels& read_models, Query<T> query) {
  return std::holds_alternative<EntityParked>(ask(read_models, std::move(query)));
}

Entity account_entity(const AccountId& account) {
  return {EntityKind::account, id_cast<EntityId>(account)};
}

}  // namespace

TEST_CASE("a value that PostgreSQL refuses parks its row, and only that", "[parked]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::following);
  append(log, {AccountOpened{hong}, AccountOpened{alice}});
  wait_until_projected(projector, log);
  // One batch: before it, in the same commit and after it are other rows and other read models.
  append(log, {ProductListed{keyboard}, AccountDetailsChanged{named(hong, refused_name)},
               AccountDetailsChanged{named(alice, "Alice Liddell")}});
  wait_until_projected(projector, log);
  append(log, {AccountOpened{third_account()}, AddressChanged{hong}});
  wait_until_projected(projector, log);

  const auto parked = parked_in(conninfo);
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].read_model == "accounts");
  CHECK(parked[0].generation == 1);
  CHECK(parked[0].entity == id_cast<EntityId>(hong.account));
  CHECK(parked[0].event == EventId{{2}, 1});
  CHECK_THAT(parked[0].reason, ContainsSubstring("invalid byte sequence"));

  Asker asker(conninfo);
  CHECK(is_parked(asker, account_by_id(hong.account)));
  CHECK(is_parked(asker, account_by_name(hong.person.name)));
  CHECK(answer(asker, account_by_id(alice.account))->name == "Alice Liddell");
  CHECK(answer(asker, account_by_id(third_account().account)).has_value());
  CHECK(answer(asker, product_by_id(keyboard.product)).has_value());
  // History holds bytes: it has no quarrel with them.
  CHECK(answer(asker, history_of(account_entity(hong.account), {})).items.size() == 3);

  for (const auto& status : projector.status().read_models)
    CHECK(status.checkpoint->parked == (status.name == "accounts" ? 1 : 0));
}

TEST_CASE("a row that is parked stays as it was before the event", "[parked]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::following);
  // In one batch, so that what came before the event is written with it or not at all.
  append(log, {AccountOpened{hong}, AccountDetailsChanged{named(hong, "홍 길동")},
               AccountDetailsChanged{named(hong, refused_name)}});
  wait_until_projected(projector, log);
  append(log, {AccountDetailsChanged{named(hong, "길동 홍")}});
  wait_until_projected(projector, log);
  Asker asker(conninfo);
  const auto list = answer(asker, list_accounts({}));
  REQUIRE(list.items.size() == 1);
  CHECK(list.items[0].name == "홍 길동");
  CHECK(list.items[0].version == EventId{{1}, 1});
}

TEST_CASE("an event that does not follow from the ones before parks its row", "[parked]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::following);
  append(log, {AccountOpened{hong}, ReceiptConfirmed{first_purchase, hong.account, opening}});
  wait_until_projected(projector, log);
  const auto parked = parked_in(conninfo);
  REQUIRE(parked.size() == 2);
  CHECK(parked[0].read_model == "deliveries");
  CHECK(parked[1].read_model == "purchases");
  CHECK_THAT(parked[1].reason, ContainsSubstring("purchases_1.end changed 0 rows instead of 1"));
  Asker asker(conninfo);
  CHECK(is_parked(asker, purchase_by_id(first_purchase)));
  CHECK(is_parked(asker, delivery_by_id(first_purchase)));
  CHECK(answer(asker, account_by_id(hong.account)).has_value());
}

TEST_CASE("parked rows stay parked across restarts and are found while loading", "[parked]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append_history(log, 21, 30);
  append(log, {AccountOpened{named(hong, refused_name)}});
  append_history(log, 22, 5);
  {
    Rebuild rebuild(log, {.conninfo = conninfo, .load = {.events = 50}});
    rebuild.prepare(read_models());
  }
  const Projector projector(log, {.conninfo = conninfo});
  append(log, {AddressChanged{hong}});
  wait_until_projected(projector, log);
  REQUIRE(parked_in(conninfo).size() == 1);
  CHECK(parked_in(conninfo)[0].event == EventId{{31}, 0});
  Asker asker(conninfo);
  CHECK(is_parked(asker, account_by_id(hong.account)));
}

TEST_CASE("a parked row is folded again from its first event", "[parked]") {
  const std::string conninfo = shared_postgres().create_database();
  pg::Connection connection({.conninfo = conninfo});
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::following);
  append(log, {AccountOpened{hong}, AccountOpened{alice}});
  wait_until_projected(projector, log);
  connection.run(
      "ALTER TABLE accounts_1.accounts ADD CONSTRAINT no_poison CHECK (name NOT LIKE 'poison%')");
  append(log, {AccountDetailsChanged{named(hong, "poison")}});
  wait_until_projected(projector, log);
  append(log, {AccountDetailsChanged{named(hong, "poison too")}});
  wait_until_projected(projector, log);
  const auto parked = parked_in(conninfo);
  REQUIRE(parked.size() == 1);

  SECTION("in vain, as long as the cause is there") {
    const Retried again = retry(connection, log, accounts_model, parked[0]);
    REQUIRE(again.parked_again.has_value());
    CHECK(again.parked_again->event == EventId{{2}, 0});
    CHECK(again.before == again.after);
    CHECK(parked_in(conninfo).size() == 1);
  }
  SECTION("but not by a build with another fold") {
    ReadModel newer = accounts_model;
    newer.fold_version += 1;
    CHECK_THROWS_MATCHES(retry(connection, log, newer, parked[0]), Corrupt,
                         MessageMatches(ContainsSubstring("another build")));
    CHECK(parked_in(conninfo).size() == 1);
  }
  SECTION("and goes on from there, when it is gone") {
    connection.run("ALTER TABLE accounts_1.accounts DROP CONSTRAINT no_poison");
    const Retried again = retry(connection, log, accounts_model, parked[0]);
    CHECK_FALSE(again.parked_again.has_value());
    CHECK_THAT(again.before, ContainsSubstring(hong.person.name));
    CHECK_THAT(again.after, ContainsSubstring("poison too"));
    CHECK(parked_in(conninfo).empty());
    CHECK_THROWS_MATCHES(retry(connection, log, accounts_model, parked[0]), Corrupt,
                         MessageMatches(ContainsSubstring("parked no more")));
    // The projector hears of it.
    append(log, {AccountDetailsChanged{named(hong, "홍길동")}});
    wait_until_projected(projector, log);
    CHECK(dump(conninfo) == replayed(log, 1'000));
    Asker asker(conninfo);
    CHECK(answer(asker, account_by_id(hong.account))->name == "홍길동");
  }
}

TEST_CASE("when every row is refused, it is no matter of rows", "[parked]") {
  const std::string conninfo = shared_postgres().create_database();
  pg::Connection connection({.conninfo = conninfo});
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::following);
  connection.run("ALTER TABLE accounts_1.accounts ADD CHECK (false)");
  std::vector<Event> openings;
  for (unsigned i = 0; i <= most_parked; ++i) {
    AccountState state = named(hong, "account " + std::to_string(i));
    state.account = id<AccountId>(1'000 + i);
    openings.push_back(AccountOpened{state});
  }
  append(log, openings);
  CHECK_THAT(wait_for(projector, Projector::State::failed).last_error,
             ContainsSubstring("more than 1000 rows of accounts_1 cannot be folded"));
  CHECK(parked_in(conninfo).empty());
}

}  // namespace jangbu::test
