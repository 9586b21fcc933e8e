// What somebody does to PostgreSQL while we use it: rebuilds behind our back, tables that are
// dropped, a server that takes no writes. Everything comes back by itself, and is said once.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>

#include "infra/trouble.hpp"
#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/history.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "projections/writing/parked.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/http/log_lines.hpp"
#include "tests/projections/histories.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

void run(const std::string& conninfo, const std::string& sql) {
  pg::Connection({.conninfo = conninfo, .settings = "-c default_transaction_read_only=off"})
      .run(sql);
}

// Whoever uses these schemas has locks there, too, got in another order: PostgreSQL may find a
// deadlock, and end either.
void drop(const std::string& conninfo, const std::string& schemas) {
  wait_until("nobody to be in the way", [&] {
    try {
      run(conninfo, "DROP SCHEMA " + schemas + " CASCADE");
      return true;
    } catch (const pg::Away&) {
      return false;
    }
  });
}

std::string database_of(const std::string& conninfo) {
  pg::Connection connection({.conninfo = conninfo});
  const auto found = connection.run("SELECT current_database()");
  return PQgetvalue(found.get(), 0, 0);
}

// Every query there is finds something.
void ask_everything(ReadModels& read_models) {
  CHECK(answer(read_models, account_by_id(hong.account)));
  CHECK(answer(read_models, account_by_name(hong.person.name)));
  CHECK(answer(read_models, list_accounts({})).items.size() == 1);
  CHECK(answer(read_models, list_accounts_beginning_with("홍", {})).items.size() == 1);
  CHECK(answer(read_models, product_by_id(keyboard.product)));
  CHECK(answer(read_models, product_by_name(keyboard.name)));
  CHECK(answer(read_models, list_products({})).items.size() == 1);
  CHECK(answer(read_models, list_products_beginning_with("기", {})).items.size() == 1);
  CHECK(answer(read_models, purchase_by_id(first_purchase)));
  CHECK(answer(read_models, delivery_by_id(first_purchase)));
  for (const auto& buyer : {std::optional<AccountId>(), std::optional(hong.account)}) {
    for (const auto status :
         {std::optional<PurchaseStatus>(), std::optional(PurchaseStatus::completed)})
      CHECK(answer(read_models, list_purchases({.buyer = buyer, .status = status}, {}))
                .items.size() == 1);
    for (const auto status :
         {std::optional<DeliveryStatus>(), std::optional(DeliveryStatus::preparing)})
      for (const bool closed : {false, true})
        CHECK(answer(read_models, list_deliveries({closed, buyer, status}, {})).items.size() == 1);
  }
  const Entity entity{EntityKind::purchase, id_cast<EntityId>(first_purchase)};
  CHECK(answer(read_models, history_of(entity, {})).items.size() == 1);
  CHECK(answer(read_models, events_of(entity.id, {})).items.size() == 1);
  CHECK(answer(read_models, last_event_of(entity, last_of_all)));
  for (const ReadModel* model : jangbu::read_models())
    CHECK(answer(read_models, list_parked(*model, 10)).items.empty());
}

void open_shop(EventLog& log) {
  append(log, {AccountOpened{hong}, ProductListed{keyboard},
               bought(first_purchase, hong, {line(keyboard, 1)})});
}

}  // namespace

TEST_CASE("however often read models are rebuilt, every query finds them", "[trouble]") {
  MemoryLog log;
  open_shop(log);
  const std::string conninfo = shared_postgres().create_database();
  project(log, conninfo);
  Asker asker(conninfo);
  ask_everything(asker);
  Rebuild rebuild(log, {.conninfo = conninfo});
  SECTION("twice, and nobody asked in between") {
    for (const ReadModel* model : read_models())
      for (int i = 0; i < 2; ++i) rebuild.rebuild(*model);
  }
  SECTION("rolled back, then rebuilt") {
    for (const ReadModel* model : read_models()) {
      rebuild.rebuild(*model);
      rebuild.rollback(*model);
      rebuild.rebuild(*model);
    }
  }
  ask_everything(asker);
}

TEST_CASE("a query whose generation is dropped under it is asked of the next one", "[trouble]") {
  MemoryLog log;
  open_shop(log);
  const std::string conninfo = shared_postgres().create_database();
  project(log, conninfo);
  Rebuild rebuild(log, {.conninfo = conninfo});
  rebuild.rebuild(purchases_model);
  rebuild.rollback(purchases_model);
  Asker asker(conninfo);
  REQUIRE(answer(asker, purchase_by_id(first_purchase)));

  pg::Connection holder({.conninfo = conninfo});
  pg::Transaction held(holder);
  holder.run("LOCK TABLE purchases_1.purchases IN ACCESS EXCLUSIVE MODE");
  std::promise<bool> found;
  asker.query<std::optional<PurchaseRow>>(
      purchase_by_id(first_purchase), {}, [&](const auto& result) {
        const auto* row = std::get_if<Answer<std::optional<PurchaseRow>>>(&result);
        found.set_value(row && row->value);
      });
  pg::Connection looking({.conninfo = conninfo});
  wait_until("the query to wait for the lock", [&] {
    const auto waiting = looking.run(
        "SELECT FROM pg_locks WHERE NOT granted AND relation = 'purchases_1.purchases'::regclass");
    return PQntuples(waiting.get()) == 1;
  });
  holder.run(
      "UPDATE jangbu.checkpoints SET state = 'retired' WHERE read_model = 'purchases' AND "
      "generation = 1; UPDATE jangbu.checkpoints SET state = 'serving' WHERE read_model = "
      "'purchases' AND generation = 2; DROP SCHEMA purchases_1 CASCADE");
  held.commit();
  CHECK(found.get_future().get());
}

