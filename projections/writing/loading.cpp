#include "projections/writing/loading.hpp"

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "projections/writing/changes.hpp"
#include "projections/writing/generations.hpp"

namespace jangbu {

namespace {

// A batch folded for one table.
struct Part {
  std::string table;
  std::vector<Change> changes;
};

void load_part(pg::Connection& connection, Part part) {
  for (Change& change : part.changes) {
    if (!change.inserts) {
      std::vector<Change> one;
      one.push_back(std::move(change));
      execute(connection, std::move(one));
      continue;
    }
    try {
      connection.copy("COPY " + part.table + " FROM STDIN (FORMAT binary, FREEZE)",
                      pg::copy_rows(change.params, change.rows));
    } catch (const pg::SqlError& error) {
      if (!pg::is_about_values(error.sqlstate())) throw;
      throw Unfit(error.what());
    }
  }
}

}  // namespace

Loaded load_tables(pg::Connection& connection, EventLog& log, std::span<const NewTable> tables,
                   Position to, BatchSize size, const std::function<void(const Batch&)>& on_batch) {
  std::vector<std::unique_ptr<Fold>> folds;
  for (const NewTable& table : tables) {
    create_table(connection, *table.model, table.schema);
    folds.push_back(table.model->fold(table.schema));
  }
  connection.run("SET LOCAL maintenance_work_mem = '256MB'");
  Loaded loaded;
  Batches batches(log, {}, size);
  std::future<void> writing;  // of the previous batch, while the next one is read and folded
  while (loaded.position < to) {
    const Batch batch = batches.full(to);
    const Position before = loaded.position;
    std::vector<Part> parts;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      for (const LogCommit& commit : batch.commits) fold_commit(*folds[i], commit);
      try {
        parts.push_back({tables[i].schema + "." + std::string(tables[i].model->name),
                         take_changes(*folds[i], {})});
      } catch (const Unfit& unfit) {
        throw LoadRefused(before, unfit.what());
      }
    }
    if (writing.valid()) writing.get();
    writing =
        std::async(std::launch::async, [&connection, before, parts = std::move(parts)]() mutable {
          try {
            for (Part& part : parts) load_part(connection, std::move(part));
          } catch (const Unfit& unfit) {
            throw LoadRefused(before, unfit.what());
          }
        });
    loaded = {batch.last().position, batch.last().id};
    on_batch(batch);
  }
  if (writing.valid()) writing.get();
  return loaded;
}

}  // namespace jangbu
