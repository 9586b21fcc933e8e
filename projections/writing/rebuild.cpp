#include "projections/writing/rebuild.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "infra/log.hpp"
#include "infra/trouble.hpp"
#include "projections/writing/generations.hpp"

namespace jangbu {

namespace {

using Stage = RebuildProgress::Stage;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Catching up is repeated while it is further behind than this; the rest is caught up while the
// serving generation's checkpoint is held.
constexpr std::uint64_t close_by = 20;
constexpr BatchSize catch_up_batch{.events = 5'000};
constexpr int most_rounds = 50;

// How long a swap waits for people who are reading the view, and how often it is tried.
constexpr const char* swap_settings = "SET LOCAL lock_timeout = '2s'";
constexpr int most_swaps = 30;
constexpr milliseconds pause{200};
constexpr std::chrono::seconds longest_wait_for_lock{5};

// Building an index of millions of rows takes long, and so does comparing them. Waiting for a lock
// does not: whoever does not give it up may be waiting for another connection of ours.
constexpr std::chrono::hours patience{12};
constexpr std::string_view lock_settings = " -c lock_timeout=30s";

const pg::Statement hold{
    "rebuild.hold",
    "SELECT position FROM jangbu.checkpoints "
    "WHERE read_model = $1 AND generation = $2 AND state = 'serving' FOR UPDATE"};
const pg::Statement look{"rebuild.look",
                         "SELECT position FROM jangbu.checkpoints "
                         "WHERE read_model = $1 AND generation = $2 AND state = 'serving'"};

Position position_of(pg::Connection& connection, const pg::Statement& statement,
                     const Checkpoint& checkpoint) {
  const auto found = connection.execute(
      {&statement, pg::Params::of(checkpoint.read_model, checkpoint.generation)});
  if (PQntuples(found.get()) == 0)
    throw CannotRebuild(checkpoint.schema() + " does not serve any more: try again");
  return pg::Row(found.get(), 0).next<Position>();
}

void require_lock(pg::Connection& connection, const std::string& lock) {
  if (!try_lock(connection, lock))
    throw AlreadyRebuilding("somebody else is at this read model (the lock '" + lock +
                            "' is taken). Wait until that is done");
}

int next_generation(const std::vector<Checkpoint>& checkpoints, const ReadModel& model) {
  int highest = 0;
  for (const Checkpoint& checkpoint : checkpoints)
    if (checkpoint.read_model == model.name) highest = std::max(highest, checkpoint.generation);
  return highest + 1;
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::loading:
      return "loading";
    case Stage::indexing:
      return "indexing";
    case Stage::catching_up:
      return "catching-up";
    case Stage::comparing:
      return "comparing";
    case Stage::swapping:
      return "swapping";
  }
  return "";
}

Rebuild::Rebuild(EventLog& log, Options options) : log_(log), options_(std::move(options)) {}

// --- What can be asked for -----------------------------------------------------------------------

Rebuilt Rebuild::rebuild(const ReadModel& model) {
  pg::Connection builder = connect("rebuild", projection_settings);
  const ReleaseLocks at_the_end(builder);
  const Checkpoint before = serving(builder, model);
  require_lock(builder, lock_to_rebuild(model.name));
  const std::array models{&model};
  auto made = load(builder, models, before.position);
  Rebuilt rebuilt{.generation = made.front().checkpoint.generation, .before = before.generation};
  rebuilt.comparison = compare_with_serving(builder, before, made);
  rebuilt.position = take_over(builder, before, made);
  try {
    clean_up(builder, model, before.generation);
  } catch (const Unavailable& away) {
    // The rebuild has succeeded all the same; a later clean-up will remove them.
    log::warn("earlier generations of {} stay for now: {}", model.name, away.what());
  }
  return rebuilt;
}

Rebuilt Rebuild::rollback(const ReadModel& model) {
  pg::Connection builder = connect("rollback", projection_settings);
  const ReleaseLocks at_the_end(builder);
  const Checkpoint before = serving(builder, model);
  require_lock(builder, lock_to_rebuild(model.name));
  std::vector<Tracks::Generation> back;
  for (const Checkpoint& checkpoint : read_checkpoints(builder))
    if (checkpoint.read_model == model.name && checkpoint.fingerprint == before.fingerprint &&
        checkpoint.state == GenerationState::retired)
      back = {{&model, checkpoint}};  // the newest comes last
  if (back.empty())
    throw CannotRebuild("there is no earlier generation of " + std::string(model.name) +
                        " that this build can serve from. If an earlier build served from one, run "
                        "that build: it finds its own");
  // A projector lets go of what no longer serves when it looks, every second.
  const std::string lock = lock_to_fill(back.front().checkpoint);
  for (const auto begun = Clock::now(); !try_lock(builder, lock);) {
    require_going_on();
    if (Clock::now() - begun > longest_wait_for_lock) require_lock(builder, lock);
    ::poll(nullptr, 0, static_cast<int>(pause.count()));
  }
  if (const auto wrong = contradiction(std::span(&back.front().checkpoint, 1), log_))
    throw CannotRebuild(*wrong);
  Rebuilt rebuilt{.generation = back.front().checkpoint.generation, .before = before.generation};
  rebuilt.comparison = compare_with_serving(builder, before, back);
  rebuilt.position = take_over(builder, before, back);
  return rebuilt;
}

std::vector<Checkpoint> Rebuild::prepare(std::span<const ReadModel* const> models) {
  pg::Connection builder = connect("prepare", projection_settings);
  const ReleaseLocks at_the_end(builder);
  prepare_bookkeeping(builder);
  std::vector<const ReadModel*> missing;
  for (const ReadModel* model : models) {
    forget_lost(builder, *model);
    if (serving_generation(read_checkpoints(builder), *model)) continue;
    require_lock(builder, lock_to_rebuild(model->name));
    // Another process may have built it while it held the lock.
    if (serving_generation(read_checkpoints(builder), *model)) continue;
    missing.push_back(model);
  }
  if (missing.empty()) return {};
  auto made = load(builder, missing, log_.last());
  catch_up(builder, made, log_.last());
  pg::Transaction transaction(builder);
  std::vector<Checkpoint> prepared;
  for (auto& [model, checkpoint] : made) {
    set_state(builder, checkpoint, GenerationState::serving);
    checkpoint.state = GenerationState::serving;
    if (!shown(builder, *model)) show(builder, *model, checkpoint);
    prepared.push_back(checkpoint);
  }
  transaction.commit();
  return prepared;
}

void Rebuild::tidy_up(std::span<const ReadModel* const> models) {
  pg::Connection connection = connect("tidy up", {});
  for (const ReadModel* model : models) {
    const auto checkpoints = read_checkpoints(connection);
    if (const Checkpoint* own = serving_generation(checkpoints, *model)) {
      pg::Transaction transaction(connection);
      connection.run(swap_settings);
      show(connection, *model, *own);
      transaction.commit();
    }
    clean_up(connection, *model);
  }
}

Comparison Rebuild::diff(const ReadModel& model) {
  pg::Connection builder = connect("diff", projection_settings);
  const ReleaseLocks at_the_end(builder);
  const Checkpoint before = seen_by_people(builder, model);
  require_lock(builder, lock_to_rebuild(model.name));
  const std::array models{&model};
  auto made = load(builder, models, before.position);
  const Comparison comparison = compare_with_serving(builder, before, made);
  pg::Transaction transaction(builder);
  drop_generation(builder, made.front().checkpoint);
  transaction.commit();
  return comparison;
}

void Rebuild::build(const ReadModel& model, Position position, const std::string& schema) {
  invariant(is_free_name(schema), "a schema for people has a name of its own");
  if (const Position end = log_.last(); position > end)
    throw CannotRebuild("the log ends at position " + std::to_string(end.value) + ": " +
                        std::to_string(position.value) + " is yet to come");
  pg::Connection builder = connect("as of", projection_settings);
  const std::array tables{NewTables{&builder, {{&model, schema}}}};
  pg::Transaction transaction(builder);
  try {
    fill(tables, position);
  } catch (const LoadRefused& refused) {
    throw CannotRebuild(refused.what());
  } catch (const pg::SqlError& error) {
    constexpr std::string_view duplicate_schema = "42P06";
    if (error.sqlstate() != duplicate_schema) throw;
    throw CannotRebuild("the schema " + schema + " is there already. Drop it (DROP SCHEMA " +
                        schema + " CASCADE) or choose another name");
  }
  transaction.commit();
}

Comparison Rebuild::as_of(const ReadModel& model, Position position, const std::string& schema) {
  pg::Connection comparer = connect("comparison", {});
  const Checkpoint now = seen_by_people(comparer, model);
  build(model, position, schema);
  tell(Stage::comparing, position, position);
  comparer.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const Position at = position_of(comparer, look, now);
  Comparison comparison = compare(comparer, model, schema, now.schema());
  comparison.position = at;
  comparer.run("COMMIT");
  show_alone(comparer, model, schema);
  return comparison;
}

bool Rebuild::is_free_name(const std::string& schema) {
  const auto is_lower = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  constexpr std::size_t longest_name = 63;  // PostgreSQL's NAMEDATALEN, less the closing 0
  if (schema.empty() || schema.size() > longest_name || !is_lower(schema.front())) return false;
  if (!std::all_of(schema.begin(), schema.end(),
                   [&](char c) { return is_lower(c) || is_digit(c); }))
    return false;
  if (schema.starts_with("pg_") || schema == "public" || schema == "jangbu" ||
      schema == "information_schema")
    return false;
  const auto mark = schema.rfind('_');
  return mark == schema.npos || !std::all_of(schema.begin() + static_cast<std::ptrdiff_t>(mark) + 1,
                                             schema.end(), is_digit);
}

// --- Steps ---------------------------------------------------------------------------------------

void Rebuild::forget_lost(pg::Connection& connection, const ReadModel& model) {
  for (const Checkpoint& lost : read_checkpoints(connection)) {
    if (lost.read_model != model.name || is_there(connection, lost)) continue;
    require_lock(connection, lock_to_rebuild(model.name));
    // Another process may have built it while it held the lock.
    if (!is_there(connection, lost)) {
      log::warn("{} is not there any more, although {}", lost.schema(), to_string(lost.state));
      pg::Transaction transaction(connection);
      drop_generation(connection, lost);
      transaction.commit();
    }
    unlock(connection, lock_to_rebuild(model.name));
  }
}

pg::Connection Rebuild::connect(std::string_view purpose, std::string_view settings) const {
  return pg::Connection({.conninfo = options_.conninfo,
                         .application_name = "jangbu " + std::string(purpose),
                         .settings = std::string(settings).append(lock_settings),
                         .answer_timeout = patience},
                        options_.stop);
}

// What serves this build, checked against the log.
Checkpoint Rebuild::serving(pg::Connection& connection, const ReadModel& model) const {
  const auto checkpoints = read_checkpoints(connection);
  const Checkpoint* found = serving_generation(checkpoints, model);
  if (!found)
    throw CannotRebuild("no generation of " + std::string(model.name) +
                        " serves this build of jangbu yet. `jangbu serve` makes it at its start, "
                        "`jangbu projections prepare` beforehand");
  if (const auto wrong = contradiction(std::span(found, 1), log_)) throw CannotRebuild(*wrong);
  return *found;
}

Checkpoint Rebuild::seen_by_people(pg::Connection& connection, const ReadModel& model) const {
  const auto found = shown(connection, model);
  if (!found)
    throw CannotRebuild("nothing serves " + std::string(model.name) +
                        " in this database: `jangbu serve` has not used it yet");
  if (const auto wrong = contradiction(std::span(&*found, 1), log_)) throw CannotRebuild(*wrong);
  return *found;
}

// New generations, filled, or what exists of an earlier attempt that was given up. The connection
// holds the locks to fill them.
std::vector<Tracks::Generation> Rebuild::load(pg::Connection& connection,
                                              std::span<const ReadModel* const> models,
                                              Position to) {
  const auto checkpoints = read_checkpoints(connection);
  std::vector<Tracks::Generation> generations;
  std::vector<NewTable> tables;
  for (const ReadModel* model : models) {
    Checkpoint made;
    for (const Checkpoint& begun : checkpoints)
      if (begun.read_model == model->name && begun.state == GenerationState::building &&
          begun.fingerprint == fingerprint(*model) && begun.position <= to &&
          !contradiction(std::span(&begun, 1), log_) && try_lock(connection, lock_to_fill(begun)))
        made = begun;
    if (made.generation == 0) {
      made.read_model = model->name;
      made.generation = next_generation(checkpoints, *model);
      made.fingerprint = fingerprint(*model);
      made.state = GenerationState::building;
      require_lock(connection, lock_to_fill(made));
      tables.push_back({model, made.schema()});
    } else {
      log::info("going on with {}, which is filled up to position {}", made.schema(),
                made.position.value);
    }
    generations.push_back({model, made});
  }
  if (tables.empty()) return generations;
  // Two connections share several tables. Neighbours in the registry do not cost the same.
  std::vector<NewTables> halves{{&connection}};
  std::optional<pg::Connection> second;
  if (tables.size() > 1) {
    second.emplace(connect("rebuild", projection_settings));
    halves.push_back({&*second});
  }
  for (std::size_t i = 0; i < tables.size(); ++i)
    halves[i % halves.size()].tables.push_back(tables[i]);
  for (Position end = to;;) {
    std::deque<pg::Transaction> transactions;
    for (const NewTables& half : halves) transactions.emplace_back(*half.connection);
    // Leftovers of an attempt that ended before its generations were known, or of a database that
    // was emptied except for its schemas.
    for (const NewTables& half : halves)
      for (const NewTable& table : half.tables) drop_schema(*half.connection, table.schema);
    try {
      const Loaded filled = fill(halves, end);
      // All of them over one connection: PostgreSQL finds no deadlock that is closed by us, when
      // one connection's statement waits for somebody who waits for the other's transaction.
      for (; transactions.size() > 1; transactions.pop_back()) transactions.back().commit();
      for (auto& [model, made] : generations) {
        if (std::ranges::find(tables, model, &NewTable::model) == tables.end()) continue;
        made.position = filled.position;
        made.commit_id = filled.commit_id;
        add_generation(connection, made);
      }
      transactions.front().commit();
      return generations;
    } catch (const LoadRefused& refused) {
      // Loads in bulk only up to there; the catch-up finds the row and parks it.
      log::warn("loading up to position {} only: {}", refused.well().value, refused.what());
      end = refused.well();
    }
  }
}

Loaded Rebuild::fill(std::span<const NewTables> tables, Position to) {
  progress_ = {};
  require_going_on();
  const Loaded filled = load_tables(log_, tables, to, options_.load, [&](const Batch& batch) {
    progress_.events += batch.events;
    tell(Stage::loading, batch.last().position, to);
    require_going_on();
  });
  tell(Stage::indexing, filled.position, to);
  create_indexes(tables);
  return filled;
}

void Rebuild::catch_up(pg::Connection& connection, std::vector<Tracks::Generation>& generations,
                       Position to) {
  Tracks tracks(connection, generations);
  if (tracks.position() >= to) return;
  Batches batches(log_, tracks.position(), catch_up_batch);
  while (tracks.position() < to) {
    require_going_on();
    const Batch batch = batches.full(std::min(tracks.limit().value_or(to), to));
    if (!tracks.write(batch)) throw CannotRebuild("somebody else filled what is being built");
    progress_.events += batch.events;
    tell(Stage::catching_up, tracks.position(), to);
  }
  for (std::size_t i = 0; i < generations.size(); ++i)
    generations[i].checkpoint = tracks.all()[i].checkpoint;
}

void Rebuild::at_common_position(pg::Connection& builder, const Checkpoint& serving,
                                 std::vector<Tracks::Generation>& made,
                                 const std::function<void(pg::Connection&)>& work) {
  pg::Connection holder = connect("rebuild", {});
  // Gets as close as possible before anyone has to wait.
  for (int round = 0; round < most_rounds; ++round) {
    const Position there = position_of(holder, look, serving);
    const bool is_close = there.value - made.front().checkpoint.position.value <= close_by;
    catch_up(builder, made, there);
    if (is_close) break;
  }
  pg::Transaction transaction(holder);
  catch_up(builder, made, position_of(holder, hold, serving));
  work(holder);
  transaction.commit();
}

Comparison Rebuild::compare_with_serving(pg::Connection& builder, const Checkpoint& serving,
                                         std::vector<Tracks::Generation>& made) {
  pg::Connection comparer = connect("comparison", {});
  at_common_position(builder, serving, made, [&](pg::Connection&) {
    comparer.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    position_of(comparer, look, serving);  // the first statement takes the snapshot
  });
  const Position at = made.front().checkpoint.position;
  tell(Stage::comparing, at, at);
  Comparison comparison =
      compare(comparer, *made.front().model, serving.schema(), made.front().checkpoint.schema());
  comparison.position = at;
  return comparison;
}

// The built generation serves from a common position on; the other one is kept as it is there.
Position Rebuild::take_over(pg::Connection& builder, const Checkpoint& serving,
                            std::vector<Tracks::Generation>& made) {
  Trouble trouble("the swap", pause);
  for (int attempt = 1;; ++attempt) {
    require_going_on();
    try {
      at_common_position(builder, serving, made, [&](pg::Connection& holder) {
        Checkpoint& next = made.front().checkpoint;
        tell(Stage::swapping, next.position, next.position);
        set_state(holder, serving, GenerationState::retired);
        set_state(holder, next, GenerationState::serving);
        holder.run(swap_settings);
        show(holder, *made.front().model, next);
        // So that a projector can take it as soon as it serves.
        unlock(builder, lock_to_fill(next));
      });
      return made.front().checkpoint.position;
    } catch (const Unavailable& away) {
      // Nothing was swapped. Somebody may be reading the view in a long transaction.
      if (builder.broken() || attempt == most_swaps) throw;
      ::poll(nullptr, 0, static_cast<int>(trouble.failed(away.what()).count()));
    }
  }
}

void Rebuild::tell(Stage stage, Position position, Position target) {
  progress_.stage = stage;
  progress_.position = position;
  progress_.target = target;
  options_.on_progress(progress_);
}

void Rebuild::require_going_on() const {
  if (options_.stop.stop_requested()) throw Unavailable("stopping");
}

Position position_at(EventLog& log, Timestamp time) {
  // Of the last commit that has one: a void commit has none of its own. The earliest if there is
  // none behind `after`.
  const auto time_at = [&](Position position, Position after) {
    for (; position > after; --position.value) {
      const auto stored = log.read(position);
      if (!stored) throw Corrupt("commit " + std::to_string(position.value) + " is missing");
      if (!stored->is_void()) return decode(*stored).committed_at;
    }
    return Timestamp{std::numeric_limits<std::int64_t>::min()};
  };
  Position before;                     // its commit is not later
  Position after = log.last().next();  // its commit is later, or there is none
  while (before.next() < after) {
    const Position middle{before.value + (after.value - before.value) / 2};
    (time_at(middle, before) <= time ? before : after) = middle;
  }
  return before;
}

}  // namespace jangbu
