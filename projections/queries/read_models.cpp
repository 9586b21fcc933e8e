#include "projections/queries/read_models.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <tuple>
#include <vector>

#include "infra/descriptor.hpp"
#include "infra/log.hpp"
#include "infra/postgres/async_connection.hpp"
#include "infra/trouble.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/checkpoints.hpp"

namespace jangbu {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A plan is made once and must use the indexes, however small the table was at the time.
constexpr std::string_view session_settings =
    "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c enable_material=off "
    "-c enable_bitmapscan=off -c enable_hashjoin=off "
    "-c enable_mergejoin=off -c enable_sort=off -c statement_timeout=";

// NOTIFY says when to look at the checkpoints; a periodic look finds what it missed. Without NOTIFY
// (a standby of PostgreSQL has none) looking is all there is, and it is frequent while queries
// wait.
constexpr milliseconds look_interval{1'000};
constexpr milliseconds look_interval_unheard{250};
constexpr milliseconds look_interval_waiting{20};

// PostgreSQL must answer for this long after an outage before its recovery is reported.
constexpr milliseconds well_again{3'000};

// A query is sent at most this many times: again whenever another generation has begun to serve.
constexpr int most_asked = 10;

const pg::Statement listen_to_checkpoints{"read_models.listen",
                                          "LISTEN " + std::string(checkpoints_channel)};

// Rows that one statement looks up at most, so that nobody waits for all of a crowd.
constexpr std::size_t most_keys = 128;

// The columns before a query's own: the position at which its rows are true, whether the requested
// row is parked, and which of the batch's queries the row answers, from 1.
constexpr int own_columns = 3;

// The rows of `text` in their order: there is one checkpoint and the joins have no conditions, so
// they run as loops over the rows. No row at all means that this generation no longer serves.
std::string with_position(const QueryText& text, const Checkpoint& checkpoint) {
  std::string number = "1::bigint", asked;
  if (text.key) {
    number = "asked.number";
    asked = " CROSS JOIN unnest($1::" + std::string(text.key->name) +
            "[]) WITH ORDINALITY AS asked(key, number)";
  }
  const std::string parked = text.entity.empty()
                                 ? "false"
                                 : "c.parked > 0 AND EXISTS (SELECT FROM jangbu.parked p WHERE "
                                   "p.read_model = c.read_model AND p.generation = c.generation "
                                   "AND p.entity_id = " +
                                       std::string(text.entity) + ")";
  return "SELECT c.position, " + parked + ", " + number + ", r.* FROM jangbu.checkpoints c" +
         asked + " LEFT JOIN LATERAL (" + in_schema(text.sql, checkpoint.schema()) +
         ") r ON true WHERE c.read_model = '" + checkpoint.read_model +
         "' AND c.generation = " + std::to_string(checkpoint.generation) +
         " AND c.state = 'serving'";
}

const Unavailable not_connected("PostgreSQL is not connected");

Unavailable not_there(const ReadModel& model) {
  return Unavailable("the read model " + std::string(model.name) + " is not there yet");
}

ReadModels::Options with_connections(ReadModels::Options options, std::size_t connections) {
  options.connections = connections;
  return options;
}

void raise(std::atomic<std::uint64_t>& shown, Position position) {
  std::uint64_t before = shown;
  while (before < position.value && !shown.compare_exchange_weak(before, position.value)) {
  }
}

class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd") {}

  int fd() const { return fd_.number(); }
  // Both ways to fail, a full counter and an empty one, mean that there is nothing to do.
  void wake() const { [[maybe_unused]] const int done = ::eventfd_write(fd(), 1); }
  void clear() const {
    eventfd_t ignored;
    [[maybe_unused]] const int done = ::eventfd_read(fd(), &ignored);
  }

 private:
  const Descriptor fd_;
};

}  // namespace

class ReadModels::Loop {
 public:
  // `purpose` is for people: it appears in logs and in PostgreSQL's list of sessions.
  Loop(Options options, std::string purpose, Shown& shown, Histogram& query_duration);
  ~Loop();
  void stop();

  void submit(const QueryText& text, pg::Params params, ReadAt at, Done done);
  bool connected() const { return connected_; }
  bool ready() const { return ready_; }
  std::string away_because() const;
  std::size_t unfinished() const { return unfinished_; }