TEST_CASE("what somebody drops is made anew", "[trouble]") {
  MemoryLog log;
  open_shop(log);
  const std::string conninfo = shared_postgres().create_database();
  const Projector projector(log, {.conninfo = conninfo});
  wait_until_projected(projector, log);
  Asker asker(conninfo);
  ask_everything(asker);
  SECTION("a table") {
    drop(conninfo, "deliveries_1");
  }
  SECTION("all that is known about them") {
    drop(conninfo, "jangbu");
  }
  SECTION("everything") {
    drop(conninfo, "jangbu, accounts_1, products_1, purchases_1, deliveries_1, history_1");
  }
  append(log, {AccountDetailsChanged{hong}});
  const auto is_there = [&] {
    const auto status = projector.status();
    return status.state == Projector::State::following && status.position == log.last() &&
           asker.ready();
  };
  wait_until("the read models to be there again", is_there, 60s);
  // The queries hear of it a moment later.
  wait_until("a delivery", [&] {
    const auto found = ask(asker, delivery_by_id(first_purchase), {log.last(), 10s});
    return std::holds_alternative<Answer<std::optional<DeliveryRow>>>(found);
  });
  ask_everything(asker);
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("a PostgreSQL that takes no writes is tried now and then, and told of once",
          "[trouble]") {
  PostgresServer server;
  const std::string conninfo = server.create_database();
  const std::string name = database_of(conninfo);
  const LogLines lines;
  MemoryLog log;
  open_shop(log);
  const Projector projector(log, {.conninfo = conninfo});
  wait_until_projected(projector, log);

  const auto set_read_only = [&](const std::string& to) {
    run(conninfo, "ALTER SYSTEM SET default_transaction_read_only = " + to);
    run(conninfo, "SELECT pg_reload_conf()");
    wait_until("the setting", [&] {
      pg::Connection connection({.conninfo = conninfo, .target_session_attrs = "any"});
      const auto now = connection.run("SHOW default_transaction_read_only");
      return PQgetvalue(now.get(), 0, 0) == to;
    });
  };
  // Sessions of the projector, one for each try: whoever counts them is in another database.
  pg::Connection looking({.conninfo = server.conninfo()});
  const auto tries = [&] {
    const auto found =
        looking.run("SELECT sessions FROM pg_stat_database WHERE datname = '" + name + "'");
    return std::stoll(PQgetvalue(found.get(), 0, 0));
  };
  set_read_only("on");
  append(log, {AccountDetailsChanged{hong}});
  const auto status = wait_for(projector, Projector::State::waiting);
  CHECK(status.reason == "PostgreSQL is read-only");
  const auto first = tries();
  // Less and less often, until a second is between two of them.
  wait_until("the longest pause", [&] { return tries() >= first + 7; });
  const auto began = std::chrono::steady_clock::now();
  const auto before = tries();
  wait_until("more tries", [&] { return tries() >= before + 5; });
  const auto more = tries() - before;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  // One may have begun just before, and two may have been counted late.
  CHECK(static_cast<double>(more) <= took.count() + 3);
  CHECK(projector.status().state == Projector::State::waiting);
  CHECK(lines.count("projection waits") == 2);  // said by the server, then by libpq
  CHECK(lines.count("projection goes on") == 0);

  set_read_only("off");
  wait_until_projected(projector, log);
  CHECK(lines.count("projection goes on") == 1);
  CHECK(projector.status().reason.empty());
}

TEST_CASE("trouble is said once until it is over, and tried less and less often", "[trouble]") {
  const LogLines lines;
  Trouble trouble("the test", 400ms);
  CHECK_FALSE(trouble);
  CHECK(trouble.failed("port 5432 is closed") == 50ms);
  CHECK(trouble.failed("port 5433 is closed") == 100ms);
  CHECK(trouble.failed("the disk is full") == 200ms);
  CHECK(trouble.failed("port 5434 is closed") == 400ms);
  CHECK(trouble.failed("the disk is full") == 400ms);
  CHECK(trouble);
  CHECK(lines.count("the test waits") == 2);
  trouble.over();
  trouble.over();
  CHECK_FALSE(trouble);
  CHECK(lines.count("the test goes on") == 1);
  CHECK(trouble.failed("the disk is full") == 50ms);
  CHECK(lines.count("the disk is full") == 2);
  for (int i = 0; i < 1'000; ++i)
    trouble.failed(std::string(static_cast<std::size_t>(i), 'x') + " is new");
  CHECK(lines.count("the test waits") < 30);
}

TEST_CASE("why PostgreSQL is away is told in words without hosts, users or SQL", "[trouble]") {
  const auto reason = [](const std::string& conninfo) {
    try {
      pg::Connection connection({.conninfo = conninfo});
    } catch (const pg::Away& away) {
      return away.in_words();
    }
    return std::string("it is there");
  };
  const std::string there = shared_postgres().conninfo("postgres");
  CHECK(reason(there + " dbname=nowhere") == "PostgreSQL does not have our database");
  CHECK(reason(there + " user=nobody") == "PostgreSQL refuses our user or password");
  CHECK(reason("host=/nowhere") == "PostgreSQL cannot be reached");

  ReadModels read_models({.conninfo = there + " user=nobody"});
  wait_until("the reason", [&] {
    return read_models.away_because() == "PostgreSQL refuses our user or password";
  });
}

}  // namespace jangbu::test
