// Checkpoints: how far each generation of each read model has been filled, in which schema, by the
// code of which fingerprint.
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

struct Checkpoint {
  std::string read_model;
  int generation = 0;
  std::string fingerprint;
  Position position;
  std::optional<CommitId> commit_id;  // of the commit at `position`; none at 0

  // Where its table is.
  std::string schema() const { return read_model + '_' + std::to_string(generation); }
};

// PostgreSQL's NOTIFY channel for 'a checkpoint moved, or there is a new one'.
inline constexpr std::string_view checkpoints_channel = "jangbu_checkpoints";

// The SELECT for them, for connections that do not block, and how its result reads.
extern const pg::Statement select_checkpoints;
std::vector<Checkpoint> read_checkpoints(const PGresult* result);

// Every generation of every read model, also those of other builds. None where Jangbu has never
// used this database.
std::vector<Checkpoint> read_checkpoints(pg::Connection& connection);

// The generation that this build fills and reads, among `checkpoints`: the newest of its own
// fingerprint.
const Checkpoint* own_generation(std::span<const Checkpoint> checkpoints, const ReadModel& model);

// This build's generation of each model, in the models' order. Those that do not exist are made,
// empty and at position 0, and the view for people (`jangbu.accounts`) then points at them.
std::vector<Checkpoint> prepare_generations(pg::Connection& connection,
                                            std::span<const ReadModel* const> models);

// What is wrong between these checkpoints and the log, in one sentence, or nothing. A checkpoint
// that is ahead of the log, or whose commit is not the log's at that position, means that the end
// of the log was lost (and maybe grew again). Throws Unavailable when the log cannot be read.
std::optional<std::string> contradiction(std::span<const Checkpoint> checkpoints, EventLog& log);

}  // namespace jangbu
