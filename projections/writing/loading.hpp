// Fills new tables of read models from the log's first commit on: in large batches, with COPY of
// whole rows into tables created in the same transaction. While one batch is written, the next one
// is read and folded; several tables may be written over several connections at once, since one
// PostgreSQL process is slower than the rest.
//
// Threads: one at a time; it uses one of its own for each connection while it loads. Errors:
// LoadRefused; Unavailable as Batches' and pg::Connection's; Corrupt as Batches'.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "events/event_log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/batches.hpp"

namespace jangbu {

// Part of the log could not be loaded as it is; up to this position it could.
class LoadRefused : public std::runtime_error {
 public:
  LoadRefused(Position well, const std::string& why) : std::runtime_error(why), well_(well) {}
  Position well() const { return well_; }

 private:
  Position well_;
};

struct NewTable {
  const ReadModel* model;
  std::string schema;
};

// New tables that are filled over one connection. REQUIRES: it has a transaction open.
struct NewTables {
  pg::Connection* connection;
  std::vector<NewTable> tables = {};
};

// The last commit that was loaded; none if the log is empty.
struct Loaded {
  Position position;
  std::optional<CommitId> commit_id;
};

// Creates the tables and fills them up to this position, without their indexes, which come later.
// `on_batch` is called with each batch that is on its way into them, and may throw to give up.
Loaded load_tables(EventLog& log, std::span<const NewTables> all, Position to, BatchSize size,
                   const std::function<void(const Batch&)>& on_batch);

// Builds the indexes that only queries need.
void create_indexes(std::span<const NewTables> all);

}  // namespace jangbu
