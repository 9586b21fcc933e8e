// Rows that are parked: an event that cannot be folded into a row, or whose values PostgreSQL
// refuses (SQLSTATE classes 22 and 23), freezes that one row as it was before, in that one
// generation, until it is folded again. Everything else goes on.
//
// Threads: as the connection's. Errors: Unavailable as pg::Connection's; Corrupt and SqlError where
// it is no matter of one row.
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

// Of the generation that serves, at most so many, those of the earliest events.
Query<Page<Parked>> list_parked(const ReadModel& model, std::size_t limit);

// More than these in a generation are no matter of single rows any more.
inline constexpr int most_parked = 1'000;

// A row that a batch cannot be folded into.
struct RefusedRow {
  EntityId entity;
  EventId event;
  std::string reason;
};

// Folds a batch into one generation row by row where it must be, and writes what can be written of
// the rows that are wanted; answers with the others. REQUIRES: a transaction is open.
std::vector<RefusedRow> write_row_by_row(pg::Connection& connection, Fold& fold,
                                         const std::vector<LogCommit>& commits,
                                         const Wanted& wanted);

// Parks these rows, too: in the transaction that is open, and the checkpoint's number of them with
// it. Throws Corrupt where there would be more than most_parked.
void park(pg::Connection& connection, const Checkpoint& checkpoint,
          const std::vector<RefusedRow>& refused);

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
