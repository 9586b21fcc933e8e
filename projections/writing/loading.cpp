#include "projections/writing/loading.hpp"

#include <future>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "projections/writing/changes.hpp"
#include "projections/writing/generations.hpp"

namespace jangbu {

namespace {

void load(pg::Connection& connection, std::vector<Change> changes) {
  for (Change& change : changes) {
    if (!change.table.empty()) {
      copy(connection, change, ", FREEZE");
      continue;
    }
    std::vector<Change> one;
    one.push_back(std::move(change));
    execute(connection, std::move(one));
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
    std::vector<Change> changes;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      for (const DecodedCommit& commit : batch.commits) fold_commit(*folds[i], commit);
      try {
        auto taken = take_changes(*folds[i], {});
        std::move(taken.begin(), taken.end(), std::back_inserter(changes));
      } catch (const Unfit& unfit) {
        throw LoadRefused(before, unfit.what());
      }
    }
    if (writing.valid()) writing.get();
    writing = std::async(std::launch::async,
                         [&connection, before, changes = std::move(changes)]() mutable {
                           try {
                             load(connection, std::move(changes));
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
