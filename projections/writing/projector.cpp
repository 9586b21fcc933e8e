#include "projections/writing/projector.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "infra/log.hpp"
#include "projections/writing/generations.hpp"
#include "projections/writing/rebuild.hpp"

namespace jangbu {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds log_end_age{1};

// While much comes in, a batch begins this long after the one before, so that more events share its
// statements, its commit and its fsync. A small batch is followed at once, and so is one that does
// not reach the end of the log, as far as it is known.
constexpr milliseconds pace{50};
constexpr std::size_t worth_a_pause = 50;  // events

// How often a projector on standby checks whether it is its turn.
constexpr milliseconds standby_pause{250};

// What clients may be told about why the database or the log is away.
std::string in_words(const Unavailable& error) {
  const auto* away = dynamic_cast<const pg::Away*>(&error);
  return away ? away->in_words() : "the log cannot be read";
}

bool same_generations(const std::vector<Tracks::Generation>& one,
                      const std::vector<Tracks::Generation>& other) {
  return std::equal(
      one.begin(), one.end(), other.begin(), other.end(),
      [](const auto& a, const auto& b) { return a.checkpoint.schema() == b.checkpoint.schema(); });
}

// The position that all of them have reached.
Position lowest_position(const std::vector<Projector::ReadModelStatus>& read_models) {
  std::optional<Position> lowest;
  for (const auto& status : read_models) {
    const Position position = status.checkpoint ? status.checkpoint->position : Position{};
    lowest = std::min(lowest.value_or(position), position);
  }
  return lowest.value_or(Position{});
}

}  // namespace

std::string_view to_string(Projector::State state) {
  switch (state) {
    case Projector::State::starting:
      return "starting";
    case Projector::State::following:
      return "following";
    case Projector::State::standby:
      return "standby";
    case Projector::State::waiting:
      return "waiting";
    case Projector::State::failed:
      return "failed";
  }
  return "";
}

Projector::Projector(EventLog& log, Options options)
    : log_(log),
      options_(std::move(options)),
      follower_([this](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "projector");
        run(stop);
      }),
      builder_([this](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "builder");
        build(stop);
      }) {}

Projector::~Projector() = default;

Projector::Status Projector::status() const {
  const std::scoped_lock lock(mutex_);
  Status status = status_;
  if (!build_error_.empty()) {
    status.state = State::failed;
    status.last_error = status.reason = build_error_;
  }
  return status;
}

void Projector::pause(milliseconds longest, const std::stop_token& stop) {
  std::unique_lock lock(pausing_);
  stopped_.wait_for(lock, stop, longest, [] { return false; });
}

// --- Building ------------------------------------------------------------------------------------

void Projector::want_build() {
  const std::scoped_lock lock(pausing_);
  build_is_wanted_ = true;
  build_wanted_.notify_one();
}

void Projector::build(const std::stop_token& stop) {
  Trouble trouble("building read models");
  for (;;) {
    {
      std::unique_lock lock(pausing_);
      build_wanted_.wait(lock, stop, [this] { return build_is_wanted_; });
      if (stop.stop_requested()) return;
      build_is_wanted_ = false;
    }
    const auto again_after = [&](const char* error) {
      want_build();
      if (!stop.stop_requested()) pause(trouble.failed(error), stop);
    };
    try {
      Rebuild rebuild(log_, {.conninfo = options_.conninfo, .stop = stop});
      for (const Checkpoint& made : rebuild.prepare(options_.models))
        log::info("{} is filled up to position {} and serves", made.schema(), made.position.value);
      rebuild.tidy_up(options_.models);
      trouble.over();
    } catch (const AlreadyRebuilding&) {
      want_build();
      pause(standby_pause, stop);
    } catch (const Unavailable& error) {
      again_after(error.what());
    } catch (const pg::SqlError& error) {
      again_after(error.what());
    } catch (const std::exception& error) {
      log::error("read models cannot be built: {}", error.what());
      const std::scoped_lock lock(mutex_);
      build_error_ = error.what();
      return;
    }
  }
}

// --- Following -----------------------------------------------------------------------------------

void Projector::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      follow(stop);
    } catch (const Unavailable& error) {
      wait(stop, error.what(), in_words(error));
    } catch (const pg::SqlError& error) {
      // Somebody dropped the tables or changed them by hand: missing ones are rebuilt.
      if (pg::is_about_absence(error.sqlstate())) want_build();
      wait(stop, error.what(),
           "PostgreSQL refuses what the projector asks (SQLSTATE " + error.sqlstate() + ")");
    } catch (const std::exception& error) {
      log::error("projector stopped: {}", error.what());
      return set(State::failed, error.what(), error.what());
    }
  }
}

void Projector::wait(const std::stop_token& stop, const char* error, const std::string& reason) {
  if (stop.stop_requested()) return;
  set(State::waiting, error, reason);
  try_look_at_log_end();
  pause(trouble_.failed(error), stop);
}

void Projector::follow(const std::stop_token& stop) {
  const pg::ConnectOptions options{.conninfo = options_.conninfo,
                                   .application_name = "jangbu projector",
                                   .settings = std::string(projection_settings)};
  pg::Connection connection(options, stop);  // its session holds the locks
  pg::Connection second(options, stop);
  locks_.clear();  // they ended with the previous connection
  while (!stop.stop_requested()) {
    auto ours = take_ours(connection);
    if (!ours.empty()) {
      follow(connection, second, std::move(ours), stop);
      continue;
    }
    look_at_log_end();
    if (is_complete())
      goes_on(State::standby);
    else
      want_build();
    pause(standby_pause, stop);
  }
}

