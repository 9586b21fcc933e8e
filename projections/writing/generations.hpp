// How generations of read models come, take over from each other, and go.
//
// Who fills a generation, and who makes or removes generations of a read model, holds a lock on
// that: an advisory lock of PostgreSQL's, which belongs to a session and ends with it, also when
// the process that had it is killed.
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

// False when another session has it. Taken several times it must be given back as often.
bool try_lock(pg::Connection& connection, const std::string& lock);
void unlock(pg::Connection& connection, const std::string& lock);

// Gives back all locks of the session when it goes out of scope. They would end with the session,
// but PostgreSQL hears of that later than whoever begins the next operation. The connection must
// outlive it.
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

// Makes the tables that all this is written down in, where they are not there yet.
void prepare_bookkeeping(pg::Connection& connection);

// The model's table in a schema of its own, without the indexes that only queries need.
void create_table(pg::Connection& connection, const ReadModel& model, std::string_view schema);
void create_indexes(pg::Connection& connection, const ReadModel& model, std::string_view schema);
void drop_schema(pg::Connection& connection, std::string_view schema);

// Whether its table is there.
bool is_there(pg::Connection& connection, const Checkpoint& checkpoint);

// Writes down a new generation, or what has become of one, and tells who listens.
void add_generation(pg::Connection& connection, const Checkpoint& checkpoint);
void set_state(pg::Connection& connection, const Checkpoint& checkpoint, GenerationState state);
void drop_generation(pg::Connection& connection, const Checkpoint& checkpoint);

// Removes what nobody will use any more: builds that were given up, all retired generations but
// one, and the ones of builds before the last one. The one that is kept for a rollback is `kept`,
// or the newest: after a rollback that is not who served last. What somebody fills stays, whatever
// it is. Does nothing while another session has the lock to rebuild that read model. REQUIRES:
// outside of a transaction.
void clean_up(pg::Connection& connection, const ReadModel& model,
              std::optional<int> kept = std::nullopt);

// The generation that the view for people shows, and with it the build that serves. Nothing where
// there is no view.
std::optional<Checkpoint> shown(pg::Connection& connection, const ReadModel& model);

// Lets the view for people (`jangbu.deliveries`) show this generation.
void show(pg::Connection& connection, const ReadModel& model, const Checkpoint& checkpoint);

}  // namespace jangbu
