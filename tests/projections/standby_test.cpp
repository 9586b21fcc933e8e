// Several PostgreSQL servers: queries from a standby, and a standby that takes over.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>

#include "projections/tables/accounts.hpp"
#include "projections/tables/products.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

using Found = std::optional<AccountRow>;

// A primary and its standby, with one database.
struct Pair {
  PostgresServer one;
  const std::string database = one.create_database();
  const std::string name = database.substr(database.rfind('=') + 1);
  const std::unique_ptr<PostgresServer> two = PostgresServer::standby_of(one);

  std::string conninfo_of(const PostgresServer& server) const { return server.conninfo(name); }
  // Both, the first one first.
  std::string conninfo() const { return one.conninfo_with(*two, name); }

  // What reaches the standby from now on stays invisible there, until it goes on.
  void hold_back() const { run_at_two("SELECT pg_wal_replay_pause()"); }
  void go_on() const { run_at_two("SELECT pg_wal_replay_resume()"); }

  void run_at_two(const std::string& sql) const {
    pg::Connection({.conninfo = two->conninfo(), .target_session_attrs = "any"}).run(sql);
  }
};

// The position of the account's row, or of what is there if it is behind; 0: unavailable.
Position position_of(const QueryResult<Found>& result) {
  if (const auto* found = std::get_if<Answer<Found>>(&result)) return found->position;
  if (const auto* behind = std::get_if<Behind>(&result)) return behind->position;
  return {};
}

bool is_answer(const QueryResult<Found>& result) {
  return std::holds_alternative<Answer<Found>>(result);
}

// In the database itself.
Position reached_in(const std::string& conninfo) {
  pg::Connection connection({.conninfo = conninfo, .target_session_attrs = "any"});
  Position lowest{UINT64_MAX};
  for (const Checkpoint& checkpoint : read_checkpoints(connection))
    lowest = std::min(lowest, checkpoint.position);
  return lowest;
}

}  // namespace

TEST_CASE("a standby answers queries, at its own position", "[standby]") {
  const Pair pair;
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  const Projector projector(log, {.conninfo = pair.conninfo_of(pair.one)});
  wait_until_projected(projector, log);
  Asker asker(pair.conninfo_of(*pair.two));
  REQUIRE(is_answer(ask(asker, account_by_id(hong.account), {Position{1}, 60s})));

  pair.hold_back();
  append(log, {AccountOpened{alice}});
  wait_until_projected(projector, log);
  CHECK(position_of(ask(asker, account_by_id(alice.account))) == Position{1});
  const auto behind = ask(asker, account_by_id(alice.account), {Position{2}, 100ms});
  CHECK(std::holds_alternative<Behind>(behind));
  CHECK(position_of(behind) == Position{1});

  std::promise<QueryResult<Found>> reached;
  asker.query<Found>(account_by_id(alice.account), {Position{2}, 60s},
                     [&](QueryResult<Found> result) { reached.set_value(std::move(result)); });
  pair.go_on();
  const auto found = reached.get_future().get();
  REQUIRE(is_answer(found));
  CHECK(std::get<Answer<Found>>(found).value);

  // Read your own writes, many times over.
  for (int i = 0; i < 20; ++i) {
    AccountState state = alice;
    state.person.address.line = std::to_string(i);
    const Position position = append(log, {AddressChanged{state}});
    CHECK(answer(asker, account_by_id(alice.account), {position, 60s})->address.line ==
          std::to_string(i));
  }
  CHECK_THAT(pair.two->log_text(), !Catch::Matchers::ContainsSubstring("ERROR"));
}

TEST_CASE("whoever has been shown a position is not shown an earlier one", "[standby]") {
  Pair pair;
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  auto projector =
      std::make_unique<Projector>(log, Projector::Options{.conninfo = pair.conninfo_of(pair.one)});
  wait_until_projected(*projector, log);
  Asker asker(pair.conninfo());
  const auto at_standby = [&] { return reached_in(pair.conninfo_of(*pair.two)); };
  wait_until("the standby", [&] { return at_standby() == Position{1}; });
  pair.hold_back();
  append(log, {AccountOpened{alice}});
  wait_until_projected(*projector, log);
  REQUIRE(position_of(ask(asker, account_by_id(alice.account))) == Position{2});

  projector.reset();
  pair.one.stop();  // not before the standby has received everything
  wait_until("the standby", [&] { return asker.ready(); });
  REQUIRE(at_standby() == Position{1});
  // Not even to who would take an earlier one.
  const auto behind = ask(asker, account_by_id(alice.account));
  REQUIRE(std::holds_alternative<Behind>(behind));
  CHECK(std::get<Behind>(behind).position == Position{1});
  CHECK(std::get<Behind>(behind).wanted == Position{2});
  // Those read models of which nobody has seen more do answer.
  CHECK(std::holds_alternative<Answer<Page<ProductRow>>>(ask(asker, list_products({}))));

  std::promise<Position> reached;
  asker.query<Found>(
      account_by_id(alice.account), {Position{}, 60s},
      [&](const QueryResult<Found>& result) { reached.set_value(position_of(result)); });
  pair.go_on();
  CHECK(reached.get_future().get() == Position{2});
}

