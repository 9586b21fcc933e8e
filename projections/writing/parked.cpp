#include "projections/writing/parked.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "infra/log.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/changes.hpp"

namespace jangbu {

namespace {

constexpr BatchSize retry_batch{.events = 20'000};

const pg::Statement insert{
    "parked.insert",
    "INSERT INTO jangbu.parked (read_model, generation, entity_id, position, index, reason) "
    "VALUES ($1, $2, $3, $4, $5, $6)"};
const pg::Statement count{
    "parked.count",
    "UPDATE jangbu.checkpoints SET parked = $3 WHERE read_model = $1 AND generation = $2"};
const pg::Statement release{
    "parked.release",
    "DELETE FROM jangbu.parked WHERE read_model = $1 AND generation = $2 AND entity_id = $3"};
const pg::Statement look_at_checkpoint{
    "parked.look_at_checkpoint",
    "SELECT position, parked FROM jangbu.checkpoints WHERE read_model = $1 AND generation = $2"};
const pg::Statement lock_checkpoint{"parked.lock_checkpoint",
                                    "SELECT position, parked FROM jangbu.checkpoints "
                                    "WHERE read_model = $1 AND generation = $2 FOR UPDATE"};

class RowByRow {
 public:
  RowByRow(pg::Connection& connection, Fold& fold, const std::vector<DecodedCommit>& commits)
      : connection_(connection), fold_(fold) {
    for (const DecodedCommit& commit : commits) {
      std::uint32_t index = 0;
      for (const RecordedEvent& event : commit.commit.events)
        events_.emplace_back(EventId{commit.position, index++}, &event);
    }
  }

  // Writes what can be written of the wanted rows; returns the others.
  std::vector<RefusedRow> write(const Wanted& wanted) {
    for (std::size_t i = 0; i < events_.size(); ++i) {
      fold_.apply(events_[i].first, *events_[i].second);
      fold_.take([&](const EntityId& row) {
        if (!wanted || wanted(row)) events_of_[row].push_back(i);
        return false;
      });
    }
    std::vector<EntityId> rows;
    for (const auto& [row, events] : events_of_) rows.push_back(row);
    write(std::span<const EntityId>(rows));
    return std::move(refused_);
  }

 private:
  // By halves: rows that can be written together are.
  void write(std::span<const EntityId> rows) {
    if (rows.empty()) return;
    std::set<std::size_t> events;
    for (const EntityId& row : rows)
      events.insert(events_of_.at(row).begin(), events_of_.at(row).end());
    const auto refused = attempt([&] {
      for (const std::size_t i : events) fold_.apply(events_[i].first, *events_[i].second);
      execute(connection_, take_changes(fold_, [&](const EntityId& row) {
                return std::binary_search(rows.begin(), rows.end(), row);
              }));
    });
    if (!refused) return;
    if (rows.size() == 1) return write(rows.front());
    write(rows.first(rows.size() / 2));
    write(rows.subspan(rows.size() / 2));
  }

  // Event by event, up to the first that does not fit.
  void write(const EntityId& row) {
    for (const std::size_t i : events_of_.at(row)) {
      const auto& [id, event] = events_[i];
      const auto refused = attempt([&, event = event, id = id] {
        fold_.apply(id, *event);
        execute(connection_, take_changes(fold_, [&](const EntityId& one) { return one == row; }));
      });
      if (refused) return refused_.push_back({row, id, *refused});
    }
  }

  // Returns why it failed, in which case nothing was done.
  std::optional<std::string> attempt(const std::function<void()>& work) {
    connection_.run("SAVEPOINT attempt");
    try {
      work();
      connection_.run("RELEASE attempt");
      return std::nullopt;
    } catch (const Unfit& unfit) {
      fold_.take([](const EntityId&) { return false; });
      connection_.run("ROLLBACK TO attempt; RELEASE attempt");
      return unfit.what();
    }
  }

  pg::Connection& connection_;
  Fold& fold_;
  std::vector<std::pair<EventId, const RecordedEvent*>> events_;
  std::map<EntityId, std::vector<std::size_t>> events_of_;  // indexes into events_, by row
  std::vector<RefusedRow> refused_;
};

Parked read_parked_row(pg::Row& row) {
  return {.read_model = row.next<std::string>(),
          .generation = row.next<std::int32_t>(),
          .entity = row.next<EntityId>(),
          .event = read_event_id(row),
          .reason = row.next<std::string>(),
          .parked_at = row.next<Timestamp>()};
}

// A query names the read model whose generation it is sent to (`c` is its checkpoint), so each read
// model has a query of its own.
struct ParkedQuery {
  explicit ParkedQuery(std::string_view model) : name("parked_" + std::string(model)) {
    text = {
        .name = name,
        .read_model = model,
        .sql =
            "SELECT true, read_model, generation, entity_id, position, index, reason, parked_at "
            "FROM jangbu.parked p "
            "WHERE p.read_model = c.read_model AND p.generation = c.generation "
            "ORDER BY position, index, entity_id LIMIT $1"};
  }
  ParkedQuery(const ParkedQuery&) = delete;
  ParkedQuery& operator=(const ParkedQuery&) = delete;

  const std::string name;
  QueryText text;
};

const QueryText& parked_text(const ReadModel& model) {
  static const auto all = [] {
    std::map<std::string_view, ParkedQuery> queries;
    for (const ReadModel* one : read_models()) queries.try_emplace(one->name, one->name);
    return queries;
  }();
  return all.at(model.name).text;
}

// The row of an entity, or its rows, as JSON.
std::string rows_as_json(pg::Connection& connection, const ReadModel& model,
                         const std::string& schema, const EntityId& entity) {
  const pg::Statement select{schema + ".as_json",
                             "SELECT coalesce(string_agg(to_json(t)::text, ',' ORDER BY " +
                                 std::string(model.key) + "), '') FROM " + schema + "." +
                                 std::string(model.name) + " t WHERE " + std::string(model.entity) +
                                 " = $1"};
  const auto result = connection.execute({&select, pg::Params::of(entity)});
  return pg::Row(result.get(), 0).next<std::string>();
}

}  // namespace

std::vector<Parked> read_parked(pg::Connection& connection) {
  static const pg::Statement select{
      "parked.read",
      "SELECT read_model, generation, entity_id, position, index, reason, parked_at "
      "FROM jangbu.parked ORDER BY read_model, generation, position, index, entity_id"};
  const auto result = connection.execute({&select, {}});
  std::vector<Parked> parked;
  for (int i = 0; i < PQntuples(result.get()); ++i) {
    pg::Row row(result.get(), i);
    parked.push_back(read_parked_row(row));
  }
  return parked;
}

Query<Page<Parked>> list_parked(const ReadModel& model, std::size_t limit) {
  return page_of_rows<read_parked_row>(parked_text(model),
                                       pg::Params::of(static_cast<std::int64_t>(limit) + 1), limit);
}

std::vector<RefusedRow> write_row_by_row(pg::Connection& connection, Fold& fold,
                                         const std::vector<DecodedCommit>& commits,
                                         const Wanted& wanted) {
  return RowByRow(connection, fold, commits).write(wanted);
}

void park(pg::Connection& connection, const Checkpoint& checkpoint,
          const std::vector<RefusedRow>& refused) {
  for (const RefusedRow& row : refused) {
    connection.execute(
        {&insert, pg::Params::of(checkpoint.read_model, checkpoint.generation, row.entity,
                                 row.event.position, index_of(row.event), row.reason)});
    log::error("{}: the row of {} is parked at event {}: {}", checkpoint.schema(),
               to_string(row.entity), to_string(row.event), row.reason);
  }
  const int parked = checkpoint.parked + static_cast<int>(refused.size());
  if (parked > most_parked)
    throw Corrupt("more than " + std::to_string(most_parked) + " rows of " + checkpoint.schema() +
                  " cannot be folded, the latest because: " + refused.back().reason);
  connection.execute(
      {&count, pg::Params::of(checkpoint.read_model, checkpoint.generation, parked)});
}

Retried retry(pg::Connection& connection, EventLog& log, const ReadModel& model,
              const Parked& parked) {
  Checkpoint checkpoint;
  checkpoint.read_model = parked.read_model;
  checkpoint.generation = parked.generation;
  const std::string schema = checkpoint.schema();
  for (const Checkpoint& other : read_checkpoints(connection))
    if (other.schema() == schema && other.fingerprint != fingerprint(model))
      throw Corrupt(schema +
                    " is filled by another build of jangbu: let that one fold its rows again");
  const auto only_this = [&](const EntityId& id) { return id == parked.entity; };
  const auto fold = model.fold(schema);

  pg::Transaction transaction(connection);
  Retried retried;
  retried.before = rows_as_json(connection, model, schema, parked.entity);
  const pg::Statement remove{schema + ".remove", "DELETE FROM " + schema + "." +
                                                     std::string(model.name) + " WHERE " +
                                                     std::string(model.entity) + " = $1"};
  connection.execute({&remove, pg::Params::of(parked.entity)});

  std::vector<RefusedRow> refused;
  Batches batches(log, {}, retry_batch);
  Position at;
  const auto fold_up_to = [&](const pg::Statement& checkpoint_text) {
    const auto found = connection.execute(
        {&checkpoint_text, pg::Params::of(checkpoint.read_model, checkpoint.generation)});
    if (PQntuples(found.get()) == 0) throw Corrupt(schema + " is not there any more");
    pg::Row row(found.get(), 0);
    checkpoint.position = row.next<Position>();
    checkpoint.parked = row.next<std::int32_t>();
    while (at < checkpoint.position && refused.empty()) {
      const Batch batch = batches.full(checkpoint.position);
      refused = write_row_by_row(connection, *fold, batch.commits, only_this);
      at = batch.last().position;
    }
  };
  // Most of the way while projection goes on, which does not touch a parked row; the rest with the
  // checkpoint locked.
  fold_up_to(look_at_checkpoint);
  fold_up_to(lock_checkpoint);

  const auto released = connection.execute(
      {&release, pg::Params::of(checkpoint.read_model, checkpoint.generation, parked.entity)});
  if (rows_of(released) == 0)
    throw Corrupt("the row of " + to_string(parked.entity) + " in " + schema +
                  " is parked no more: another retry was faster");
  --checkpoint.parked;
  park(connection, checkpoint, refused);
  if (!refused.empty())
    retried.parked_again = Parked{.read_model = parked.read_model,
                                  .generation = parked.generation,
                                  .entity = parked.entity,
                                  .event = refused.front().event,
                                  .reason = refused.front().reason};
  retried.after = rows_as_json(connection, model, schema, parked.entity);
  connection.execute(tell_who_waits());
  transaction.commit();
  return retried;
}

}  // namespace jangbu
