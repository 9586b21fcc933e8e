#include "projections/projector.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <utility>

#include "events/commit.hpp"
#include "projections/tables/checkpoints.hpp"

namespace jangbu {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Nothing is lost by synchronous_commit=off. PostgreSQL may forget the last transactions in a
// crash, but whole, and each holds its rows and its checkpoint: what is forgotten is projected
// again. A position that a query showed may then be ahead of the tables for a moment, and
// minPosition waits as ever.
//
// Statements are planned once, for arrays of any length, and must go through the indexes however
// small the tables are when that happens.
constexpr std::string_view session_settings =
    "-c synchronous_commit=off -c plan_cache_mode=force_generic_plan -c jit=off "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off";

constexpr std::size_t most_commits_read = 256;
// How long the log is waited for before looking for a stop request.
constexpr milliseconds read_timeout{100};
constexpr milliseconds first_pause{50};
constexpr std::chrono::seconds log_end_age{1};

const pg::Statement move_checkpoints{
    "projector.move_checkpoints",
    "UPDATE jangbu.checkpoints c SET position = $4, commit_id = $5 "
    "FROM unnest($1::text[], $2::int[]) AS own (read_model, generation) "
    "WHERE c.read_model = own.read_model AND c.generation = own.generation AND c.position = $3"};
const pg::Statement notify{"projector.notify", "SELECT pg_notify($1, '')"};

std::size_t rows_of(const pg::Result& result) {
  return std::strtoull(PQcmdTuples(result.get()), nullptr, 10);
}

// One read model and how far it is.
struct Track {
  const ReadModel* model;
  Checkpoint checkpoint;
  std::unique_ptr<Fold> fold;
};

// A part of the log, folded.
struct Batch {
  Position last;
  CommitId last_commit;
  std::size_t events = 0;
  std::vector<Commit> commits;  // what the folds hold on to
};

// The read models of this build on one connection, from what their checkpoints say on.
class Tracks {
 public:
  Tracks(pg::Connection& connection, EventLog& log, std::span<const ReadModel* const> models)
      : connection_(connection) {
    auto checkpoints = prepare_generations(connection, models);
    if (const auto text = contradiction(checkpoints, log)) throw Corrupt(*text);
    for (std::size_t i = 0; i < models.size(); ++i) {
      auto fold = models[i]->fold(checkpoints[i].schema());
      tracks_.push_back({models[i], std::move(checkpoints[i]), std::move(fold)});
    }
  }

  // That all of them have reached.
  Position position() const {
    return std::min_element(tracks_.begin(), tracks_.end(), by_position)->checkpoint.position;
  }

  // How far a batch may go: those that are behind catch up with the next one before they go on
  // together. Nothing when all are at one position.
  std::optional<Position> limit() const {
    std::optional<Position> limit;
    for (const Track& track : tracks_)
      if (track.checkpoint.position > position())
        limit = std::min(limit.value_or(track.checkpoint.position), track.checkpoint.position);
    return limit;
  }

  void apply(EventId id, const RecordedEvent& recorded) {
    for (Track& track : tracks_)
      if (track.checkpoint.position < id.position) track.fold->apply(id, recorded);
  }

  // False when another projector was faster: nothing was written, and these tracks are out of date.
  bool write(const Batch& batch) {
    const Position from = position();
    std::vector<Track*> moving;
    for (Track& track : tracks_)
      if (track.checkpoint.position == from) moving.push_back(&track);

    pg::Array<std::string> names;
    pg::Array<std::int32_t> generations;
    for (const Track* track : moving) {
      names.push(track->checkpoint.read_model);
      generations.push(track->checkpoint.generation);
    }
    pg::Params checkpoints = pg::Params::take(names, generations);
    checkpoints.add(from);
    checkpoints.add(batch.last);
    checkpoints.add(batch.last_commit);

    // The checkpoints first: their row locks make a second projector wait here and find them moved.
    pg::Transaction transaction(connection_);
    const auto moved = connection_.execute({&move_checkpoints, std::move(checkpoints)});
    if (rows_of(moved) != moving.size()) return false;

    std::vector<pg::Call> calls;
    std::vector<std::size_t> expected_rows;
    for (Track* track : moving)
      for (Change& change : track->fold->take()) {
        calls.push_back({change.statement, std::move(change.params)});
        expected_rows.push_back(change.rows);
      }
    calls.push_back({&notify, pg::Params::of(checkpoints_channel)});
    const auto results = connection_.pipeline(calls);
    for (std::size_t i = 0; i < expected_rows.size(); ++i) {
      const std::size_t rows = rows_of(results[i]);
      if (rows != expected_rows[i])
        throw Corrupt(calls[i].statement->name + " changed " + std::to_string(rows) +
                      " rows instead of " + std::to_string(expected_rows[i]) + " in the batch to " +
                      "position " + std::to_string(batch.last.value) +
                      ": events that do not follow from the ones before, or a table that was "
                      "changed by hand");
    }
    transaction.commit();
    for (Track* track : moving) {
      track->checkpoint.position = batch.last;
      track->checkpoint.commit_id = batch.last_commit;
    }
    return true;
  }

