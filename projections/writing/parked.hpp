// Parked rows: an event that cannot be folded into a row, or whose values PostgreSQL refuses
// (SQLSTATE classes 22 and 23), freezes that one row as it was before, in that one generation,
// until it is folded again. Everything else goes on.
//
// Threads: as the connection's. Errors: Unavailable as pg::Connection's; Corrupt and SqlError if
// the trouble is not limited to one row.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "events/event_log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/batches.hpp"
#include "projections/writing/checkpoints.hpp"

namespace jangbu {

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

// Of the serving generation, at most `limit`, those with the earliest events.
Query<Page<Parked>> list_parked(const ReadModel& model, std::size_t limit);

// More than this in one generation is no longer a matter of single rows.
inline constexpr int most_parked = 1'000;

// A row that a batch cannot be folded into.
struct RefusedRow {
  EntityId entity;
  EventId event;
  std::string reason;
};

// Folds a batch into one generation, row by row where it must, and writes what can be written of
// the wanted rows; returns the others. REQUIRES: a transaction is open.
std::vector<RefusedRow> write_row_by_row(pg::Connection& connection, Fold& fold,
                                         const std::vector<DecodedCommit>& commits,
                                         const Wanted& wanted);

// Parks these rows as well, and updates the checkpoint's count of them, in the open transaction.
// Throws Corrupt if there would be more than most_parked.
void park(pg::Connection& connection, const Checkpoint& checkpoint,
          const std::vector<RefusedRow>& refused);

// Folds one row again, alone, from the log's first commit to the generation's checkpoint, and lets
// it go on from there. Returns the row as JSON before and after (empty: there is none), and, if it
// is parked again, why.
struct Retried {
  std::string before;
  std::string after;
  std::optional<Parked> parked_again;
};
Retried retry(pg::Connection& connection, EventLog& log, const ReadModel& model,
              const Parked& parked);

}  // namespace jangbu