 private:
  struct Pending {
    const QueryText* text;
    pg::Params params;
    Position min_position;
    Position shown;  // to anybody before it was asked
    Clock::time_point deadline;
    Done done;
    int generation = 0;  // last sent to; 0 if that one did not serve
    int asked = 0;       // how often it was sent
  };
  // Queries of one text that one statement answers; without a key, each is a batch of its own.
  using Batch = std::vector<Pending>;
  // A query that is sent again if another generation serves now; otherwise `why` is its answer.
  struct Displaced {
    Pending query;
    Unavailable why;
  };
  // A waiting query, in the order in which positions release it.
  struct Waiting {
    std::size_t model;
    Position min_position;
    std::uint64_t number;
    friend auto operator<=>(const Waiting&, const Waiting&) = default;
  };
  // What is known of a read model: where its rows are, and which position it has reached.
  struct Known {
    const ReadModel* model;
    std::optional<Checkpoint> checkpoint;
  };
  static bool is_known(const Known& known) { return known.checkpoint.has_value(); }

  pg::ConnectOptions connect_options(std::string application_name) const;
  void run(const std::stop_token& stop);
  void turn();
  void take_in();
  bool may_sleep();
  void route(Pending query);
  void wait(const Known& known, Pending query);
  void to_send(Pending query);
  void send_batches();
  static Batch take_batch(std::deque<Pending>& queries, std::size_t most);
  pg::AsyncConnection* idlest() const;
  void send(pg::AsyncConnection* connection, Batch batch);
  void answer(Batch batch, const pg::AsyncConnection::Reply& reply);
  void answer(Pending query, const PGresult* result, int first_row, int rows);
  void refused(Batch batch, const pg::SqlError& error);
  void displace(Pending query, const Unavailable& why);
  void ask_again(Displaced displaced);
  Known& known_to(const QueryText& text);
  void notified(std::string_view payload);
  void look();
  void looked(const pg::AsyncConnection::Reply& reply, std::vector<Displaced> displaced);
  void release(std::size_t model);
  void expire(Clock::time_point now);
  void on_connected();
  void listen();
  void lost(const pg::Away& why);
  void listener_lost(const pg::Away& why);
  void fail_to_send(const Unavailable& why);
  void fail_waiting(const Unavailable& why);
  void finish(const Done& done, RawResult result);
  void finish_all(const Batch& batch, const Unavailable& why);
  static pg::Params keys_of(const Batch& batch, const KeyType& key);
  std::shared_ptr<const pg::Statement> statement_for(const QueryText& text,
                                                     const Checkpoint& checkpoint);

  const Options options_;
  const std::string purpose_;
  Shown& shown_;
  Histogram& query_duration_;
  EventFd wake_;
  std::atomic<bool> connected_ = false;
  std::atomic<bool> ready_ = false;
  std::atomic<std::size_t> unfinished_ = 0;

  mutable std::mutex mutex_;  // guards the next four
  std::vector<Pending> inbox_;
  bool sleeps_ = false;  // until the next query, among others
  bool closed_ = false;
  std::string away_because_;

  // From here on, used by the loop's thread only.
  std::vector<Known> known_;
  struct Asked {
    int generation;
    std::shared_ptr<const pg::Statement> statement;  // shared with the queries in flight
  };
  std::map<const QueryText*, Asked> statements_;             // of the generation queried last
  std::map<const QueryText*, std::deque<Pending>> to_send_;  // on the next idle connection
  std::map<Waiting, Pending> waiting_;
  std::set<std::pair<Clock::time_point, Waiting>> deadlines_;
  std::vector<Displaced> displaced_;  // until the next look says what serves now
  std::uint64_t next_number_ = 0;
  bool looking_ = false;
  bool look_again_ = false;
  bool asked_to_listen_ = false;
  bool heard_ = false;  // LISTEN succeeded
  Clock::time_point next_look_ = Clock::time_point::max();
  Trouble trouble_;
  Clock::time_point last_trouble_{};
  pg::AsyncConnection listener_;
  std::vector<std::unique_ptr<pg::AsyncConnection>> connections_;

