#include "projections/tables/read_models.hpp"

#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <system_error>
#include <thread>
#include <tuple>
#include <vector>

#include "infra/postgres/async_connection.hpp"
#include "projections/tables/checkpoints.hpp"
#include "projections/tables/registry.hpp"

namespace jangbu {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A plan made once must go through the indexes, however small the table was at the time.
constexpr std::string_view session_settings =
    "-c default_transaction_read_only=on -c plan_cache_mode=force_generic_plan -c jit=off "
    "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off "
    "-c enable_mergejoin=off -c statement_timeout=";

const pg::Statement listen{"read_models.listen", "LISTEN " + std::string(checkpoints_channel)};

// What comes before a query's own columns: the position at which they are true, and whether the row
// that was asked for is parked.
constexpr int own_columns = 2;

// The rows of `text` in their order: there is one checkpoint and the join has no condition, so it
// runs as a loop over the rows. No row at all: this generation does not serve any more.
std::string with_position(const QueryText& text, const Checkpoint& checkpoint) {
  const std::string parked = text.entity.empty()
                                 ? "false"
                                 : "c.parked > 0 AND EXISTS (SELECT FROM jangbu.parked p WHERE "
                                   "p.read_model = c.read_model AND p.generation = c.generation "
                                   "AND p.entity_id = " +
                                       std::string(text.entity) + ")";
  return "SELECT c.position, " + parked + ", r.* FROM jangbu.checkpoints c LEFT JOIN LATERAL (" +
         in_schema(text.sql, checkpoint.schema()) + ") r ON true WHERE c.read_model = '" +
         checkpoint.read_model + "' AND c.generation = " + std::to_string(checkpoint.generation) +
         " AND c.state = 'serving'";
}

class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~EventFd() { ::close(fd_); }
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;

  int fd() const { return fd_; }
  // The counter's two ways to fail, full and empty, both mean that there is nothing to do.
  void wake() const { [[maybe_unused]] const int done = ::eventfd_write(fd_, 1); }
  void clear() const {
    eventfd_t ignored;
    [[maybe_unused]] const int done = ::eventfd_read(fd_, &ignored);
  }

 private:
  int fd_;
};

}  // namespace

class ReadModels::Loop {
 public:
  explicit Loop(Options options);
  ~Loop();

  void submit(const QueryText& text, pg::Params params, ReadAt at, Done done);
  bool connected() const { return connected_; }
  bool ready() const { return ready_; }
  std::size_t unfinished() const { return unfinished_; }
  const Histogram& query_duration() const { return query_duration_; }

 private:
  struct Pending {
    const QueryText* text;
    pg::Params params;
    Position min_position;
    Clock::time_point deadline;
    Done done;
    bool displaced = false;  // was asked of a generation that did not serve any more
  };
  // A query that waits: in the order in which positions release it.
  struct Waiting {
    std::size_t model;
    Position min_position;
    std::uint64_t number;
    friend auto operator<=>(const Waiting&, const Waiting&) = default;
  };
  // What is known of a read model: where its rows are, and how far it is.
  struct Known {
    const ReadModel* model;
    std::optional<Checkpoint> checkpoint;
  };
  static bool is_known(const Known& known) { return known.checkpoint.has_value(); }

  pg::ConnectOptions connect_options(std::string application_name) const;
  void run(const std::stop_token& stop);
  void turn();
  void take_in();
  void route(Pending query);
  void send(Pending query, const Checkpoint& checkpoint);
  void answer(Pending query, pg::AsyncConnection::Reply reply);
  void notified();
  void look();
  void looked(pg::AsyncConnection::Reply reply);
  void release(std::size_t model);
  void expire(Clock::time_point now);
  void on_connected();
  void lost(const Unavailable& why);
  void fail_waiting(const Unavailable& why);
  void finish(const Done& done, RawResult result);
  const pg::Statement& statement_for(const QueryText& text, const Checkpoint& checkpoint);

