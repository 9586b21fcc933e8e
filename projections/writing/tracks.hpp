// Takes generations of read models forward: a batch of commits at a time, folded in memory, written
// with a few bulk statements, and the checkpoints move with it, in the same transaction. The
// checkpoints move by compare-and-swap, so nothing is applied twice, whoever else fills the same
// tables. With two connections a large batch is written in two transactions beside each other, each
// of some of the read models.
//
// An event that cannot be folded into a row, or whose values PostgreSQL refuses (SQLSTATE classes
// 22 and 23), freezes that one row as it was before, in that one generation: it is parked, in the
// same transaction. Everything else goes on.
//
// Threads: one at a time; a second one works for it while it writes. Ownership: the connections
// must outlive it. Errors: Unavailable as pg::Connection's; Corrupt and SqlError where it is no
// matter of one row.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "events/commit.hpp"
#include "events/event_log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/checkpoints.hpp"

namespace jangbu {

// What a connection needs on which statements are planned once, for arrays of any length: they must
// go through the indexes however small the tables are when that happens.
//
// synchronous_commit stays on, although nothing would be lost without it, since what PostgreSQL
// forgets in a crash is projected again: until then queries would show an earlier position than
// they did before, and who looked would see things un-happen. A batch is flushed as one, and
// batches grow with the load.
inline constexpr std::string_view projection_settings =
    "-c synchronous_commit=on -c plan_cache_mode=force_generic_plan -c jit=off "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off";

// A commit, with its place in the log.
struct LogCommit {
  Position position;
  CommitId id;
  Commit commit;
};

// Whole commits that follow each other. Never empty.
struct Batch {
  std::vector<LogCommit> commits;
  std::size_t events = 0;
  std::size_t bytes = 0;  // as they lie in the log; in memory they are several times as much

  const LogCommit& last() const { return commits.back(); }
};

// With either of them a batch is full. The number of events alone would say nothing about memory:
// one may have 200 bytes, or 15 KiB.
struct BatchSize {
  std::size_t events;
  std::size_t bytes = 8 * 1024 * 1024;
};

// The log from after a position on, in batches.
class Batches {
 public:
  Batches(EventLog& log, Position after, BatchSize size);

  // The next commits that the log has now, none after `limit`. Nothing when none came for a while.
  // Throws Undecodable.
  std::optional<Batch> next(std::optional<Position> limit);

  // A full batch, or all up to `limit`. REQUIRES: the log has, or will soon have, a commit there
  // that was not given before. Throws Unavailable when nothing comes for long.
  Batch full(Position limit);

 private:
  bool read(std::chrono::milliseconds timeout);
  void add_to(Batch& batch, std::optional<Position> limit);
  bool is_full(const Batch& batch) const;

  std::unique_ptr<LogReader> reader_;
  BatchSize size_;
  std::deque<StoredCommit> commits_;
};

// --- Writing -------------------------------------------------------------------------------------

// A row that cannot be written because of what its events say.
class Unfit : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void fold_commit(Fold& fold, const LogCommit& commit);

// What the fold has gathered. Throws Unfit.
std::vector<Change> take_changes(Fold& fold, const Wanted& wanted);

// Executes the changes, and what else is to be done, in one round trip. Throws Unfit where the
// values are to blame.
void execute(pg::Connection& connection, std::vector<Change> changes,
             const std::vector<pg::Call>& others = {});

// --- Parked rows ---------------------------------------------------------------------------------

// A row that is frozen, and why.
struct Parked {
  std::string read_model;
  int generation = 0;
  EntityId entity;
  EventId event;  // the first that could not be folded into it
  std::string reason;
  Timestamp parked_at;
};

// Of all generations.
std::vector<Parked> read_parked(pg::Connection& connection);

// Of the generation that serves, at most so many, those of the earliest events.
Query<Page<Parked>> list_parked(const ReadModel& model, std::size_t limit);

// More than these in a generation are no matter of single rows any more.
inline constexpr int most_parked = 1'000;

// --- Tracks --------------------------------------------------------------------------------------

// One generation of one read model.
struct Track {
  const ReadModel* model;
  Checkpoint checkpoint;
  std::unique_ptr<Fold> fold;
  std::unordered_set<EntityId> parked;
};

class Tracks {
 public:
  struct Generation {
    const ReadModel* model;
    Checkpoint checkpoint;
  };

  // REQUIRES: at least one generation.
  Tracks(pg::Connection& connection, std::span<const Generation> generations,
         pg::Connection* second = nullptr);

  // That all of them have reached.
  Position position() const;

  // How far a batch may go: those that are behind catch up with the next one before they go on
  // together. Nothing when all are at one position.
  std::optional<Position> limit() const;

  // False when a checkpoint is not where it was any more: nothing was written to its generation nor
  // to those written with it. After that, or an exception, these tracks are out of date. REQUIRES:
  // the batch begins after position() and ends at limit() at the latest.
  bool write(const Batch& batch);

  const std::vector<Track>& all() const { return tracks_; }

 private:
  std::vector<Track*> moving();

  pg::Connection& connection_;
  pg::Connection* second_;
  std::vector<Track> tracks_;
};

// --- Parked rows, once more ----------------------------------------------------------------------

// Folds one row again, alone, from the log's first commit to the generation's checkpoint, and lets
// it go on from there. Answers with the row as JSON before and after (empty: there is none), or
// with why it is parked again.
struct Retried {
  std::string before;
  std::string after;
  std::optional<Parked> parked_again;
};
Retried retry(pg::Connection& connection, EventLog& log, const ReadModel& model,
              const Parked& parked);

}  // namespace jangbu
