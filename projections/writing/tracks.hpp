// Takes generations of read models forward: a batch of commits at a time, folded in memory, written
// with a few bulk statements, and the checkpoints move with it, in the same transaction. The
// checkpoints move by compare-and-swap, so nothing is applied twice, whoever else fills the same
// tables. With two connections a large batch is written in two transactions beside each other, each
// of some of the read models.
//
// A row that an event does not fit is parked in the same transaction (parked.hpp); everything else
// goes on.
//
// Threads: one at a time; a second one works for it while it writes. Ownership: the connections
// must outlive it. Errors: Unavailable as pg::Connection's; Corrupt and SqlError where it is no
// matter of one row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/batches.hpp"
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

}  // namespace jangbu
