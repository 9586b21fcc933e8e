// How generations of read models come, take over from each other, and go.
//
// Whoever fills a generation, or makes or removes generations of a read model, holds a lock on it:
// an advisory lock of PostgreSQL, which belongs to a session and ends with it, even if the process
// is killed.
//
// Threads: functions of the connection they are given. Errors: as pg::Connection's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/checkpoints.hpp"

namespace jangbu {

// --- Locks ---------------------------------------------------------------------------------------

std::string lock_to_fill(const Checkpoint& checkpoint);
std::string lock_to_rebuild(std::string_view read_model);

// False if another session holds it. A lock taken several times must be released as often.
bool try_lock(pg::Connection& connection, const std::string& lock);
void unlock(pg::Connection& connection, const std::string& lock);

// Releases all locks of the session when it goes out of scope. They would end with the session, but
// PostgreSQL may notice that only after the next operation has begun. The connection must outlive
// it.
class ReleaseLocks {
 public:
  explicit ReleaseLocks(pg::Connection& session) : session_(session) {}
  ~ReleaseLocks();
  ReleaseLocks(const ReleaseLocks&) = delete;
  ReleaseLocks& operator=(const ReleaseLocks&) = delete;

 private:
  pg::Connection& session_;
};

// --- Coming and going ----------------------------------------------------------------------------

// Creates the tables in which all this is recorded, if they are missing.
void prepare_bookkeeping(pg::Connection& connection);

// Creates the model's table in a schema of its own, without the indexes that only queries need.
void create_table(pg::Connection& connection, const ReadModel& model, std::string_view schema);
void create_indexes(pg::Connection& connection, const ReadModel& model, std::string_view schema);
void drop_schema(pg::Connection& connection, std::string_view schema);

// Whether the generation's table exists.
bool is_there(pg::Connection& connection, const Checkpoint& checkpoint);

// Records a new generation, or what has become of one, and notifies listeners.
void add_generation(pg::Connection& connection, const Checkpoint& checkpoint);
void set_state(pg::Connection& connection, const Checkpoint& checkpoint, GenerationState state);
void drop_generation(pg::Connection& connection, const Checkpoint& checkpoint);

// Removes what nobody will use any more: unfinished generations that were given up, all retired
// generations but one, and the generations of builds before the last one. The one kept for a
// rollback is `kept`, or the newest; after a rollback, the newest is not the one that served last.
// Whatever somebody is filling stays. Does nothing while another session holds the lock to rebuild
// that read model. REQUIRES: no transaction is open.
void clean_up(pg::Connection& connection, const ReadModel& model,
              std::optional<int> kept = std::nullopt);

// The generation that the view for people shows, and thereby the build that serves. Nothing if
// there is no view.
std::optional<Checkpoint> shown(pg::Connection& connection, const ReadModel& model);

// Puts such a view in the place of a table that is no generation and that nobody fills any more.
void show_alone(pg::Connection& connection, const ReadModel& model, const std::string& schema);

// Makes the view for people (`jangbu.deliveries`) show this generation.
void show(pg::Connection& connection, const ReadModel& model, const Checkpoint& checkpoint);

}  // namespace jangbu
