// Rebuilds read models from the log, while the serving ones go on serving.
//
//   Rebuild rebuild(log, {.conninfo = database});
//   const Rebuilt done = rebuild.rebuild(deliveries_model);
//
// A rebuild fills a new generation from the log's first commit on, catches up with the serving one,
// compares the two at a common position, takes over at a later one in one transaction, and removes
// what is too old to go back to. If it is killed at any point, the old generation goes on serving;
// the next rebuild resumes what was built so far, or removes it.
//
// Threads: one at a time, which it blocks; on_progress is called on it. Several processes may
// rebuild at once, but not the same read model.
// Errors: Unavailable while the log or the database is away, or if it was stopped; CannotRebuild,
// with what to do; Corrupt as Batches'.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_log.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/checkpoints.hpp"
#include "projections/writing/comparison.hpp"
#include "projections/writing/loading.hpp"
#include "projections/writing/tracks.hpp"

namespace jangbu {

class CannotRebuild : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Another process, or another request, is rebuilding it.
class AlreadyRebuilding : public CannotRebuild {
 public:
  using CannotRebuild::CannotRebuild;
};

struct RebuildProgress {
  enum class Stage { loading, indexing, catching_up, comparing, swapping };

  Stage stage = Stage::loading;
  Position position;         // up to which the new generation is filled
  Position target;           // up to which it is to be filled
  std::uint64_t events = 0;  // folded so far
};

std::string_view to_string(RebuildProgress::Stage stage);

struct Rebuilt {
  int generation = 0;     // that serves now
  int before = 0;         // that served, and is kept
  Position position;      // at which it took over
  Comparison comparison;  // of the one before with the new one
};

class Rebuild {
 public:
  struct Options {
    std::string conninfo;
    std::function<void(const RebuildProgress&)> on_progress = [](const RebuildProgress&) {};
    std::stop_token stop = {};
    // How much is folded, and then written, at once while loading; twice that is in memory. The
    // more, the fewer rows are written before their last event is known.
    BatchSize load = {.events = 200'000, .bytes = 32 * 1024 * 1024};
  };

  Rebuild(EventLog& log, Options options);

  Rebuilt rebuild(const ReadModel& model);

  // The generation that served before the current one catches up and serves again; the current one
  // is kept.
  Rebuilt rollback(const ReadModel& model);

  // Builds the generations that this build of Jangbu will serve from, if they are missing. Returns
  // those it built.
  std::vector<Checkpoint> prepare(std::span<const ReadModel* const> models);

  // Makes the views for people show what serves this build, and removes what nobody uses.
  void tidy_up(std::span<const ReadModel* const> models);

  // Compares what people see in the views, whichever build fills it, with a replay of the log by
  // this build.
  Comparison diff(const ReadModel& model);

  // Builds the read model as it was right after this position, in a schema of this name, which
  // belongs to the caller alone. REQUIRES: is_free_name(schema).
  void build(const ReadModel& model, Position position, const std::string& schema);
  // The same, and compares it with what people see now.
  Comparison as_of(const ReadModel& model, Position position, const std::string& schema);

  // Whether a schema may have this name: a valid name in lower case that no generation can have.
  static bool is_free_name(const std::string& schema);

 private:
  // Forgets generations whose tables somebody dropped.
  void forget_lost(pg::Connection& connection, const ReadModel& model);
  pg::Connection connect(std::string_view purpose, std::string_view settings) const;
  Checkpoint serving(pg::Connection& connection, const ReadModel& model) const;
  Checkpoint seen_by_people(pg::Connection& connection, const ReadModel& model) const;
  std::vector<Tracks::Generation> load(pg::Connection& connection,
                                       std::span<const ReadModel* const> models, Position to);
  // Creates the tables and fills them, indexes included, in the open transactions.
  Loaded fill(std::span<const NewTables> tables, Position to);
  void catch_up(pg::Connection& connection, std::vector<Tracks::Generation>& generations,
                Position to);
  // Holds the serving generation's checkpoint, brings the other generation there, and does `work`.
  void at_common_position(pg::Connection& builder, const Checkpoint& serving,
                          std::vector<Tracks::Generation>& made,
                          const std::function<void(pg::Connection& holder)>& work);
  Comparison compare_with_serving(pg::Connection& builder, const Checkpoint& serving,
                                  std::vector<Tracks::Generation>& made);
  Position take_over(pg::Connection& builder, const Checkpoint& serving,
                     std::vector<Tracks::Generation>& made);
  void tell(RebuildProgress::Stage stage, Position position, Position target);
  void require_going_on() const;

  EventLog& log_;
  Options options_;
  RebuildProgress progress_;
};

// The position of the last commit made at or before this time; 0 if there is none.
Position position_at(EventLog& log, Timestamp time);

}  // namespace jangbu
