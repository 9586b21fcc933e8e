// The connections that know no shop.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <numeric>

#include "infra/postgres/async_connection.hpp"
#include "infra/postgres/connection.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

using pg::AsyncConnection;

// A listener that accepts connections into its backlog and never says a word.
class SilentServer {
 public:
  SilentServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(fd_, 8) == 0);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(fd_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  std::string conninfo() const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=x dbname=x sslmode=disable";
  }

 private:
  int fd_;
  int port_ = 0;
};

// Runs an AsyncConnection's loop until the condition holds.
void turn_until(AsyncConnection& connection, const std::function<bool()>& condition) {
  const auto end = AsyncConnection::Clock::now() + 20s;
  while (!condition()) {
    REQUIRE(AsyncConnection::Clock::now() < end);
    connection.flush(AsyncConnection::Clock::now());
    pollfd fd{connection.fd(), connection.events(), 0};
    ::poll(&fd, 1, 5);
    connection.on_ready(fd.revents, AsyncConnection::Clock::now());
  }
}

// What became of statements.
struct Outcomes {
  std::vector<std::string> of;

  AsyncConnection::OnReply at(std::size_t place) {
    if (of.size() <= place) of.resize(place + 1);
    return [this, place](AsyncConnection::Reply reply) {
      REQUIRE(of[place].empty());
      if (const auto* result = std::get_if<pg::Result>(&reply)) {
        of[place] = "ok";
        if (PQntuples(result->get()) == 1)
          of[place] += ' ' + std::to_string(pg::Row(result->get(), 0).next<std::int64_t>());
      } else if (const auto* error = std::get_if<pg::SqlError>(&reply)) {
        of[place] = error->sqlstate();
      } else {
        of[place] = "unavailable";
      }
    };
  }
  bool all() const {
    return std::none_of(of.begin(), of.end(), [](const std::string& one) { return one.empty(); });
  }
};

const pg::Statement echo{"echo", "SELECT $1::bigint"};
const pg::Statement divide{"divide", "SELECT 1 / $1::bigint"};
const pg::Statement nonsense{"nonsense", "SELECT nothing FROM nowhere WHERE x = $1::bigint"};

}  // namespace

