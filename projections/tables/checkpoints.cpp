#include "projections/tables/checkpoints.hpp"

#include <algorithm>

#include "tables_sql.hpp"

namespace jangbu {

namespace {

constexpr std::string_view add_sql =
    "INSERT INTO jangbu.checkpoints (read_model, generation, fingerprint, position) "
    "VALUES ($1, $2, $3, 0)";

// One process at a time makes generations. The number has no meaning but must not change.
constexpr const char* lock_generations = "SELECT pg_advisory_xact_lock(4891230417)";

Checkpoint make_generation(pg::Connection& connection, const ReadModel& model,
                           std::span<const Checkpoint> existing) {
  Checkpoint made;
  made.read_model = model.name;
  made.fingerprint = fingerprint(model);
  for (const Checkpoint& other : existing)
    if (other.read_model == model.name)
      made.generation = std::max(made.generation, other.generation);
  ++made.generation;
  const std::string schema = made.schema();
  const std::string view = "jangbu." + made.read_model;
  connection.run("CREATE SCHEMA " + schema + "; SET LOCAL search_path TO " + schema + ";" +
                 std::string(model.ddl) + "DROP VIEW IF EXISTS " + view + "; CREATE VIEW " + view +
                 " AS SELECT * FROM " + schema + "." + made.read_model);
  const pg::Statement add{"checkpoints.add", std::string(add_sql)};
  connection.execute({&add, pg::Params::of(made.read_model, made.generation, made.fingerprint)});
  return made;
}

bool exists(pg::Connection& connection) {
  const auto found = connection.run("SELECT 1 WHERE to_regclass('jangbu.checkpoints') IS NOT NULL");
  return PQntuples(found.get()) == 1;
}

}  // namespace

const pg::Statement select_checkpoints{
    "checkpoints.select",
    "SELECT read_model, generation, fingerprint, position, commit_id FROM jangbu.checkpoints"};

std::vector<Checkpoint> read_checkpoints(const PGresult* result) {
  std::vector<Checkpoint> checkpoints;
  for (int i = 0; i < PQntuples(result); ++i) {
    pg::Row row(result, i);
    checkpoints.push_back({
        .read_model = row.next<std::string>(),
        .generation = row.next<std::int32_t>(),
        .fingerprint = row.next<std::string>(),
        .position = row.next<Position>(),
        .commit_id = row.next_optional<CommitId>(),
    });
  }
  return checkpoints;
}

std::vector<Checkpoint> read_checkpoints(pg::Connection& connection) {
  if (!exists(connection)) return {};
  return read_checkpoints(connection.execute({&select_checkpoints, {}}).get());
}

const Checkpoint* own_generation(std::span<const Checkpoint> checkpoints, const ReadModel& model) {
  const Checkpoint* own = nullptr;
  const std::string mark = fingerprint(model);
  for (const Checkpoint& checkpoint : checkpoints)
    if (checkpoint.read_model == model.name && checkpoint.fingerprint == mark &&
        (!own || own->generation < checkpoint.generation))
      own = &checkpoint;
  return own;
}

std::vector<Checkpoint> prepare_generations(pg::Connection& connection,
                                            std::span<const ReadModel* const> models) {
  const auto own_generations = [&](std::span<const Checkpoint> checkpoints) {
    std::vector<Checkpoint> own;
    for (const ReadModel* model : models)
      if (const Checkpoint* checkpoint = own_generation(checkpoints, *model))
        own.push_back(*checkpoint);
    return own;
  };
  auto own = own_generations(read_checkpoints(connection));
  if (own.size() == models.size()) return own;

  pg::Transaction transaction(connection);
  connection.run(lock_generations);
  if (!exists(connection)) connection.run(std::string(sql::checkpoints));
  const auto existing = read_checkpoints(connection);
  own.clear();
  for (const ReadModel* model : models) {
    const Checkpoint* found = own_generation(existing, *model);
    own.push_back(found ? *found : make_generation(connection, *model, existing));
  }
  connection.run("NOTIFY " + std::string(checkpoints_channel));
  transaction.commit();
  return own;
}

std::optional<std::string> contradiction(std::span<const Checkpoint> checkpoints, EventLog& log) {
  for (const Checkpoint& checkpoint : checkpoints) {
    if (checkpoint.position == Position{}) continue;
    const auto commit = log.read(checkpoint.position);
    const std::string place = "the read model " + checkpoint.read_model + " (generation " +
                              std::to_string(checkpoint.generation) + ") has seen position " +
                              std::to_string(checkpoint.position.value);
    if (!commit) return place + ", where the log has no commit: the log's end was lost";
    if (commit->id != checkpoint.commit_id)
      return place + ", where the log has another commit now: it is not the log that was projected";
  }
  return std::nullopt;
}

}  // namespace jangbu