  std::jthread thread_;  // last: it uses everything above
};

// One connection for rows: with more of them batches would only be smaller.
ReadModels::ReadModels(Options options) {
  for (const ReadModel* model : read_models()) shown_[model->name] = 0;
  rows_ = std::make_unique<Loop>(with_connections(options, 1), "queries", shown_, query_duration_);
  lists_ = std::make_unique<Loop>(options, "lists", shown_, query_duration_);
}
ReadModels::~ReadModels() = default;

void ReadModels::stop() {
  rows_->stop();
  lists_->stop();
}

bool ReadModels::connected() const {
  return rows_->connected() && lists_->connected();
}

bool ReadModels::ready() const {
  return rows_->ready() && lists_->ready();
}

std::string ReadModels::away_because() const {
  const std::string why = rows_->away_because();
  return why.empty() ? lists_->away_because() : why;
}

std::size_t ReadModels::unfinished() const {
  return rows_->unfinished() + lists_->unfinished();
}

void ReadModels::submit(Lane lane, const QueryText& text, pg::Params params, ReadAt at, Done done) {
  (lane == Lane::rows ? rows_ : lists_)->submit(text, std::move(params), at, std::move(done));
}

ReadModels::Loop::Loop(Options options, std::string purpose, Shown& shown,
                       Histogram& query_duration)
    : options_(std::move(options)),
      purpose_(std::move(purpose)),
      shown_(shown),
      query_duration_(query_duration),
      trouble_("answering " + purpose_),
      listener_(connect_options("jangbu listener"),
                {.on_connected = [this] { on_connected(); },
                 .on_lost = [this](const pg::Away& why) { listener_lost(why); },
                 .on_notification = [this](std::string_view,
                                           std::string_view payload) { notified(payload); }}) {
  for (const ReadModel* model : read_models()) known_.push_back({model, std::nullopt});
  for (std::size_t i = 0; i < options_.connections; ++i)
    connections_.push_back(std::make_unique<pg::AsyncConnection>(
        connect_options("jangbu " + purpose_),
        pg::AsyncConnection::Events{.on_lost = [this](const pg::Away& why) { lost(why); }}));
  thread_ = std::jthread([this](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), purpose_.c_str());
    run(stop);
  });
}

pg::ConnectOptions ReadModels::Loop::connect_options(std::string application_name) const {
  return {
      .conninfo = options_.conninfo,
      .target_session_attrs = "any",
      .application_name = std::move(application_name),
      .settings = std::string(session_settings) + std::to_string(options_.answer_timeout.count()),
      .connect_timeout = options_.connect_timeout,
      .answer_timeout = options_.answer_timeout};
}

ReadModels::Loop::~Loop() {
  stop();
}

void ReadModels::Loop::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  wake_.wake();
  thread_.join();
}

std::string ReadModels::Loop::away_because() const {
  if (connected_) return {};
  const std::scoped_lock lock(mutex_);
  return away_because_.empty() ? "PostgreSQL is not connected" : away_because_;
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
  inbox_.push_back({&text,
                    std::move(params),
                    at.min_position,
                    {shown_.at(text.read_model)},
                    Clock::now() + at.wait,
                    std::move(done)});
  const bool sleeps = std::exchange(sleeps_, false);
  lock.unlock();
  if (sleeps) wake_.wake();
}

void ReadModels::Loop::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) turn();
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  take_in();
  const Unavailable closing("closing");
  for (auto& connection : connections_) connection->close(closing);
  listener_.close(closing);  // a displaced query may be routed once more
  fail_to_send(closing);
  fail_waiting(closing);
}

