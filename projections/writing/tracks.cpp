#include "projections/writing/tracks.hpp"

#include <algorithm>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "infra/log.hpp"
#include "projections/tables/registry.hpp"

namespace jangbu {

namespace {

constexpr std::size_t most_commits_read = 256;
// How long the log is waited for before looking for a stop request.
constexpr std::chrono::milliseconds read_timeout{100};
constexpr std::chrono::seconds longest_silence{5};
constexpr BatchSize retry_batch{.events = 20'000};
// With so many events a second transaction saves more time than it costs.
constexpr std::size_t worth_two_transactions = 200;

// Only what is still where it was expected: a projector that was faster, a swap or a row that was
// released meanwhile leave fewer rows.
const pg::Statement move_checkpoints_text{
    "tracks.move_checkpoints",
    "UPDATE jangbu.checkpoints c SET position = $6, commit_id = $7 "
    "FROM unnest($1::text[], $2::int[], $3::text[], $4::int[]) "
    "AS own (read_model, generation, state, parked) "
    "WHERE c.read_model = own.read_model AND c.generation = own.generation "
    "AND c.state = own.state AND c.parked = own.parked AND c.position = $5"};
const pg::Statement notify{"tracks.notify", "SELECT pg_notify($1, '')"};
const pg::Statement park{
    "tracks.park",
    "INSERT INTO jangbu.parked (read_model, generation, entity_id, position, index, reason) "
    "VALUES ($1, $2, $3, $4, $5, $6)"};
const pg::Statement count_parked{
    "tracks.count_parked",
    "UPDATE jangbu.checkpoints SET parked = $3 WHERE read_model = $1 AND generation = $2"};
const pg::Statement release{
    "tracks.release",
    "DELETE FROM jangbu.parked WHERE read_model = $1 AND generation = $2 AND entity_id = $3"};
const pg::Statement look_at_checkpoint{
    "tracks.look_at_checkpoint",
    "SELECT position, parked FROM jangbu.checkpoints WHERE read_model = $1 AND generation = $2"};
const pg::Statement lock_checkpoint{"tracks.lock_checkpoint",
                                    "SELECT position, parked FROM jangbu.checkpoints "
                                    "WHERE read_model = $1 AND generation = $2 FOR UPDATE"};

std::size_t rows_of(const pg::Result& result) {
  return std::strtoull(PQcmdTuples(result.get()), nullptr, 10);
}

// Folds a batch into one generation row by row where it must be. Within a transaction.
class RowByRow {
 public:
  struct Refused {
    EntityId entity;
    EventId event;
    std::string reason;
  };

  RowByRow(pg::Connection& connection, Fold& fold, const std::vector<LogCommit>& commits)
      : connection_(connection), fold_(fold) {
    for (const LogCommit& commit : commits) {
      std::uint32_t index = 0;
      for (const RecordedEvent& event : commit.commit.events)
        events_.emplace_back(EventId{commit.position, index++}, &event);
    }
  }

  // Writes what can be written of the rows that are wanted; answers with the others.
  std::vector<Refused> write(const Wanted& wanted) {
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
  // By halves: where all can be written together they are.
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

  // Why it could not be done, in which case nothing was.
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
  std::map<EntityId, std::vector<std::size_t>> events_of_;  // their places, by row
  std::vector<Refused> refused_;
};

Wanted not_parked(const Track& track) {
  if (track.parked.empty()) return {};
  return [&parked = track.parked](const EntityId& id) { return !parked.contains(id); };
}

void write_parked(pg::Connection& connection, const Checkpoint& checkpoint,
                  const std::vector<RowByRow::Refused>& refused) {
  for (const auto& row : refused) {
    connection.execute(
        {&park, pg::Params::of(checkpoint.read_model, checkpoint.generation, row.entity,
                               row.event.position, static_cast<std::int32_t>(row.event.index),
                               row.reason)});
    log::error("{}: the row of {} is parked at event {}: {}", checkpoint.schema(),
               to_string(row.entity), to_string(row.event), row.reason);
  }
}

void write_parked_count(pg::Connection& connection, const Checkpoint& checkpoint, int parked) {
  connection.execute(
      {&count_parked, pg::Params::of(checkpoint.read_model, checkpoint.generation, parked)});
}

}  // namespace

// --- Writing -------------------------------------------------------------------------------------

void fold_commit(Fold& fold, const LogCommit& from) {
  std::uint32_t index = 0;
  for (const RecordedEvent& event : from.commit.events) fold.apply({from.position, index++}, event);
}

std::vector<Change> take_changes(Fold& fold, const Wanted& wanted) {
  try {
    return fold.take(wanted);
  } catch (const std::exception& error) {
    throw Unfit(error.what());
  }
}

void execute(pg::Connection& connection, std::vector<Change> changes,
             const std::vector<pg::Call>& others) {
  std::vector<pg::Call> calls;
  for (Change& change : changes) calls.push_back({change.statement, std::move(change.params)});
  calls.insert(calls.end(), others.begin(), others.end());
  if (calls.empty()) return;
  std::vector<pg::Result> results;
  try {
    results = connection.pipeline(calls);
  } catch (const pg::SqlError& error) {
    if (pg::is_about_values(error.sqlstate())) throw Unfit(error.what());
    throw;
  }
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (const std::size_t rows = rows_of(results[i]); rows != changes[i].rows)
      throw Unfit(changes[i].statement->name + " changed " + std::to_string(rows) +
                  " rows instead of " + std::to_string(changes[i].rows) +
                  ": an event that does not follow from the ones before, or a table that was "
                  "changed by hand");
}

// --- Batches -------------------------------------------------------------------------------------

Batches::Batches(EventLog& log, Position after, BatchSize size)
    : reader_(log.read_from(after.next())), size_(size) {}

bool Batches::is_full(const Batch& batch) const {
  return batch.events >= size_.events || batch.bytes >= size_.bytes;
}

bool Batches::read(std::chrono::milliseconds timeout) {
  if (!commits_.empty()) return true;
  auto read = reader_->next(most_commits_read, timeout);
  std::move(read.begin(), read.end(), std::back_inserter(commits_));
  return !commits_.empty();
}

void Batches::add_to(Batch& batch, std::optional<Position> limit) {
  while (!commits_.empty() && !is_full(batch)) {
    if (limit && commits_.front().position > *limit) return;
    const StoredCommit stored = std::move(commits_.front());
    commits_.pop_front();
    batch.commits.push_back({stored.position, stored.id, decode(stored)});
    batch.events += batch.last().commit.events.size();
    batch.bytes += stored.payload.size();
  }
}

std::optional<Batch> Batches::next(std::optional<Position> limit) {
  Batch batch;
  if (read(read_timeout)) add_to(batch, limit);
  if (batch.commits.empty()) return std::nullopt;
  return batch;
}

Batch Batches::full(Position limit) {
  Batch batch;
  while (!is_full(batch) && (batch.commits.empty() || batch.last().position < limit)) {
    if (!read(longest_silence)) throw Unavailable("the log does not answer");
    add_to(batch, limit);
  }
  return batch;
}

// --- Tracks --------------------------------------------------------------------------------------

namespace {

Parked read_parked_row(pg::Row& row) {
  return {.read_model = row.next<std::string>(),
          .generation = row.next<std::int32_t>(),
          .entity = row.next<EntityId>(),
          .event = read_event_id(row),
          .reason = row.next<std::string>(),
          .parked_at = row.next<Timestamp>()};
}

// A query names the read model whose generation it is asked of (`c`, of its checkpoint), so each
// has one of its own.
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

}  // namespace

std::vector<Parked> read_parked(pg::Connection& connection) {
  static const pg::Statement select{
      "tracks.read_parked",
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

namespace {

// The checkpoints first: their row locks make a second projector wait here and find them moved.
bool move_checkpoints(pg::Connection& connection, const std::vector<Track*>& tracks,
                      const Batch& batch) {
  pg::BulkRows own;
  for (const Track* track : tracks)
    own.add(track->checkpoint.read_model, track->checkpoint.generation,
            to_string(track->checkpoint.state), track->checkpoint.parked);
  pg::Params params = std::move(own).take();
  params.add(tracks.front()->checkpoint.position);
  params.add(batch.last().position);
  params.add(batch.last().id);
  return rows_of(connection.execute({&move_checkpoints_text, std::move(params)})) == tracks.size();
}

// Tracks that are at one position, in one transaction.
bool write_together(pg::Connection& connection, const std::vector<Track*>& tracks,
                    const Batch& batch, bool row_by_row) {
  pg::Transaction transaction(connection);
  if (!move_checkpoints(connection, tracks, batch)) return false;

  const pg::Call tell{&notify, pg::Params::of(checkpoints_channel)};
  std::vector<std::vector<RowByRow::Refused>> refused(tracks.size());
  if (row_by_row) {
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      Track& track = *tracks[i];
      refused[i] = RowByRow(connection, *track.fold, batch.commits).write(not_parked(track));
      if (refused[i].empty()) continue;
      write_parked(connection, track.checkpoint, refused[i]);
      const auto parked = track.checkpoint.parked + static_cast<int>(refused[i].size());
      if (parked > most_parked)
        throw Corrupt("more than " + std::to_string(most_parked) + " rows of " +
                      track.checkpoint.schema() +
                      " cannot be folded, the latest because: " + refused[i].back().reason);
      write_parked_count(connection, track.checkpoint, parked);
    }
    connection.execute(tell);
  } else {
    std::vector<Change> changes;
    for (Track* track : tracks) {
      for (const LogCommit& commit : batch.commits) fold_commit(*track->fold, commit);
      auto taken = take_changes(*track->fold, not_parked(*track));
      std::move(taken.begin(), taken.end(), std::back_inserter(changes));
    }
    execute(connection, std::move(changes), {tell});
  }
  transaction.commit();

  for (std::size_t i = 0; i < tracks.size(); ++i) {
    Checkpoint& checkpoint = tracks[i]->checkpoint;
    checkpoint.position = batch.last().position;
    checkpoint.commit_id = batch.last().id;
    checkpoint.parked += static_cast<int>(refused[i].size());
    for (const auto& row : refused[i]) tracks[i]->parked.insert(row.entity);
  }
  return true;
}

bool write_together(pg::Connection& connection, const std::vector<Track*>& tracks,
                    const Batch& batch) {
  try {
    return write_together(connection, tracks, batch, false);
  } catch (const Unfit& unfit) {
    log::warn("a batch up to position {} is written row by row: {}", batch.last().position.value,
              unfit.what());
    return write_together(connection, tracks, batch, true);
  }
}

}  // namespace

Tracks::Tracks(pg::Connection& connection, std::span<const Generation> generations,
               pg::Connection* second)
    : connection_(connection), second_(second) {
  std::vector<Parked> parked;
  const auto has_parked = [](const Generation& one) { return one.checkpoint.parked > 0; };
  if (std::any_of(generations.begin(), generations.end(), has_parked))
    parked = read_parked(connection);
  for (const auto& [model, checkpoint] : generations) {
    Track track{model, checkpoint, model->fold(checkpoint.schema()), {}};
    for (const Parked& row : parked)
      if (row.read_model == checkpoint.read_model && row.generation == checkpoint.generation)
        track.parked.insert(row.entity);
    tracks_.push_back(std::move(track));
  }
}

Position Tracks::position() const {
  const auto by_position = [](const Track& one, const Track& other) {
    return one.checkpoint.position < other.checkpoint.position;
  };
  return std::min_element(tracks_.begin(), tracks_.end(), by_position)->checkpoint.position;
}

std::optional<Position> Tracks::limit() const {
  std::optional<Position> limit;
  for (const Track& track : tracks_)
    if (track.checkpoint.position > position())
      limit = std::min(limit.value_or(track.checkpoint.position), track.checkpoint.position);
  return limit;
}

std::vector<Track*> Tracks::moving() {
  std::vector<Track*> moving;
  for (Track& track : tracks_)
    if (track.checkpoint.position == position()) moving.push_back(&track);
  return moving;
}

bool Tracks::write(const Batch& batch) {
  const std::vector<Track*> all = moving();
  if (!second_ || all.size() < 2 || batch.events < worth_two_transactions)
    return write_together(connection_, all, batch);
  // Neighbours in the registry do not cost alike: every other one.
  std::vector<Track*> here, there;
  for (Track* track : all) (here.size() > there.size() ? there : here).push_back(track);
  auto other =
      std::async(std::launch::async, [&] { return write_together(*second_, there, batch); });
  const bool written = write_together(connection_, here, batch);
  return other.get() && written;
}

// --- Parked rows ---------------------------------------------------------------------------------

namespace {

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

  std::vector<RowByRow::Refused> refused;
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
      refused = RowByRow(connection, *fold, batch.commits).write(only_this);
      at = batch.last().position;
    }
  };
  // Most of the way while projection goes on, which does not touch a parked row; the rest with the
  // checkpoint held.
  fold_up_to(look_at_checkpoint);
  fold_up_to(lock_checkpoint);

  connection.execute(
      {&release, pg::Params::of(checkpoint.read_model, checkpoint.generation, parked.entity)});
  if (refused.empty()) {
    write_parked_count(connection, checkpoint, checkpoint.parked - 1);
  } else {
    write_parked(connection, checkpoint, refused);
    retried.parked_again = Parked{.read_model = parked.read_model,
                                  .generation = parked.generation,
                                  .entity = parked.entity,
                                  .event = refused.front().event,
                                  .reason = refused.front().reason};
  }
  retried.after = rows_as_json(connection, model, schema, parked.entity);
  connection.execute({&notify, pg::Params::of(checkpoints_channel)});
  transaction.commit();
  return retried;
}

}  // namespace jangbu
