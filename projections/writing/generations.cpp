#include "projections/writing/generations.hpp"

#include <algorithm>
#include <vector>

#include "checkpoints_sql.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

const pg::Statement take_lock{"generations.lock",
                              "SELECT pg_try_advisory_lock(hashtext('jangbu'), hashtext($1))"};
const pg::Statement give_lock{"generations.unlock",
                              "SELECT pg_advisory_unlock(hashtext('jangbu'), hashtext($1))"};
const pg::Statement add{"generations.add",
                        "INSERT INTO jangbu.checkpoints "
                        "(read_model, generation, fingerprint, state, position, commit_id, parked) "
                        "VALUES ($1, $2, $3, $4, $5, $6, $7)"};
const pg::Statement change_state{
    "generations.change_state",
    "UPDATE jangbu.checkpoints SET state = $3 WHERE read_model = $1 AND generation = $2"};
const pg::Statement find{"generations.find", "SELECT to_regclass($1::text) IS NOT NULL"};
const pg::Statement forget{
    "generations.forget",
    "DELETE FROM jangbu.checkpoints WHERE read_model = $1 AND generation = $2"};

void tell(pg::Connection& connection) {
  connection.run("NOTIFY " + std::string(checkpoints_channel) + ", '" +
                 std::string(generations_changed) + "'");
}

// In a .sql file the indexes follow the table.
std::size_t end_of_table(const ReadModel& model) {
  return std::min(model.ddl.find("CREATE INDEX"), model.ddl.size());
}

// Runs a model's DDL, which names no schema, in this one.
void run_in(pg::Connection& connection, std::string_view schema, std::string_view ddl) {
  connection.run("SET LOCAL search_path TO " + std::string(schema) + ";" + std::string(ddl));
}

// The read model's generations that nobody will come back to. Of this build's retired ones these
// are all but `kept`, or all but the newest.
std::vector<Checkpoint> useless(const std::vector<Checkpoint>& checkpoints, const ReadModel& model,
                                std::optional<int> kept) {
  const std::string own = fingerprint(model);
  const std::string* before = nullptr;  // the fingerprint of the newest other build
  std::vector<Checkpoint> found;
  // Newest first.
  for (auto at = checkpoints.rbegin(); at != checkpoints.rend(); ++at) {
    if (at->read_model != model.name || at->state == GenerationState::building) {
      if (at->read_model == model.name) found.push_back(*at);
    } else if (at->fingerprint != own) {
      if (!before) before = &at->fingerprint;
      if (at->fingerprint != *before || at->state != GenerationState::serving) found.push_back(*at);
    } else if (at->state == GenerationState::retired) {
      if (!kept) kept = at->generation;
      if (at->generation != *kept) found.push_back(*at);
    }
  }
  return found;
}

}  // namespace

std::string lock_to_fill(const Checkpoint& checkpoint) {
  return "fill " + checkpoint.schema();
}

std::string lock_to_rebuild(std::string_view read_model) {
  return "rebuild " + std::string(read_model);
}

bool try_lock(pg::Connection& connection, const std::string& lock) {
  const auto result = connection.execute({&take_lock, pg::Params::of(lock)});
  return pg::Row(result.get(), 0).next<bool>();
}

void unlock(pg::Connection& connection, const std::string& lock) {
  connection.execute({&give_lock, pg::Params::of(lock)});
}

ReleaseLocks::~ReleaseLocks() {
  try {
    session_.run("SELECT pg_advisory_unlock_all()");
  } catch (const std::exception&) {
    // The connection is lost or was told to stop: the session ends, and the locks with it.
  }
}

void prepare_bookkeeping(pg::Connection& connection) {
  // IF NOT EXISTS alone does not keep two processes apart. The lock's number must not change.
  pg::Transaction transaction(connection);
  connection.run("SELECT pg_advisory_xact_lock(4891230417)");
  connection.run(std::string(sql::checkpoints));
  transaction.commit();
}

void create_table(pg::Connection& connection, const ReadModel& model, std::string_view schema) {
  connection.run("CREATE SCHEMA " + std::string(schema));
  run_in(connection, schema, model.ddl.substr(0, end_of_table(model)));
}

void create_indexes(pg::Connection& connection, const ReadModel& model, std::string_view schema) {
  run_in(
      connection, schema,
      std::string(model.ddl.substr(end_of_table(model))) + "; ANALYZE " + std::string(model.name));
}

