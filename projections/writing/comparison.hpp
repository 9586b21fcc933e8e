// Compares two tables of one read model: their digests and, if those differ, their rows.
//
// A table's digest is the number of its rows and the sum of their hashes, so that the order of rows
// does not matter.
//
// Threads: functions of the connection they are given. Errors: as pg::Connection's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "events/values.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

struct Digest {
  std::int64_t rows = 0;
  std::string hash;  // decimal digits

  friend bool operator==(const Digest&, const Digest&) = default;
};

// A row that is only in one of the tables, or differs between them.
struct RowDifference {
  EventId event;       // that last changed the row: in the second table, if it is there
  std::string first;   // the row as a JSON object; empty: it is only in the second table
  std::string second;  // likewise
};

struct Comparison {
  Position position;  // at which both were compared
  Digest first, second;
  std::int64_t added = 0, removed = 0, changed = 0;  // from the first to the second
  std::vector<RowDifference> differences;            // the first `most_shown` by event

  static constexpr std::size_t most_shown = 100;

  bool equal() const { return added + removed + changed == 0; }
};

// Compares the model's tables in these schemas, as the connection's transaction sees them, and only
// in the columns that both have. REQUIRES: a connection whose planner is free to choose.
Comparison compare(pg::Connection& connection, const ReadModel& model, std::string_view first,
                   std::string_view second);

}  // namespace jangbu
