#include "tests/projections/support.hpp"

#include "infra/postgres/connection.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/projections/histories.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

Position append(EventLog& log, const Commit& commit) {
  const Position expected = log.last();
  const auto id = jangbu::test::id<CommitId>(static_cast<unsigned>(expected.value) + 1);
  const auto result = log.append(expected, {id, encode_commit(commit)}, std::chrono::seconds(5));
  REQUIRE(std::holds_alternative<Appended>(result));
  return std::get<Appended>(result).position;
}

Position append(EventLog& log, const std::vector<Event>& events) {
  Commit commit{opening, {}};
  for (const Event& event : events)
    commit.events.push_back({Envelope{.occurred_at = opening}, event});
  return append(log, commit);
}

void append_history(EventLog& log, std::uint32_t seed, std::size_t commits) {
  Histories histories(seed);
  for (std::size_t i = 0; i < commits; ++i) append(log, histories.next(1 + i % 20));
}

std::vector<Checkpoint> checkpoints_in(const std::string& conninfo) {
  pg::Connection connection({.conninfo = conninfo});
  return read_checkpoints(connection);
}

Projector::Status wait_for(const Projector& projector, Projector::State state) {
  wait_until("the projector to be " + std::string(to_string(state)),
             [&] { return projector.status().state == state; });
  return projector.status();
}

void wait_until_projected(const Projector& projector, EventLog& log) {
  const Position end = log.last();
  wait_until(
      "the projector",
      [&] {
        const auto status = projector.status();
        if (status.state == Projector::State::failed) throw std::runtime_error(status.last_error);
        const bool at_work = status.state == Projector::State::following ||
                             status.state == Projector::State::standby;
        return at_work && status.position >= end;
      },
      std::chrono::seconds(60));
}

void project(EventLog& log, const std::string& conninfo, std::size_t batch_events) {
  const Projector projector(log, {.conninfo = conninfo, .batch = {.events = batch_events}});
  wait_until_projected(projector, log);
}

std::map<std::string, std::string> replayed(EventLog& log, std::size_t load_events) {
  const std::string conninfo = shared_postgres().create_database();
  Rebuild rebuild(log, {.conninfo = conninfo, .load = {.events = load_events}});
  rebuild.prepare(read_models());
  return dump(conninfo);
}

std::map<std::string, std::string> dump(const std::string& conninfo) {
  pg::Connection connection({.conninfo = conninfo});
  std::map<std::string, std::string> tables;
  for (const ReadModel* model : read_models()) {
    const std::string name(model->name);
    const auto rows =
        connection.run("SELECT t::text FROM jangbu." + name + " t ORDER BY t::text COLLATE \"C\"");
    for (int i = 0; i < PQntuples(rows.get()); ++i)
      tables[name].append(PQgetvalue(rows.get(), i, 0)).push_back('\n');
  }
  return tables;
}

Asker::Asker(Options options) : ReadModels(std::move(options)) {
  wait_until("the read models", [this] { return ready(); });
}

}  // namespace jangbu::test