void drop_schema(pg::Connection& connection, std::string_view schema) {
  connection.run("DROP SCHEMA IF EXISTS " + std::string(schema) + " CASCADE");
}

bool is_there(pg::Connection& connection, const Checkpoint& checkpoint) {
  const std::string table = checkpoint.schema() + '.' + checkpoint.read_model;
  const auto found = connection.execute({&find, pg::Params::of(table)});
  return pg::Row(found.get(), 0).next<bool>();
}

void add_generation(pg::Connection& connection, const Checkpoint& made) {
  pg::Params params = pg::Params::of(made.read_model, made.generation, made.fingerprint,
                                     to_string(made.state), made.position);
  params.add(made.commit_id);
  params.add(made.parked);
  connection.execute({&add, std::move(params)});
  tell(connection);
}

void set_state(pg::Connection& connection, const Checkpoint& checkpoint, GenerationState state) {
  connection.execute({&change_state, pg::Params::of(checkpoint.read_model, checkpoint.generation,
                                                    to_string(state))});
  tell(connection);
}

void drop_generation(pg::Connection& connection, const Checkpoint& checkpoint) {
  connection.execute({&forget, pg::Params::of(checkpoint.read_model, checkpoint.generation)});
  drop_schema(connection, checkpoint.schema());
  tell(connection);
}

void clean_up(pg::Connection& connection, const ReadModel& model, std::optional<int> kept) {
  const auto found = [&] { return useless(read_checkpoints(connection), model, kept); };
  // Checked before taking the lock: if there is nothing to remove, no rebuild is kept waiting.
  const std::string lock = lock_to_rebuild(model.name);
  if (found().empty() || !try_lock(connection, lock)) return;
  for (const Checkpoint& old : found()) {
    if (!try_lock(connection, lock_to_fill(old))) continue;
    try {
      pg::Transaction transaction(connection);
      connection.run("SET LOCAL lock_timeout = '2s'");
      drop_generation(connection, old);
      transaction.commit();
      log::info("removed {} ({}), which nobody uses", old.schema(), to_string(old.state));
    } catch (const pg::Away& away) {
      // Somebody is reading it, perhaps a backup. The next clean-up finds it.
      if (connection.broken()) throw;
      log::warn("{} ({}) stays for now: {}", old.schema(), to_string(old.state), away.what());
    }
    unlock(connection, lock_to_fill(old));
  }
  unlock(connection, lock);
}

std::optional<Checkpoint> shown(pg::Connection& connection, const ReadModel& model) {
  const pg::Statement select{
      "generations.shown",
      "SELECT coalesce(pg_get_viewdef(to_regclass('jangbu.' || $1::text)), '')"};
  const auto result = connection.execute({&select, pg::Params::of(model.name)});
  const auto definition = pg::Row(result.get(), 0).next<std::string>();
  for (const Checkpoint& checkpoint : read_checkpoints(connection))
    if (checkpoint.read_model == model.name &&
        definition.find("FROM " + checkpoint.schema() + ".") != definition.npos)
      return checkpoint;
  return std::nullopt;
}

void show_alone(pg::Connection& connection, const ReadModel& model, const std::string& schema) {
  const std::string name = schema + "." + std::string(model.name);
  const std::string stored = std::string(model.name) + "_stored";
  connection.run("ALTER TABLE " + name + " RENAME TO " + stored + "; CREATE VIEW " + name +
                 " AS SELECT " + std::string(model.view) + " FROM " + schema + "." + stored);
}

void show(pg::Connection& connection, const ReadModel& model, const Checkpoint& checkpoint) {
  const auto before = shown(connection, model);
  if (before && before->generation == checkpoint.generation) return;
  const std::string view = "jangbu." + checkpoint.read_model;
  const std::string select = " AS SELECT " + std::string(model.view) + " FROM " +
                             checkpoint.schema() + "." + checkpoint.read_model;
  // REPLACE keeps the privileges granted on the view, but needs the same columns.
  constexpr std::string_view invalid_table_definition = "42P16";
  connection.run("SAVEPOINT view");
  try {
    connection.run("CREATE OR REPLACE VIEW " + view + select);
  } catch (const pg::SqlError& error) {
    if (error.sqlstate() != invalid_table_definition) throw;
    connection.run("ROLLBACK TO view; DROP VIEW " + view + "; CREATE VIEW " + view + select);
  }
  connection.run("RELEASE view");
}

}  // namespace jangbu
