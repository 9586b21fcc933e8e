// Projection under every fault: what is in the tables is what a replay of the log gives.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "projections/tables/accounts.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/checkpoints.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/projections/histories.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/property.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("what was projected as it came equals a replay in batches of any size", "[projector]") {
  property("live == replay", [](std::uint32_t seed) {
    MemoryLog log;
    Histories histories(seed);
    const std::string conninfo = shared_postgres().create_database();
    {
      const Projector live(log, {.conninfo = conninfo});
      const int commits = *rc::gen::inRange(1, 40);
      for (int i = 0; i < commits; ++i) {
        append(log, histories.next(*rc::gen::inRange<std::size_t>(1, 30)));
        if (*rc::gen::inRange(0, 4) == 0) wait_until_projected(live, log);
      }
      wait_until_projected(live, log);
    }
    const auto rows = dump(conninfo);
    RC_ASSERT(rows == replayed(log, 1));
    RC_ASSERT(rows == replayed(log, *rc::gen::inRange<std::size_t>(2, 400)));

    Asker asker(conninfo);
    for (const auto& [product, stock] : histories.stocks()) {
      RC_ASSERT(stock >= 0);
      RC_ASSERT(answer(asker, product_by_id(product))->stock == stock);
    }
  });
}

TEST_CASE("two projectors on one database apply nothing twice", "[projector]") {
  MemoryLog log;
  const std::string conninfo = shared_postgres().create_database();
  {
    const Projector one(log, {.conninfo = conninfo, .batch = {.events = 10}});
    const Projector other(log, {.conninfo = conninfo, .batch = {.events = 15}});
    append_history(log, 1, 200);
    wait_until_projected(one, log);
    wait_until_projected(other, log);
  }
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("large batches begin 50 ms apart", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::following);
  Histories histories(9);
  constexpr int batches = 6;
  const auto begin = std::chrono::steady_clock::now();
  // Each commit is appended when the one before is projected, so that each is a batch.
  for (int i = 0; i < batches; ++i) {
    append(log, histories.next(100));
    wait_until_projected(projector, log);
  }
  CHECK(std::chrono::steady_clock::now() - begin >= (batches - 1) * 50ms);
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("a projector that is far behind writes large batches in two transactions",
          "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  Rebuild(log, {.conninfo = conninfo}).prepare(read_models());
  Histories histories(10);
  for (int i = 0; i < 30; ++i) append(log, histories.next(150));
  const Projector projector(log, {.conninfo = conninfo});
  wait_until_projected(projector, log);
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("a batch tells whether more has arrived", "[projector]") {
  MemoryLog log;
  append_history(log, 11, 3);
  Batches batches(log, {}, {.events = 1});
  for (const bool more : {true, true, false}) {
    const auto batch = batches.next(std::nullopt);
    REQUIRE(batch);
    CHECK(batch->more == more);
  }
  append_history(log, 12, 1);
  CHECK_FALSE(batches.next(std::nullopt)->more);
}

TEST_CASE("PostgreSQL is killed in the middle, and the projector goes on", "[projector]") {
  PostgresServer server;
  const std::string conninfo = server.create_database();
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo, .batch = {.events = 20}});
  wait_for(projector, Projector::State::following);
  append_history(log, 2, 600);
  for (std::uint64_t reached = 50; reached <= 250; reached += 100) {
    wait_until("some progress", [&] { return projector.status().position.value >= reached; });
    server.kill();
    const auto status = wait_for(projector, Projector::State::waiting);
    CHECK_FALSE(status.last_error.empty());
    server.start();
    wait_for(projector, Projector::State::following);
  }
  wait_until_projected(projector, log);
  CHECK(projector.status().last_error.empty());
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("a session that ends is replaced", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  const Projector projector(log, {.conninfo = conninfo, .batch = {.events = 20}});
  pg::Connection other({.conninfo = conninfo});
  Histories histories(3);
  for (int i = 0; i < 100; ++i) {
    append(log, histories.next(10));
    if (i % 20 == 10)
      other.run(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
          "WHERE application_name = 'jangbu projector' AND datname = current_database()");
  }
  wait_until_projected(projector, log);
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("PostgreSQL and the log may come after the projector", "[projector]") {
  PostgresServer server;
  const std::string conninfo = server.create_database();
  server.stop();
  MemoryLog log;
  append_history(log, 4, 20);
  log.set_away(true);
  const Projector projector(log, {.conninfo = conninfo});
  wait_for(projector, Projector::State::waiting);
  server.start();
  log.set_away(false);
  wait_until_projected(projector, log);

  log.set_away(true);
  wait_for(projector, Projector::State::waiting);
  log.set_away(false);
  append_history(log, 5, 1);
  wait_until_projected(projector, log);
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("bytes that cannot be decoded stop projection and tell where", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  const Projector projector(log, {.conninfo = conninfo});
  wait_until_projected(projector, log);
  log.append(Position{1}, {id<CommitId>(2), "these are not the bytes of a commit"}, 1s);
  append(log, {AccountOpened{alice}});
  const auto status = wait_for(projector, Projector::State::failed);
  CHECK_THAT(status.last_error, ContainsSubstring("event 2.0 cannot be read"));

  // Nothing from there on is written, and queries go on.
  CHECK(projector.status().position == Position{1});
  Asker asker(conninfo);
  CHECK(answer(asker, account_by_id(hong.account)).has_value());
  CHECK(answer(asker, account_by_id(alice.account)) == std::nullopt);
}

TEST_CASE("read models cannot be built of bytes that cannot be decoded", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  log.append(Position{1}, {id<CommitId>(2), "these are not the bytes of a commit"}, 1s);
  const Projector projector(log, {.conninfo = conninfo});
  CHECK_THAT(wait_for(projector, Projector::State::failed).last_error,
             ContainsSubstring("event 2.0 cannot be read"));
  CHECK(checkpoints_in(conninfo).empty());
}

TEST_CASE("a log that is not the one that was projected is refused", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append_history(log, 6, 10);
  project(log, conninfo);
  const auto checkpoints = checkpoints_in(conninfo);
  REQUIRE(checkpoints.size() == read_models().size());
  for (const Checkpoint& checkpoint : checkpoints) {
    CHECK(checkpoint.position == Position{10});
    CHECK(checkpoint.commit_id == id<CommitId>(10));
  }
  CHECK(contradiction(checkpoints, log) == std::nullopt);

  SECTION("its end was lost") {
    MemoryLog shorter;
    append_history(shorter, 6, 9);
    CHECK_THAT(contradiction(checkpoints, shorter).value(), ContainsSubstring("was lost"));
    const Projector projector(shorter, {.conninfo = conninfo});
    CHECK_THAT(wait_for(projector, Projector::State::failed).last_error,
               ContainsSubstring("was lost"));
  }
  SECTION("and it grew again") {
    MemoryLog other;
    append_history(other, 6, 9);
    other.append(Position{9}, {id<CommitId>(0xbad), encode_commit({opening, {}})}, 1s);
    append_history(other, 7, 5);
    CHECK_THAT(contradiction(checkpoints, other).value(), ContainsSubstring("another commit"));
    const Projector projector(other, {.conninfo = conninfo});
    CHECK_THAT(wait_for(projector, Projector::State::failed).last_error,
               ContainsSubstring("another commit"));
  }
}

TEST_CASE("read models that are behind catch up, and then all go on together", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append_history(log, 8, 30);
  const auto project_first = [&](std::size_t models) {
    const Projector projector(
        log,
        {.conninfo = conninfo, .batch = {.events = 25}, .models = read_models().first(models)});
    wait_until_projected(projector, log);
  };
  project_first(2);
  append_history(log, 9, 30);
  project_first(4);
  append_history(log, 10, 30);
  project(log, conninfo, 25);
  CHECK(dump(conninfo) == replayed(log, 2'000));
}

TEST_CASE("another fold fills a generation of its own", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append_history(log, 11, 10);
  project(log, conninfo);
  const auto before = dump(conninfo);

  ReadModel newer = accounts_model;
  newer.fold_version += 1;
  const std::vector<const ReadModel*> models{&newer};
  {
    const Projector projector(log, {.conninfo = conninfo, .models = models});
    wait_until_projected(projector, log);
  }
  const auto checkpoints = checkpoints_in(conninfo);
  REQUIRE(checkpoints.size() == read_models().size() + 1);
  CHECK(serving_generation(checkpoints, accounts_model)->schema() == "accounts_1");
  CHECK(serving_generation(checkpoints, newer)->schema() == "accounts_2");
  CHECK(dump(conninfo) == before);  // the view shows the new one, which is the same
}

TEST_CASE("processes that start together make each generation once", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  std::vector<std::jthread> starters;
  for (int i = 0; i < 4; ++i)
    starters.emplace_back([&] {
      MemoryLog log;
      Rebuild rebuild(log, {.conninfo = conninfo});
      wait_until("the generations", [&] {
        try {
          rebuild.prepare(read_models());
          return true;
        } catch (const AlreadyRebuilding&) {
          return false;
        }
      });
    });
  starters.clear();
  const auto checkpoints = checkpoints_in(conninfo);
  CHECK(checkpoints.size() == read_models().size());
  for (const Checkpoint& checkpoint : checkpoints) CHECK(checkpoint.generation == 1);
}

// PostgreSQL finds no deadlock that one process closes by waiting with two connections.
TEST_CASE("somebody who wants all checkpoints for himself does not stop a build of several",
          "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  Rebuild(log, {.conninfo = conninfo}).prepare({});
  pg::Connection gate({.conninfo = conninfo});
  gate.run(R"(
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
      CREATE TRIGGER wait AFTER INSERT ON jangbu.checkpoints FOR EACH ROW EXECUTE FUNCTION wait();
      SELECT pg_advisory_lock(1))");
  const auto wait_until_waiting = [&](const std::string& locktype) {
    wait_until(locktype, [&] {
      return PQntuples(gate.run("SELECT FROM pg_locks WHERE NOT granted AND database = "
                                "(SELECT oid FROM pg_database WHERE datname = current_database()) "
                                "AND locktype = '" +
                                locktype + "'")
                           .get()) > 0;
    });
  };
  std::atomic<std::size_t> made = 0;
  const std::jthread builder([&](const std::stop_token& stop) {
    try {
      made = Rebuild(log, {.conninfo = conninfo, .stop = stop}).prepare(read_models()).size();
    } catch (const Unavailable&) {
      // The test has ended.
    }
  });
  wait_until_waiting("advisory");  // one row is there
  const std::jthread alone([&] {
    pg::Connection({.conninfo = conninfo})
        .run("BEGIN; LOCK TABLE jangbu.checkpoints IN SHARE MODE; COMMIT");
  });
  wait_until_waiting("relation");
  gate.run("SELECT pg_advisory_unlock(1)");
  wait_until("all read models", [&] { return made == read_models().size(); });
}

TEST_CASE("a database that Jangbu never used has no checkpoints", "[projector]") {
  CHECK(checkpoints_in(shared_postgres().create_database()).empty());
}

TEST_CASE("a projector counts the void commits that it passes over", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append_void(log, seoul, "no commit");
  const Projector projector(log, {.conninfo = conninfo});
  append(log, {AccountOpened{hong}});
  append_claim(log, seoul);
  wait_until_projected(projector, log);
  const auto before = projector.measures().voids.value();  // 0 if the first was loaded
  CHECK(before <= 1);
  for (int i = 0; i < 3; ++i) append_void(log, busan, encode_commit({opening, {}}));
  wait_until("the count", [&] { return projector.measures().voids.value() == before + 3; });
}

TEST_CASE("the status tells position and end of the log", "[projector]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  append(log, std::vector<Event>{});
  const Projector projector(log, {.conninfo = conninfo});
  wait_until_projected(projector, log);
  const auto status = projector.status();
  CHECK(status.position == Position{2});
  CHECK(status.log_end == Position{2});
  CHECK(status.last_error.empty());
}

}  // namespace jangbu::test