TEST_CASE("a standby that was behind takes over, and is brought up to date", "[standby]") {
  Pair pair;
  MemoryLog log;
  append_history(log, 1, 30);
  const Projector projector(log, {.conninfo = pair.conninfo(), .batch = {.events = 20}});
  wait_until_projected(projector, log);
  Asker asker(pair.conninfo());
  const std::string conninfo_of_two = pair.conninfo_of(*pair.two);
  wait_until("the standby", [&] { return reached_in(conninfo_of_two) == log.last(); });

  // What the primary writes now is lost with it.
  pair.two->kill();
  append_history(log, 2, 10);
  wait_until_projected(projector, log);
  const Position seen = log.last();
  REQUIRE(std::get<Answer<Page<ProductRow>>>(ask(asker, list_products({}))).position == seen);
  pair.one.kill();
  CHECK(wait_for(projector, Projector::State::waiting).reason == "PostgreSQL cannot be reached");
  pair.two->start();
  REQUIRE(reached_in(conninfo_of_two) == Position{30});
  append_history(log, 3, 10);
  wait_until("a standby that takes no writes",
             [&] { return projector.status().reason == "PostgreSQL is read-only"; });

  wait_until("queries there", [&] { return asker.ready(); });
  pair.run_at_two("ALTER SYSTEM SET log_statement = 'all'");
  pair.run_at_two("SELECT pg_reload_conf()");
  pair.two->promote();
  // Nobody sees that it is behind.
  const auto products = ask(asker, list_products({}), {Position{}, 60s});
  REQUIRE(std::holds_alternative<Answer<Page<ProductRow>>>(products));
  CHECK(std::get<Answer<Page<ProductRow>>>(products).position >= seen);
  wait_until("who waits for a position to hear of it again",
             [&] { return pair.two->log_text().find("LISTEN") != std::string::npos; });
  wait_until_projected(projector, log);
  CHECK(dump(conninfo_of_two) == replayed(log, 2'000));

  // The one before comes back, and takes writes as well, which it should not: whoever follows it
  // fills it from where it was.
  pair.one.start();
  append_history(log, 4, 10);
  wait_until_projected(projector, log);
  CHECK(dump(conninfo_of_two) == replayed(log, 2'000));
  CHECK(reached_in(pair.conninfo_of(pair.one)) == seen);
  {
    const Projector another(log, {.conninfo = pair.conninfo()});
    wait_until_projected(another, log);
  }
  CHECK(dump(pair.conninfo_of(pair.one)) == replayed(log, 2'000));
}

TEST_CASE("a host that is silent is passed over", "[standby]") {
  Pair pair;
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  project(log, pair.conninfo());
  wait_until("the standby", [&] { return reached_in(pair.conninfo_of(*pair.two)) == Position{1}; });
  Asker asker({.conninfo = pair.conninfo(), .answer_timeout = 1s});
  REQUIRE(is_answer(ask(asker, account_by_id(hong.account))));

  pair.one.pause();
  // By who was connected to it,
  wait_until("answers of the standby",
             [&] { return is_answer(ask(asker, account_by_id(hong.account))); });
  // who connects now, without waiting,
  Asker another({.conninfo = pair.conninfo(), .connect_timeout = 1s, .answer_timeout = 1s});
  CHECK(is_answer(ask(another, account_by_id(hong.account))));
  // and who waits to be connected.
  pg::Connection connection(
      {.conninfo = pair.conninfo(), .target_session_attrs = "any", .connect_timeout = 1s});
  CHECK_NOTHROW(connection.run("SELECT 1"));
  pair.one.resume();
}

TEST_CASE("what a connection string says of the hosts goes before what we would say", "[standby]") {
  const Pair pair;
  const auto is_at_standby = [&](const std::string& conninfo) {
    pg::Connection connection({.conninfo = conninfo});
    const auto found = connection.run("SELECT pg_is_in_recovery()");
    return *PQgetvalue(found.get(), 0, 0) == 't';
  };
  CHECK_FALSE(is_at_standby(pair.conninfo()));
  CHECK(is_at_standby(pair.conninfo() + " target_session_attrs=standby"));
  CHECK(is_at_standby(pair.conninfo() + " target_session_attrs=prefer-standby"));
  // Queries keep to it, too, and need no standby for that.
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  project(log, pair.conninfo());
  Asker asker(pair.conninfo() + " target_session_attrs=read-write");
  CHECK(is_answer(ask(asker, account_by_id(hong.account))));

  const std::string alone = pair.conninfo_of(*pair.two);
  CHECK_THROWS_WITH(pg::Connection({.conninfo = alone}),
                    Catch::Matchers::ContainsSubstring("read-only"));
  CHECK_NOTHROW(pg::connect_to_read({.conninfo = alone}));
}

}  // namespace jangbu::test