// Takes in queries, sends them, waits, and handles what arrived.
void ReadModels::Loop::turn() {
  take_in();
  send_batches();
  Clock::time_point due = next_look_;
  if (!deadlines_.empty()) due = std::min(due, deadlines_.begin()->first);
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
  if (!all_connected) last_trouble_ = now;
  if (trouble_ && now > last_trouble_ + well_again) trouble_.over();

  if (!may_sleep()) due = now;
  const auto left = std::chrono::ceil<milliseconds>(due - now);
  constexpr milliseconds longest{60'000};
  ::poll(fds.data(), fds.size(),
         static_cast<int>(std::clamp(left, milliseconds::zero(), longest).count()));

  now = Clock::now();
  if (fds[0].revents) wake_.clear();
  listener_.on_ready(fds[1].revents, now);
  for (std::size_t i = 0; i < connections_.size(); ++i)
    connections_[i]->on_ready(fds[i + 2].revents, now);
  if (now >= next_look_) look();
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

// Whether nothing has come in meanwhile. While all connections are busy, queries have to wait
// anyway: they wake nobody, and are taken in with the next answer.
bool ReadModels::Loop::may_sleep() {
  const pg::AsyncConnection* const idlest = this->idlest();
  const bool busy = idlest && idlest->in_flight() > 0;
  const std::scoped_lock lock(mutex_);
  sleeps_ = !busy && inbox_.empty();
  return busy || sleeps_;
}

// Has the query sent, or wait for its position.
void ReadModels::Loop::route(Pending query) {
  const Known& known = known_to(*query.text);
  if (!known.checkpoint) return finish(query.done, not_there(*known.model));
  // The known checkpoint may be out of date, so a query that cannot wait is sent too, to find out.
  if (known.checkpoint->position >= query.min_position || query.deadline <= Clock::now())
    return to_send(std::move(query));
  wait(known, std::move(query));
  look();
}

void ReadModels::Loop::wait(const Known& known, Pending query) {
  if (!listener_.connected()) return finish(query.done, not_connected);
  const Waiting place{static_cast<std::size_t>(&known - known_.data()), query.min_position,
                      next_number_++};
  deadlines_.emplace(query.deadline, place);
  waiting_.emplace(place, std::move(query));
}

ReadModels::Loop::Known& ReadModels::Loop::known_to(const QueryText& text) {
  const auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& candidate) {
    return candidate.model->name == text.read_model;
  });
  invariant(known != known_.end(), "a query names a read model that is registered");
  return *known;
}

void ReadModels::Loop::to_send(Pending query) {
  // Whoever has no key does not overtake those who wait, or the connection might never be idle.
  const bool others_wait = std::any_of(to_send_.begin(), to_send_.end(),
                                       [](const auto& entry) { return !entry.second.empty(); });
  if (query.text->key || others_wait) return to_send_[query.text].push_back(std::move(query));
  Batch batch;
  batch.push_back(std::move(query));
  send(idlest(), std::move(batch));
}

// A connection that has answered everything gets what has come in meanwhile, so batches grow with
// the load by themselves.
void ReadModels::Loop::send_batches() {
  for (const auto& connection : connections_) {
    if (!connection->connected() || connection->in_flight() > 0) continue;
    for (auto& [text, queries] : to_send_) {
      if (text->key && !queries.empty()) send(connection.get(), take_batch(queries, most_keys));
      while (!text->key && !queries.empty()) send(connection.get(), take_batch(queries, 1));
    }
  }
  if (!idlest()) fail_to_send(not_connected);
}

ReadModels::Loop::Batch ReadModels::Loop::take_batch(std::deque<Pending>& queries,
                                                     std::size_t most) {
  const auto end = queries.begin() + static_cast<std::ptrdiff_t>(std::min(queries.size(), most));
  Batch batch(std::move_iterator(queries.begin()), std::move_iterator(end));
  queries.erase(queries.begin(), end);
  return batch;
}

// Null when none is connected.
pg::AsyncConnection* ReadModels::Loop::idlest() const {
  pg::AsyncConnection* idlest = nullptr;
  for (const auto& connection : connections_)
    if (connection->connected() && (!idlest || connection->in_flight() < idlest->in_flight()))
      idlest = connection.get();
  return idlest;
}

void ReadModels::Loop::send(pg::AsyncConnection* connection, Batch batch) {
  const QueryText& text = *batch.front().text;
  const Known& known = known_to(text);
  if (!connection) return finish_all(batch, not_connected);
  if (!known.checkpoint) return finish_all(batch, not_there(*known.model));
  for (Pending& query : batch) {
    query.generation = known.checkpoint->generation;
    ++query.asked;
  }
  const auto statement = statement_for(text, *known.checkpoint);
  pg::Params params = text.key ? keys_of(batch, *text.key) : batch.front().params;
  connection->send(*statement, std::move(params),
                   [this, statement, batch = std::move(batch),
                    sent = Clock::now()](const pg::AsyncConnection::Reply& reply) mutable {
                     const auto duration = Clock::now() - sent;
                     for (std::size_t i = 0; i < batch.size(); ++i)
                       query_duration_.observe(duration);
                     answer(std::move(batch), reply);
                   });
}

