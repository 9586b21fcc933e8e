#include "projections/writing/loading.hpp"

#include <deque>
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

// Fills the tables of one connection.
class Loading {
 public:
  explicit Loading(const NewTables& own) : connection_(*own.connection) {
    for (const NewTable& table : own.tables) {
      create_table(connection_, *table.model, table.schema);
      folds_.push_back(table.model->fold(table.schema));
    }
    connection_.run("SET LOCAL maintenance_work_mem = '256MB'");
  }

  // Folds the batch, which begins after `before`, and has it written by a thread once the batch
  // before is. Throws LoadRefused.
  void add(const Batch& batch, Position before) {
    std::vector<Change> changes;
    for (const auto& fold : folds_) {
      for (const DecodedCommit& commit : batch.commits) fold_commit(*fold, commit);
      try {
        auto taken = take_changes(*fold, {});
        std::move(taken.begin(), taken.end(), std::back_inserter(changes));
      } catch (const Unfit& unfit) {
        throw LoadRefused(before, unfit.what());
      }
    }
    finish();
    writing_ =
        std::async(std::launch::async, [this, before, changes = std::move(changes)]() mutable {
          try {
            load(connection_, std::move(changes));
          } catch (const Unfit& unfit) {
            throw LoadRefused(before, unfit.what());
          }
        });
  }

  void finish() {
    if (writing_.valid()) writing_.get();
  }

 private:
  pg::Connection& connection_;
  std::vector<std::unique_ptr<Fold>> folds_;
  std::future<void> writing_;  // of the batch before
};

}  // namespace

Loaded load_tables(EventLog& log, std::span<const NewTables> all, Position to, BatchSize size,
                   const std::function<void(const Batch&)>& on_batch) {
  std::deque<Loading> loadings;
  for (const NewTables& own : all) loadings.emplace_back(own);
  Loaded loaded;
  Batches batches(log, {}, size);
  while (loaded.position < to) {
    const Batch batch = batches.full(to);
    for (Loading& loading : loadings) loading.add(batch, loaded.position);
    loaded = {batch.last().position, batch.last().id};
    on_batch(batch);
  }
  for (Loading& loading : loadings) loading.finish();
  return loaded;
}

void create_indexes(std::span<const NewTables> all) {
  std::vector<std::future<void>> building;
  for (const NewTables& own : all)
    building.push_back(std::async(std::launch::async, [&own] {
      for (const NewTable& table : own.tables)
        create_indexes(*own.connection, *table.model, table.schema);
    }));
  for (std::future<void>& one : building) one.get();
}

}  // namespace jangbu
