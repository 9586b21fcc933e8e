// Moves generations of read models forward: a batch of commits at a time is folded in memory and
// written with a few bulk statements, and the checkpoints move in the same transaction. They move
// by compare-and-swap, so nothing is applied twice, whoever else fills the same tables. With two
// connections, a large batch is written in two parallel transactions, each for some of the read
// models.
//
// A row that an event does not fit is parked in the same transaction (parked.hpp); everything else
// goes on.
//
// Threads: one at a time; it uses a second one of its own while it writes. Ownership: the
// connections must outlive it. Errors: Unavailable as pg::Connection's; Corrupt and SqlError if the
// trouble is not limited to one row.
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

// Settings for a connection whose statements are planned once, for arrays of any length: the plans
// must use the indexes however small the tables are when that happens.
//
// synchronous_commit stays on. Nothing would be lost without it, since what PostgreSQL forgets in a
// crash is projected again; but until then queries would show an earlier position than before, and
// readers would see things un-happen. A batch is flushed as one, and batches grow with the load.
inline constexpr std::string_view projection_settings =
    "-c synchronous_commit=on -c plan_cache_mode=force_generic_plan -c jit=off "
    "-c enable_seqscan=off -c enable_material=off -c enable_hashjoin=off -c enable_mergejoin=off";

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

  // The position that all of them have reached.
  Position position() const;

  // How far a batch may go: tracks that are behind catch up with the next one before they go on
  // together. Nothing if all are at one position.
  std::optional<Position> limit() const;

  // False if a checkpoint is no longer where it was: nothing was written to its generation, nor to
  // those written with it. After that, or an exception, these tracks are out of date. REQUIRES: the
  // batch begins after position() and ends no later than limit().
  bool write(const Batch& batch);

  const std::vector<Track>& all() const { return tracks_; }

 private:
  std::vector<Track*> moving();

  pg::Connection& connection_;
  pg::Connection* second_;
  std::vector<Track> tracks_;
};

}  // namespace jangbu