bool Projector::is_complete() const {
  const std::scoped_lock lock(mutex_);
  return std::all_of(status_.read_models.begin(), status_.read_models.end(),
                     [](const ReadModelStatus& model) { return model.checkpoint.has_value(); });
}

std::vector<Tracks::Generation> Projector::take_ours(pg::Connection& connection) {
  const auto checkpoints = read_checkpoints(connection);
  std::vector<Tracks::Generation> ours;
  std::vector<ReadModelStatus> read_models;
  std::vector<std::string> locks;
  for (const ReadModel* model : options_.models) {
    auto& status = read_models.emplace_back(ReadModelStatus{model->name, {}, false});
    const Checkpoint* serving = serving_generation(checkpoints, *model);
    if (!serving) continue;
    status.checkpoint = *serving;
    const std::string lock = lock_to_fill(*serving);
    const bool had = std::find(locks_.begin(), locks_.end(), lock) != locks_.end();
    if (!had && !try_lock(connection, lock)) continue;
    status.ours = true;
    locks.push_back(lock);
    ours.push_back({model, *serving});
  }
  for (const std::string& lock : locks_)
    if (std::find(locks.begin(), locks.end(), lock) == locks.end()) unlock(connection, lock);
  locks_ = std::move(locks);

  const std::scoped_lock lock(mutex_);
  status_.read_models = std::move(read_models);
  status_.position = lowest_position(status_.read_models);
  return ours;
}

void Projector::follow(pg::Connection& connection, pg::Connection& second,
                       std::vector<Tracks::Generation> ours, const std::stop_token& stop) {
  std::vector<Checkpoint> checkpoints;
  for (const auto& generation : ours) checkpoints.push_back(generation.checkpoint);
  if (const auto wrong = contradiction(checkpoints, log_)) throw Corrupt(*wrong);

  Tracks tracks(connection, ours, &second);
  Batches batches(log_, tracks.position(), options_.batch);
  look_at_log_end();
  // It is not enough that PostgreSQL answers: it may refuse writes.
  bool goes = false;
  const auto does_go = [&] {
    if (std::exchange(goes, true)) return;
    goes_on(State::following);
    log::info("projector fills {} of {} read models, from position {}", ours.size(),
              options_.models.size(), tracks.position().value);
  };
  const auto has_all = [&] { return tracks.position() >= status().log_end; };
  if (has_all()) does_go();
  auto looked = Clock::now();
  Clock::time_point next_batch;
  while (!stop.stop_requested()) {
    if (const auto left = next_batch - Clock::now(); left > left.zero()) {
      pause(std::chrono::ceil<milliseconds>(left), stop);
      continue;
    }
    if (const auto batch = batches.next(tracks.limit())) {
      const auto began = Clock::now();
      if (!tracks.write(*batch)) return;  // what is ours has changed
      measures_.batch_duration.observe(Clock::now() - began);
      publish(tracks);
      {
        const std::scoped_lock lock(mutex_);
        status_.log_end = std::max(status_.log_end, batch->last().position);
      }
      if (batch->events >= worth_a_pause && !batch->more && has_all()) next_batch = began + pace;
      measures_.events.add(batch->events);  // last: the new position is visible before the count
      for (const DecodedCommit& commit : batch->commits) {
        if (!commit.is_void()) continue;
        log::error("commit {} is void: the server should not have let it in (docs/durability.md)",
                   commit.position.value);
        measures_.voids.add(1);
      }
      does_go();
    } else if (has_all()) {
      does_go();
    }
    if (Clock::now() - log_end_seen_ > log_end_age) look_at_log_end();
    const bool all = ours.size() == options_.models.size();
    if (Clock::now() - looked > (all ? milliseconds(log_end_age) : standby_pause)) {
      if (!same_generations(take_ours(connection), ours)) return;
      // Writing an event to the table would reveal it, but there may be none for long.
      const auto is_lost = [&](const auto& one) { return !is_there(connection, one.checkpoint); };
      if (std::ranges::any_of(ours, is_lost)) want_build();
      looked = Clock::now();
    }
  }
}

void Projector::publish(const Tracks& tracks) {
  const std::scoped_lock lock(mutex_);
  for (const Track& track : tracks.all())
    for (ReadModelStatus& status : status_.read_models)
      if (status.name == track.model->name) status.checkpoint = track.checkpoint;
  status_.position = lowest_position(status_.read_models);
}

void Projector::look_at_log_end() {
  const Position end = log_.last();
  log_end_seen_ = Clock::now();
  const std::scoped_lock lock(mutex_);
  status_.log_end = std::max(end, status_.position);
}

// The lag is worth knowing even while PostgreSQL is away.
void Projector::try_look_at_log_end() {
  try {
    look_at_log_end();
  } catch (const Unavailable&) {
    // The log is away as well.
  }
}

void Projector::goes_on(State state) {
  trouble_.over();
  set(state);
}

void Projector::set(State state, std::string error, std::string reason) {
  const std::scoped_lock lock(mutex_);
  status_.state = state;
  status_.last_error = std::move(error);
  status_.reason = std::move(reason);
}

bool is_up(Projector::State state) {
  return state == Projector::State::following || state == Projector::State::standby;
}

}  // namespace jangbu