  const Options options_;
  EventFd wake_;
  std::atomic<bool> connected_ = false;
  std::atomic<bool> ready_ = false;
  std::atomic<std::size_t> unfinished_ = 0;
  Histogram query_duration_{bounds::latency_ns};

  std::mutex mutex_;  // of these two
  std::vector<Pending> inbox_;
  bool closed_ = false;

  // From here on: the loop's thread only.
  std::vector<Known> known_;
  std::map<std::pair<const QueryText*, int>, pg::Statement> statements_;
  std::map<Waiting, Pending> waiting_;
  std::set<std::pair<Clock::time_point, Waiting>> deadlines_;
  std::vector<Pending> displaced_;  // until it is known what serves now
  std::uint64_t next_number_ = 0;
  bool looking_ = false;
  bool look_again_ = false;
  std::string last_trouble_;
  pg::AsyncConnection listener_;
  std::vector<std::unique_ptr<pg::AsyncConnection>> connections_;

  std::jthread thread_;  // last: it uses everything above
};

ReadModels::ReadModels(Options options) : loop_(std::make_unique<Loop>(std::move(options))) {}
ReadModels::~ReadModels() = default;

bool ReadModels::connected() const {
  return loop_->connected();
}

bool ReadModels::ready() const {
  return loop_->ready();
}

std::size_t ReadModels::unfinished() const {
  return loop_->unfinished();
}

const Histogram& ReadModels::query_duration() const {
  return loop_->query_duration();
}

void ReadModels::submit(const QueryText& text, pg::Params params, ReadAt at, Done done) {
  loop_->submit(text, std::move(params), at, std::move(done));
}

ReadModels::Loop::Loop(Options options)
    : options_(std::move(options)),
      listener_(connect_options("jangbu listener"),
                {.on_connected = [this] { on_connected(); },
                 .on_lost = [this](const Unavailable& why) { lost(why); },
                 .on_notification = [this](std::string_view) { notified(); }}) {
  for (const ReadModel* model : read_models()) known_.push_back({model, std::nullopt});
  for (std::size_t i = 0; i < options_.connections; ++i)
    connections_.push_back(std::make_unique<pg::AsyncConnection>(connect_options("jangbu queries"),
                                                                 pg::AsyncConnection::Events{}));
  thread_ = std::jthread([this](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "queries");
    run(stop);
  });
}

pg::ConnectOptions ReadModels::Loop::connect_options(std::string application_name) const {
  return {
      .conninfo = options_.conninfo,
      .application_name = std::move(application_name),
      .settings = std::string(session_settings) + std::to_string(options_.answer_timeout.count()),
      .answer_timeout = options_.answer_timeout};
}

ReadModels::Loop::~Loop() {
  thread_.request_stop();
  wake_.wake();
  thread_.join();
}

void ReadModels::Loop::submit(const QueryText& text, pg::Params params, ReadAt at, Done done) {
  if (unfinished_.fetch_add(1) >= options_.most_queries) {
    --unfinished_;
    return done(Unavailable("too many queries are waiting"));
  }
  std::unique_lock lock(mutex_);
  if (closed_) {
    lock.unlock();
    return finish(done, Unavailable("closing"));
  }
  const bool was_empty = inbox_.empty();
  inbox_.push_back(
      {&text, std::move(params), at.min_position, Clock::now() + at.wait, std::move(done)});
  lock.unlock();
  if (was_empty) wake_.wake();
}

void ReadModels::Loop::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) turn();
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  take_in();
  const Unavailable closing("closing");
  last_trouble_ = closing.what();  // no trouble: nobody need hear of it
  for (auto& connection : connections_) connection->close(closing);
  listener_.close(closing);
  fail_waiting(closing);
}