void ReadModels::Loop::answer(Batch batch, const pg::AsyncConnection::Reply& reply) {
  if (const auto* unavailable = std::get_if<Unavailable>(&reply))
    return finish_all(batch, *unavailable);
  if (const auto* error = std::get_if<pg::SqlError>(&reply))
    return refused(std::move(batch), *error);
  const PGresult* const result = std::get<pg::Result>(reply).get();
  const int rows = PQntuples(result);
  if (rows == 0) {
    for (Pending& query : batch) {
      query.generation = 0;  // even if it serves again by now
      displace(std::move(query), Unavailable("no generation of the read model serves"));
    }
    return;
  }
  const auto number = [&](int row) {
    return pg::Row(result, row, own_columns - 1).next<std::int64_t>();
  };
  for (int first = 0, end = 0; first < rows; first = end) {
    const std::int64_t asked = number(first);
    while (end < rows && number(end) == asked) ++end;
    answer(std::move(batch.at(static_cast<std::size_t>(asked - 1))), result, first, end - first);
  }
}

void ReadModels::Loop::answer(Pending query, const PGresult* result, int first_row, int rows) {
  pg::Row row(result, first_row);
  const auto position = row.next<Position>();
  if (row.next<bool>()) return finish(query.done, EntityParked{});
  const Position wanted = std::max(query.min_position, query.shown);
  if (position < wanted) {
    if (query.deadline <= Clock::now()) return finish(query.done, Behind{position, wanted});
    // This host is behind the one that showed it, or that the listener is at.
    query.min_position = wanted;
    query.asked = 0;
    next_look_ = std::min(next_look_, Clock::now() + look_interval_waiting);
    return wait(known_to(*query.text), std::move(query));
  }
  raise(shown_.at(query.text->read_model), position);
  // If the query has no rows, the outer join gives one row of nulls.
  if (PQgetisnull(result, first_row, own_columns)) rows = 0;
  finish(query.done, Answer<Rows>{Rows(result, first_row, rows, own_columns), position});
}

// A refused value is the fault of one query of the batch: each is asked by itself to find out
// which.
void ReadModels::Loop::refused(Batch batch, const pg::SqlError& error) {
  const Unavailable why(error.what());
  if (!pg::is_about_values(error.sqlstate())) {
    for (Pending& query : batch) displace(std::move(query), why);
  } else if (batch.size() == 1) {
    log::error("a query failed: {}", error.what());
    finish(batch.front().done, why);
  } else {
    for (Pending& query : batch) {
      Batch alone;
      alone.push_back(std::move(query));
      send(idlest(), std::move(alone));
    }
  }
}

// The query's generation no longer serves, or no longer exists: looks for the one that serves now.
void ReadModels::Loop::displace(Pending query, const Unavailable& why) {
  if (query.asked >= most_asked || !listener_.connected()) return finish(query.done, why);
  displaced_.push_back({std::move(query), why});
  look();
}

// Runs after that look. If the same generation still serves, what it said is the answer.
void ReadModels::Loop::ask_again(Displaced displaced) {
  const Known& known = known_to(*displaced.query.text);
  if (!known.checkpoint || known.checkpoint->generation != displaced.query.generation)
    return route(std::move(displaced.query));
  trouble_.failed(std::string(displaced.query.text->name) + ": " + displaced.why.what());
  last_trouble_ = Clock::now();
  finish(displaced.query.done, displaced.why);
}

void ReadModels::Loop::finish(const Done& done, RawResult result) {
  --unfinished_;
  done(std::move(result));
}

void ReadModels::Loop::finish_all(const Batch& batch, const Unavailable& why) {
  for (const Pending& query : batch) finish(query.done, why);
}

pg::Params ReadModels::Loop::keys_of(const Batch& batch, const KeyType& key) {
  pg::Array keys(key.oid);
  for (const Pending& query : batch) keys.push_encoded(query.params.values().front().value());
  std::vector<pg::Array> arrays;
  arrays.push_back(std::move(keys));
  return pg::Params::of(std::move(arrays));
}

// A statement keeps its name across generations, so a session holds one plan for each text.
std::shared_ptr<const pg::Statement> ReadModels::Loop::statement_for(const QueryText& text,
                                                                     const Checkpoint& checkpoint) {
  Asked& asked = statements_[&text];
  if (!asked.statement || asked.generation != checkpoint.generation)
    asked = {checkpoint.generation, std::make_shared<const pg::Statement>(pg::Statement{
                                        std::string(text.name), with_position(text, checkpoint)})};
  return asked.statement;
}

