// What the tests of this folder share: one PostgreSQL, a log in memory, and questions that wait for
// their answer.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "events/commit.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/writing/projector.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {

// One server for all tests that do not hurt it. Each takes a database of its own.
PostgresServer& shared_postgres();

// Appends one commit.
Position append(EventLog& log, const Commit& commit);
// … of these events, which occurred when this test's shop opened.
Position append(EventLog& log, const std::vector<Event>& events);

// Appends so many commits of a random history.
void append_history(EventLog& log, std::uint32_t seed, std::size_t commits);

std::vector<Checkpoint> checkpoints_in(const std::string& conninfo);

Projector::Status wait_for(const Projector& projector, Projector::State state);
// Waits until the projector has projected the whole log.
void wait_until_projected(const Projector& projector, EventLog& log);
// Projects the whole log, and ends.
void project(EventLog& log, const std::string& conninfo, std::size_t batch_events = 2'000);

// What a replay of the log, loaded so many events at a time, gives: as dump().
std::map<std::string, std::string> replayed(EventLog& log, std::size_t load_events);

// Every row of every read model of this database, as text.
std::map<std::string, std::string> dump(const std::string& conninfo);

// Asks and waits.
template <class T>
QueryResult<T> ask(ReadModels& read_models, Query<T> query, ReadAt at = {}) {
  auto promise = std::make_shared<std::promise<QueryResult<T>>>();
  auto future = promise->get_future();
  read_models.query<T>(std::move(query), at,
                       [promise](QueryResult<T> result) { promise->set_value(std::move(result)); });
  REQUIRE(future.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  return future.get();
}

// Asks, and requires an answer.
template <class T>
T answer(ReadModels& read_models, Query<T> query, ReadAt at = {}) {
  auto result = ask(read_models, std::move(query), at);
  if (const auto* unavailable = std::get_if<Unavailable>(&result)) FAIL(unavailable->what());
  REQUIRE(std::holds_alternative<Answer<T>>(result));
  return std::get<Answer<T>>(std::move(result)).value;
}

// Connected to a database whose read models are there.
class Asker : public ReadModels {
 public:
  explicit Asker(const std::string& conninfo) : Asker(Options{.conninfo = conninfo}) {}
  explicit Asker(Options options);
};

}  // namespace jangbu::test