// Take in, send, wait, hear.
void ReadModels::Loop::turn() {
  take_in();
  Clock::time_point due = deadlines_.empty() ? Clock::time_point::max() : deadlines_.begin()->first;
  auto now = Clock::now();
  bool all_connected = listener_.connected();
  std::vector<pollfd> fds{{wake_.fd(), POLLIN, 0}};
  const auto add = [&](pg::AsyncConnection& connection) {
    connection.flush(now);
    due = std::min(due, connection.due());
    fds.push_back({connection.fd(), connection.events(), 0});
  };
  add(listener_);
  for (auto& connection : connections_) {
    add(*connection);
    all_connected = all_connected && connection->connected();
  }
  connected_ = all_connected;
  ready_ = all_connected && std::all_of(known_.begin(), known_.end(), is_known);

  const auto left = std::chrono::ceil<milliseconds>(due - now);
  constexpr milliseconds longest{60'000};
  ::poll(fds.data(), fds.size(),
         static_cast<int>(std::clamp(left, milliseconds::zero(), longest).count()));

  now = Clock::now();
  if (fds[0].revents) wake_.clear();
  listener_.on_ready(fds[1].revents, now);
  for (std::size_t i = 0; i < connections_.size(); ++i)
    connections_[i]->on_ready(fds[i + 2].revents, now);
  expire(now);
}

void ReadModels::Loop::take_in() {
  std::vector<Pending> taken;
  {
    const std::scoped_lock lock(mutex_);
    taken.swap(inbox_);
  }
  for (Pending& query : taken) route(std::move(query));
}

// Sends the query, or lets it wait for its position.
void ReadModels::Loop::route(Pending query) {
  const auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& candidate) {
    return candidate.model->name == query.text->read_model;
  });
  invariant(known != known_.end(), "a query names a read model that is registered");
  if (!known->checkpoint)
    return finish(query.done, Unavailable("the read model " + std::string(known->model->name) +
                                          " is not there yet"));
  // What is known may be out of date, so a query that cannot wait is sent too: its answer tells.
  if (known->checkpoint->position >= query.min_position || query.deadline <= Clock::now())
    return send(std::move(query), *known->checkpoint);
  if (!listener_.connected()) return finish(query.done, Unavailable("PostgreSQL is not connected"));
  const Waiting place{static_cast<std::size_t>(known - known_.begin()), query.min_position,
                      next_number_++};
  deadlines_.emplace(query.deadline, place);
  waiting_.emplace(place, std::move(query));
  look();
}

void ReadModels::Loop::send(Pending query, const Checkpoint& checkpoint) {
  pg::AsyncConnection* idlest = nullptr;
  for (auto& connection : connections_)
    if (connection->connected() && (!idlest || connection->in_flight() < idlest->in_flight()))
      idlest = connection.get();
  if (!idlest) return finish(query.done, Unavailable("PostgreSQL is not connected"));
  const pg::Statement& statement = statement_for(*query.text, checkpoint);
  pg::Params params = std::move(query.params);
  idlest->send(statement, std::move(params),
               [this, query = std::move(query), sent = Clock::now()](
                   pg::AsyncConnection::Reply reply, pg::Params again) mutable {
                 query_duration_.observe(Clock::now() - sent);
                 query.params = std::move(again);
                 answer(std::move(query), std::move(reply));
               });
}

void ReadModels::Loop::answer(Pending query, pg::AsyncConnection::Reply reply) {
  if (const auto* unavailable = std::get_if<Unavailable>(&reply))
    return finish(query.done, *unavailable);
  if (const auto* error = std::get_if<pg::SqlError>(&reply)) {
    spdlog::error("a query failed: {}", error->what());
    return finish(query.done, Unavailable(error->what()));
  }
  auto& result = std::get<pg::Result>(reply);
  const int rows = PQntuples(result.get());
  if (rows == 0) {
    if (query.displaced)
      return finish(query.done, Unavailable("no generation of the read model serves"));
    if (!listener_.connected())
      return finish(query.done, Unavailable("PostgreSQL is not connected"));
    query.displaced = true;
    displaced_.push_back(std::move(query));
    return look();
  }
  pg::Row first(result.get(), 0);
  const auto position = first.next<Position>();
  if (first.next<bool>()) return finish(query.done, EntityParked{});
  if (position < query.min_position) return finish(query.done, Behind{position});
  // The outer join gives one row of nulls where the query has none.
  const bool none = PQgetisnull(result.get(), 0, own_columns);
  finish(query.done, Answer<Rows>{Rows(std::move(result), none ? 0 : rows, own_columns), position});
}