TEST_CASE("values come back from PostgreSQL as they went", "[postgres]") {
  pg::Connection connection({.conninfo = shared_postgres().conninfo()});
  const pg::Statement statement{
      "values",
      "SELECT $1::boolean, $2::int, $3::bigint, $4::text, $5::bytea, $6::uuid, "
      "$7::timestamptz, $8::text, $7::timestamptz = '1969-07-20T20:17:40.123Z'"};
  const Timestamp landing{parse_timestamp("1969-07-20T20:17:40.123Z").value()};
  const std::string bytes("\0\xff'\\", 4);
  const auto result = connection.execute(
      {&statement,
       pg::Params::of(true, std::int32_t{-7}, std::int64_t{-10'000'000'000}, std::string("홍길동"),
                      pg::Blob{bytes}, id<AccountId>(7), landing, std::optional<std::string>())});
  pg::Row row(result.get(), 0);
  CHECK(row.next<bool>());
  CHECK(row.next<std::int32_t>() == -7);
  CHECK(row.next<std::int64_t>() == -10'000'000'000);
  CHECK(row.next<std::string>() == "홍길동");
  CHECK(row.next<pg::Blob>().bytes == bytes);
  CHECK(row.next<AccountId>() == id<AccountId>(7));
  CHECK(row.next<Timestamp>() == landing);
  CHECK(row.next_optional<std::string>() == std::nullopt);
  CHECK(row.next<bool>());

  pg::Row again(result.get(), 0);
  CHECK_THROWS_AS(again.next<std::int64_t>(), Corrupt);  // a boolean
  pg::Row null(result.get(), 0, 7);
  CHECK_THROWS_AS(null.next<std::string>(), Corrupt);
}

TEST_CASE("rows of a bulk statement are taken apart by unnest", "[postgres]") {
  pg::Connection connection({.conninfo = shared_postgres().conninfo()});
  const pg::Statement statement{
      "arrays", "SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS rows (name, at)"};
  pg::BulkRows rows;
  rows.add(std::string_view("{\"a\",NULL}"), std::optional<Timestamp>());
  rows.add(std::string_view(""), std::optional(opening));
  auto parts = std::move(rows).take();
  REQUIRE(parts.size() == 1);
  CHECK(parts.front().rows == 2);
  const auto result = connection.execute({&statement, std::move(parts.front().params)});
  REQUIRE(PQntuples(result.get()) == 2);
  pg::Row first(result.get(), 0);
  CHECK(first.next<std::string>() == "{\"a\",NULL}");
  CHECK(first.next_optional<Timestamp>() == std::nullopt);
  pg::Row second(result.get(), 1);
  CHECK(second.next<std::string>().empty());
  CHECK(second.next_optional<Timestamp>() == opening);
}

TEST_CASE("a refused statement says why, and the connection goes on", "[postgres]") {
  pg::Connection connection({.conninfo = shared_postgres().conninfo()});
  const std::vector<pg::Call> calls{{&echo, pg::Params::of(std::int64_t{1})},
                                    {&divide, pg::Params::of(std::int64_t{0})},
                                    {&echo, pg::Params::of(std::int64_t{3})}};
  try {
    connection.pipeline(calls);
    FAIL("divided by zero");
  } catch (const pg::SqlError& error) {
    CHECK(error.sqlstate() == "22012");
  }
  CHECK_THROWS_AS(connection.execute({&nonsense, pg::Params::of(std::int64_t{0})}), pg::SqlError);
  CHECK_THROWS_AS(connection.run("SELECT 1; SELECT 1/0; SELECT 2"), pg::SqlError);
  CHECK(connection.pipeline(std::span(calls).first(1)).size() == 1);
  CHECK_FALSE(connection.broken());
}

TEST_CASE("a transaction is rolled back unless it was committed", "[postgres]") {
  pg::Connection connection({.conninfo = shared_postgres().create_database()});
  connection.run("CREATE TABLE t (x bigint)");
  {
    const pg::Transaction transaction(connection);
    connection.run("INSERT INTO t VALUES (1)");
  }
  {
    pg::Transaction transaction(connection);
    connection.run("INSERT INTO t VALUES (2)");
    transaction.commit();
  }
  const pg::Statement sum{"sum", "SELECT sum(x)::bigint FROM t"};
  CHECK(pg::Row(connection.execute({&sum, {}}).get(), 0).next<std::int64_t>() == 2);
}

TEST_CASE("parameters of many megabytes pass through a pipeline", "[postgres]") {
  pg::Connection connection({.conninfo = shared_postgres().conninfo()});
  const pg::Statement statement{"length", "SELECT length($1::text)::bigint, $1::text"};
  const std::string text(8 << 20, 'x');
  const std::vector<pg::Call> calls(3, {&statement, pg::Params::of(text)});
  for (const auto& result : connection.pipeline(calls))
    CHECK(pg::Row(result.get(), 0).next<std::int64_t>() == static_cast<std::int64_t>(text.size()));
}

TEST_CASE("a server that is away or silent is Unavailable", "[postgres]") {
  const auto nobody = "host=127.0.0.1 user=x port=" + std::to_string(free_port_base());
  CHECK_THROWS_AS(pg::Connection({.conninfo = nobody}), Unavailable);
  const SilentServer silent;
  CHECK_THROWS_AS(pg::Connection({.conninfo = silent.conninfo(), .connect_timeout = 50ms}),
                  Unavailable);
  CHECK_THROWS_AS(pg::Connection({.conninfo = "this is no conninfo"}), Unavailable);
}

TEST_CASE("an answer that does not come in time, or a stop, ends the wait", "[postgres]") {
  pg::Connection impatient({.conninfo = shared_postgres().conninfo(), .answer_timeout = 1s});
  CHECK_THROWS_AS(impatient.run("SELECT pg_sleep(60)"), Unavailable);
  CHECK(impatient.broken());
  CHECK_THROWS_AS(impatient.run("SELECT 1"), Unavailable);

  std::stop_source stop;
  pg::Connection stopped({.conninfo = shared_postgres().conninfo()}, stop.get_token());
  stop.request_stop();
  CHECK_THROWS_AS(stopped.run("SELECT pg_sleep(60)"), Unavailable);
}

TEST_CASE("errors in a pipeline hit only the statements that made them", "[postgres]") {
  AsyncConnection connection({.conninfo = shared_postgres().conninfo()}, {});
  turn_until(connection, [&] { return connection.connected(); });

  SECTION("a statement that fails when it runs") {
    Outcomes outcomes;
    for (std::int64_t i = 0; i < 100; ++i)
      connection.send(i % 10 == 5 ? divide : echo, pg::Params::of(i % 10 == 5 ? 0 : i),
                      outcomes.at(static_cast<std::size_t>(i)));
    turn_until(connection, [&] { return outcomes.all(); });
    for (std::size_t i = 0; i < 100; ++i)
      CHECK(outcomes.of[i] == (i % 10 == 5 ? "22012" : "ok " + std::to_string(i)));
  }
  SECTION("a statement that cannot be prepared") {
    Outcomes outcomes;
    for (std::int64_t i = 0; i < 30; ++i)
      connection.send(i % 3 == 0 ? nonsense : echo, pg::Params::of(i),
                      outcomes.at(static_cast<std::size_t>(i)));
    turn_until(connection, [&] { return outcomes.all(); });
    for (std::size_t i = 0; i < 30; ++i)
      CHECK(outcomes.of[i] == (i % 3 == 0 ? "42P01" : "ok " + std::to_string(i)));
  }
  SECTION("a preparation that was skipped, with the next turn under way") {
    Outcomes outcomes;
    connection.send(divide, pg::Params::of(std::int64_t{0}), outcomes.at(0));
    connection.send(echo, pg::Params::of(std::int64_t{1}), outcomes.at(1));
    connection.flush(AsyncConnection::Clock::now());
    connection.send(echo, pg::Params::of(std::int64_t{2}), outcomes.at(2));
    connection.flush(AsyncConnection::Clock::now());
    turn_until(connection, [&] { return outcomes.all(); });
    CHECK(outcomes.of == std::vector<std::string>{"22012", "ok 1", "ok 2"});
  }
  SECTION("a statement that is sent when another one has failed") {
    Outcomes outcomes;
    connection.send(divide, pg::Params::of(std::int64_t{0}),
                    [&, failed = outcomes.at(0)](AsyncConnection::Reply reply) {
                      for (const std::size_t place : {1, 2})
                        connection.send(echo, pg::Params::of(static_cast<std::int64_t>(place)),
                                        outcomes.at(place));
                      failed(std::move(reply));
                    });
    connection.send(echo, pg::Params::of(std::int64_t{3}), outcomes.at(3));
    turn_until(connection, [&] { return outcomes.all(); });
    CHECK(outcomes.of == std::vector<std::string>{"22012", "ok 1", "ok 2", "ok 3"});
  }
  CHECK(connection.in_flight() == 0);
}

TEST_CASE("statements are prepared again where that is needed, and else once", "[postgres]") {
  const std::string conninfo = shared_postgres().create_database();
  pg::Connection other({.conninfo = conninfo});
  other.run("CREATE TABLE t AS SELECT 1::bigint AS a");
  AsyncConnection connection({.conninfo = conninfo}, {});
  turn_until(connection, [&] { return connection.connected(); });
  const pg::Statement read{"read", "SELECT * FROM t"};
  const pg::Statement forget{"forget", "DEALLOCATE ALL"};
  const auto outcome_of = [&](const pg::Statement& statement) {
    Outcomes outcomes;
    connection.send(statement, {}, outcomes.at(0));
    turn_until(connection, [&] { return outcomes.all(); });
    return outcomes.of[0];
  };
  CHECK(outcome_of(read) == "ok 1");
  // The server, or a pooler in between, forgot it.
  CHECK(outcome_of(forget) == "ok");
  CHECK(outcome_of(read) == "ok 1");
  // 'cached plan must not change result type'
  other.run("ALTER TABLE t ADD COLUMN b text");
  CHECK(outcome_of(read) == "ok 1");
  // Another one of that name takes its place.
  for (int i = 0; i < 10; ++i)
    CHECK(outcome_of({"same", "SELECT " + std::to_string(i) + "::bigint"}) ==
          "ok " + std::to_string(i));
  CHECK(outcome_of({"count", "SELECT count(*) FROM pg_prepared_statements WHERE name = 'same'"}) ==
        "ok 1");
  // Several turns under way when it is forgotten.
  Outcomes outcomes;
  for (std::size_t i = 0; i < 30; ++i) {
    connection.send(i % 7 == 3 ? forget : read, {}, outcomes.at(i));
    if (i % 2) connection.flush(AsyncConnection::Clock::now());
  }
  turn_until(connection, [&] { return outcomes.all(); });
  for (std::size_t i = 0; i < 30; ++i) CHECK(outcomes.of[i] == (i % 7 == 3 ? "ok" : "ok 1"));
}

TEST_CASE("a lost connection answers everything, and comes back", "[postgres]") {
  int connects = 0;
  int losses = 0;
  AsyncConnection connection(
      {.conninfo = shared_postgres().conninfo()},
      {.on_connected = [&] { ++connects; }, .on_lost = [&](const Unavailable&) { ++losses; }});
  turn_until(connection, [&] { return connection.connected(); });
  const pg::Statement suicide{"suicide",
                              "SELECT pg_terminate_backend(pg_backend_pid())::int::bigint"};
  Outcomes outcomes;
  connection.send(suicide, {}, outcomes.at(0));
  connection.send(echo, pg::Params::of(std::int64_t{1}), outcomes.at(1));
  turn_until(connection, [&] { return losses == 1; });
  CHECK(outcomes.of == std::vector<std::string>{"unavailable", "unavailable"});
  turn_until(connection, [&] { return connection.connected(); });
  CHECK(connects == 2);
  connection.send(echo, pg::Params::of(std::int64_t{2}), outcomes.at(2));
  turn_until(connection, [&] { return outcomes.all(); });
  CHECK(outcomes.of[2] == "ok 2");
}

TEST_CASE("an answer that does not come in time loses the connection", "[postgres]") {
  AsyncConnection connection({.conninfo = shared_postgres().conninfo(), .answer_timeout = 1s}, {});
  turn_until(connection, [&] { return connection.connected(); });
  const pg::Statement sleep{"sleep", "SELECT 1::bigint FROM pg_sleep(60)"};
  Outcomes outcomes;
  connection.send(sleep, {}, outcomes.at(0));
  turn_until(connection, [&] { return outcomes.all(); });
  CHECK(outcomes.of[0] == "unavailable");

  const SilentServer silent;
  int losses = 0;
  AsyncConnection never({.conninfo = silent.conninfo(), .connect_timeout = 50ms},
                        {.on_lost = [&](const Unavailable&) { ++losses; }});
  turn_until(never, [&] { return losses == 2; });
}

TEST_CASE("notifications arrive without a question", "[postgres]") {
  std::vector<std::string> heard;
  AsyncConnection connection({.conninfo = shared_postgres().conninfo()},
                             {.on_notification = [&](std::string_view channel, std::string_view) {
                               heard.emplace_back(channel);
                             }});
  turn_until(connection, [&] { return connection.connected(); });
  const pg::Statement listen{"listen", "LISTEN news"};
  Outcomes outcomes;
  connection.send(listen, {}, outcomes.at(0));
  turn_until(connection, [&] { return outcomes.all(); });
  pg::Connection other({.conninfo = shared_postgres().conninfo()});
  other.run("NOTIFY news");
  turn_until(connection, [&] { return heard == std::vector<std::string>{"news"}; });
}

}  // namespace jangbu::test