 private:
  static bool by_position(const Track& one, const Track& other) {
    return one.checkpoint.position < other.checkpoint.position;
  }

  pg::Connection& connection_;
  std::vector<Track> tracks_;
};

// The log from a position on, in batches.
class Batches {
 public:
  Batches(EventLog& log, Position after, std::size_t most_events)
      : reader_(log.read_from(after.next())), most_events_(most_events) {}

  // Folds the next commits, whole ones, up to `limit`. Nothing when none came for a while.
  std::optional<Batch> next(Tracks& tracks) {
    if (commits_.empty()) {
      auto read = reader_->next(most_commits_read, read_timeout);
      std::move(read.begin(), read.end(), std::back_inserter(commits_));
    }
    if (commits_.empty()) return std::nullopt;
    const auto limit = tracks.limit();
    Batch batch;
    while (!commits_.empty() && batch.events < most_events_ && batch.last != limit) {
      const StoredCommit stored = std::move(commits_.front());
      commits_.pop_front();
      const Commit& commit = batch.commits.emplace_back(decode(stored));
      std::uint32_t index = 0;
      for (const RecordedEvent& event : commit.events)
        tracks.apply({stored.position, index++}, event);
      batch.last = stored.position;
      batch.last_commit = stored.id;
      batch.events += commit.events.size();
    }
    return batch;
  }

 private:
  std::unique_ptr<LogReader> reader_;
  std::size_t most_events_;
  std::deque<StoredCommit> commits_;
};

}  // namespace

std::string_view to_string(Projector::State state) {
  switch (state) {
    case Projector::State::starting:
      return "starting";
    case Projector::State::following:
      return "following";
    case Projector::State::waiting:
      return "waiting";
    case Projector::State::failed:
      return "failed";
  }
  return "";
}

Projector::Projector(EventLog& log, Options options)
    : log_(log), options_(std::move(options)), thread_([this](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "projector");
        run(stop);
      }) {}

Projector::~Projector() = default;

Projector::Status Projector::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

void Projector::run(const std::stop_token& stop) {
  milliseconds pause = first_pause;
  std::mutex mutex;
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    try {
      follow(stop);
    } catch (const Unavailable& error) {
      if (stop.stop_requested()) return;
      const bool was_following = status().state == State::following;
      pause = was_following ? first_pause : std::min(pause * 2, options_.longest_pause);
      if (status().last_error != error.what()) spdlog::warn("projector waits: {}", error.what());
      set(State::waiting, error.what());
      try_look_at_log_end();
      std::unique_lock lock(mutex);
      stopped.wait_for(lock, stop, pause, [] { return false; });
    } catch (const std::exception& error) {
      spdlog::error("projector stopped: {}", error.what());
      return set(State::failed, error.what());
    }
  }
}

void Projector::follow(const std::stop_token& stop) {
  pg::Connection connection({.conninfo = options_.conninfo,
                             .application_name = "jangbu projector",
                             .settings = std::string(session_settings)},
                            stop);
  while (!stop.stop_requested()) {  // again whenever another projector was faster
    Tracks tracks(connection, log_, options_.models);
    Batches batches(log_, tracks.position(), options_.batch_events);
    look_at_log_end();
    {
      const std::scoped_lock lock(mutex_);
      status_.position = tracks.position();
    }
    set(State::following);
    spdlog::info("projector follows the log from position {}", tracks.position().value);
    for (bool ours = true; ours && !stop.stop_requested();) {
      if (const auto batch = batches.next(tracks)) {
        const auto began = Clock::now();
        ours = tracks.write(*batch);
        if (ours) {
          measures_.events.add(batch->events);
          measures_.batch_duration.observe(Clock::now() - began);
        }
        const std::scoped_lock lock(mutex_);
        status_.position = tracks.position();
        status_.log_end = std::max(status_.log_end, batch->last);
        status_.committed_at = batch->commits.back().committed_at;
      }
      if (Clock::now() - log_end_seen_ > log_end_age) look_at_log_end();
    }
  }
}

void Projector::look_at_log_end() {
  const Position end = log_.last();
  log_end_seen_ = Clock::now();
  const std::scoped_lock lock(mutex_);
  status_.log_end = std::max(end, status_.position);
}

// The lag is worth knowing while PostgreSQL is away, too.
void Projector::try_look_at_log_end() {
  try {
    look_at_log_end();
  } catch (const Unavailable&) {
    // The log is away as well.
  }
}

void Projector::set(State state, std::string error) {
  const std::scoped_lock lock(mutex_);
  status_.state = state;
  status_.last_error = std::move(error);
}

}  // namespace jangbu
