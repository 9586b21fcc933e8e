// Checkpoints: how far each generation of each read model has been filled, in which schema, and by
// code of which fingerprint.
//
// A generation is `building` until it has caught up, then `serving`: queries read it and a
// projector fills it. When another one takes its place it becomes `retired`, and is kept for a
// rollback. One generation serves per fingerprint, so that two builds of Jangbu can run side by
// side.
//
// Threads: functions of the connection they are given. Errors: as pg::Connection's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_log.hpp"
#include "events/values.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

enum class GenerationState { building, serving, retired };

std::string_view to_string(GenerationState state);

struct Checkpoint {
  std::string read_model;
  int generation = 0;
  std::string fingerprint;
  GenerationState state = GenerationState::serving;
  Position position;
  std::optional<CommitId> commit_id;  // of the commit at `position`; none at 0
  int parked = 0;                     // rows that are frozen

  // Where its table is.
  std::string schema() const { return read_model + '_' + std::to_string(generation); }
};

// PostgreSQL's NOTIFY channel for 'a checkpoint moved, or there is a new one'.
inline constexpr std::string_view checkpoints_channel = "jangbu_checkpoints";
// Sends that notification, in the transaction that moves a checkpoint.
pg::Call tell_who_waits();
// Its payload when generations came, went or changed places.
inline constexpr std::string_view generations_changed = "generations";

// The SELECT for checkpoints, for connections that do not block, and how its result is read.
extern const pg::Statement select_checkpoints;
std::vector<Checkpoint> read_checkpoints(const PGresult* result);

// Every generation of every read model, including those of other builds. Empty if Jangbu has never
// used this database.
std::vector<Checkpoint> read_checkpoints(pg::Connection& connection);

// The generation among `checkpoints` that serves this build: the one with its fingerprint.
const Checkpoint* serving_generation(std::span<const Checkpoint> checkpoints,
                                     const ReadModel& model);

// What is wrong between these checkpoints and the log, in one sentence, or nothing. A checkpoint
// that is ahead of the log, or whose commit is not the log's at that position, means that the end
// of the log was lost (and maybe grew again). Throws Unavailable when the log cannot be read.
std::optional<std::string> contradiction(std::span<const Checkpoint> checkpoints, EventLog& log);

}  // namespace jangbu