// --- Positions -----------------------------------------------------------------------------------

// A notification says that a checkpoint moved, not which one or how far: one SELECT answers that
// for all waiting queries. It is skipped if nothing waits, every generation is known, and none has
// changed.
void ReadModels::Loop::notified(std::string_view payload) {
  const bool all_known = std::all_of(known_.begin(), known_.end(), is_known);
  if (!waiting_.empty() || !all_known || payload == generations_changed) look();
}

void ReadModels::Loop::look() {
  if (!listener_.connected()) return;
  if (looking_) {
    look_again_ = true;
    return;
  }
  // Not before it is promoted: a standby refuses it, and logs that it did.
  if (!asked_to_listen_ && !listener_.at_standby()) return listen();
  looking_ = true;
  next_look_ = Clock::now() + (heard_             ? look_interval
                               : waiting_.empty() ? look_interval_unheard
                                                  : look_interval_waiting);
  listener_.send(select_checkpoints, {},
                 [this, displaced = std::exchange(displaced_, {})](
                     const pg::AsyncConnection::Reply& reply) mutable {
                   looked(reply, std::move(displaced));
                 });
}

void ReadModels::Loop::looked(const pg::AsyncConnection::Reply& reply,
                              std::vector<Displaced> displaced) {
  looking_ = false;
  const auto* error = std::get_if<pg::SqlError>(&reply);
  std::optional<std::vector<Checkpoint>> checkpoints;
  if (const auto* result = std::get_if<pg::Result>(&reply))
    checkpoints = read_checkpoints(result->get());
  else if (error && pg::is_about_absence(error->sqlstate()))
    checkpoints.emplace();  // no table yet, or no longer
  // Any other failure says nothing, and the next look is due soon.
  for (std::size_t i = 0; checkpoints && i < known_.size(); ++i) {
    const Checkpoint* own = serving_generation(*checkpoints, *known_[i].model);
    known_[i].checkpoint = own ? std::optional(*own) : std::nullopt;
    if (own) release(i);
  }
  for (Displaced& query : displaced) ask_again(std::move(query));
  if (std::exchange(look_again_, false)) look();
}

// Sends the queries whose position the read model has reached.
void ReadModels::Loop::release(std::size_t model) {
  const Checkpoint& checkpoint = *known_[model].checkpoint;
  auto next = waiting_.lower_bound({model, {}, 0});
  while (next != waiting_.end() && next->first.model == model &&
         next->first.min_position <= checkpoint.position) {
    deadlines_.erase({next->second.deadline, next->first});
    to_send(std::move(next->second));
    next = waiting_.erase(next);
  }
}

// Sends the queries that have waited long enough: the answer says how far the read model is by now.
void ReadModels::Loop::expire(Clock::time_point now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Waiting place = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    auto query = waiting_.extract(place);
    route(std::move(query.mapped()));
  }
}

void ReadModels::Loop::on_connected() {
  asked_to_listen_ = false;
  look();
}

void ReadModels::Loop::listen() {
  asked_to_listen_ = true;
  // LISTEN has a turn of its own: a look that fails (no table yet) rolls back its whole turn.
  listener_.send(listen_to_checkpoints, {}, [this](const pg::AsyncConnection::Reply& reply) {
    heard_ = std::holds_alternative<pg::Result>(reply);
    look();
  });
}

void ReadModels::Loop::lost(const pg::Away& why) {
  last_trouble_ = Clock::now();
  trouble_.failed(why.what());  // the connection backs off by itself
  const std::scoped_lock lock(mutex_);
  away_because_ = why.in_words();
}

void ReadModels::Loop::listener_lost(const pg::Away& why) {
  heard_ = false;
  next_look_ = Clock::time_point::max();
  lost(why);
  fail_waiting(why);
}

void ReadModels::Loop::fail_to_send(const Unavailable& why) {
  for (auto& [text, queries] : std::exchange(to_send_, {}))
    for (const Pending& query : queries) finish(query.done, why);
}

void ReadModels::Loop::fail_waiting(const Unavailable& why) {
  deadlines_.clear();
  for (auto& [place, query] : std::exchange(waiting_, {})) finish(query.done, why);
  for (Displaced& displaced : std::exchange(displaced_, {})) finish(displaced.query.done, why);
}

}  // namespace jangbu