void ReadModels::Loop::finish(const Done& done, RawResult result) {
  --unfinished_;
  done(std::move(result));
}

const pg::Statement& ReadModels::Loop::statement_for(const QueryText& text,
                                                     const Checkpoint& checkpoint) {
  const auto [found, is_new] = statements_.try_emplace({&text, checkpoint.generation});
  if (is_new)
    found->second = {std::string(text.name) + '_' + std::to_string(checkpoint.generation),
                     with_position(text, checkpoint)};
  return found->second;
}

// --- Positions -----------------------------------------------------------------------------------

// A notification tells that a checkpoint moved, not which and how far: one SELECT answers that for
// all who wait, and nobody asks when nobody waits.
void ReadModels::Loop::notified() {
  const bool all_known = std::all_of(known_.begin(), known_.end(), is_known);
  if (!waiting_.empty() || !all_known) look();
}

void ReadModels::Loop::look() {
  if (!listener_.connected()) return;
  if (looking_) {
    look_again_ = true;
    return;
  }
  looking_ = true;
  listener_.send(
      select_checkpoints, {},
      [this](pg::AsyncConnection::Reply reply, const pg::Params&) { looked(std::move(reply)); });
}

void ReadModels::Loop::looked(pg::AsyncConnection::Reply reply) {
  looking_ = false;
  std::vector<Checkpoint> checkpoints;
  if (const auto* result = std::get_if<pg::Result>(&reply))
    checkpoints = read_checkpoints(result->get());
  // Without a result nothing is known: the connection is lost, or the table is not there yet.
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const Checkpoint* own = serving_generation(checkpoints, *known_[i].model);
    known_[i].checkpoint = own ? std::optional(*own) : std::nullopt;
    if (own) release(i);
  }
  if (std::exchange(look_again_, false)) return look();
  for (Pending& query : std::exchange(displaced_, {})) route(std::move(query));
}

// Sends what waited for a position that the read model has reached.
void ReadModels::Loop::release(std::size_t model) {
  const Checkpoint& checkpoint = *known_[model].checkpoint;
  auto next = waiting_.lower_bound({model, {}, 0});
  while (next != waiting_.end() && next->first.model == model &&
         next->first.min_position <= checkpoint.position) {
    deadlines_.erase({next->second.deadline, next->first});
    send(std::move(next->second), checkpoint);
    next = waiting_.erase(next);
  }
}

// Sends what has waited long enough: the answer tells how far the read model is by now.
void ReadModels::Loop::expire(Clock::time_point now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Waiting place = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    auto query = waiting_.extract(place);
    route(std::move(query.mapped()));
  }
}

void ReadModels::Loop::on_connected() {
  last_trouble_.clear();
  // First this one, since a look that fails (no table yet) takes back what its turn did before it.
  listener_.send(listen, {}, [this](const pg::AsyncConnection::Reply& reply, const pg::Params&) {
    if (const auto* error = std::get_if<pg::SqlError>(&reply))
      spdlog::error("queries wait to their deadlines: {}", error->what());
    look();
  });
}

void ReadModels::Loop::lost(const Unavailable& why) {
  if (last_trouble_ != why.what()) spdlog::warn("queries cannot be answered: {}", why.what());
  last_trouble_ = why.what();
  fail_waiting(why);
}

void ReadModels::Loop::fail_waiting(const Unavailable& why) {
  deadlines_.clear();
  for (auto& [place, query] : std::exchange(waiting_, {})) finish(query.done, why);
  for (Pending& query : std::exchange(displaced_, {})) finish(query.done, why);
}

}  // namespace jangbu
