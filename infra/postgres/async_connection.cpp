#include "infra/postgres/async_connection.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

namespace jangbu::pg {

namespace {

constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{1'000};

// A statement that has been prepared this often in vain cannot be prepared usefully (e.g. behind a
// pooler that gives each transaction another session).
constexpr int most_preparations = 10;

const Away silent("PostgreSQL does not answer");

}  // namespace

AsyncConnection::AsyncConnection(ConnectOptions options, Events events)
    : options_(std::move(options)), hosts_(options_.conninfo), events_(std::move(events)) {}

int AsyncConnection::fd() const {
  return connection_ ? PQsocket(connection_.get()) : -1;
}

short AsyncConnection::events() const {
  if (state_ == State::connecting) return want_ == PGRES_POLLING_READING ? POLLIN : POLLOUT;
  return static_cast<short>(unsent_ ? POLLIN | POLLOUT : POLLIN);
}

AsyncConnection::Clock::time_point AsyncConnection::due() const {
  // Statements of a turn that has not ended are not sent yet, so their answers cannot be late.
  if (state_ == State::connected && syncs_ == 0) return Clock::time_point::max();
  return due_;
}

void AsyncConnection::on_ready(short revents, Clock::time_point now) {
  const bool is_due = now >= due();
  switch (state_) {
    case State::down:
      if (is_due) connect(now);
      return;
    case State::connecting:
      if (revents != 0) return go_on_connecting(now);
      if (is_due) lose_silent(now);
      return;
    case State::connected:
      if (revents & POLLOUT) write(now);
      if (state_ != State::connected) return;  // lost while writing
      if (revents & ~POLLOUT) return read(now);
      if (is_due) lose_silent(now);
      return;
  }
}

void AsyncConnection::connect(Clock::time_point now) {
  try {
    connection_ = start_connecting(options_, hosts_);
  } catch (const Away& away) {
    hosts_.take_all();
    return lose(away, now);
  }
  state_ = State::connecting;
  want_ = PGRES_POLLING_WRITING;
  due_ = now + options_.connect_timeout;
}

void AsyncConnection::go_on_connecting(Clock::time_point now) {
  want_ = PQconnectPoll(connection_.get());
  if (want_ == PGRES_POLLING_READING || want_ == PGRES_POLLING_WRITING) return;
  hosts_.take_all();
  if (want_ == PGRES_POLLING_FAILED) return lose(trouble_of(connection_.get()), now);
  finish_connecting(connection_.get());
  if (PQsetnonblocking(connection_.get(), 1) != 0 || !PQenterPipelineMode(connection_.get()))
    return lose(trouble_of(connection_.get()), now);
  state_ = State::connected;
  events_.on_connected();
}

bool AsyncConnection::at_standby() const {
  const char* const said = PQparameterStatus(connection_.get(), "in_hot_standby");
  return said && std::string_view(said) == "on";
}

void AsyncConnection::send(const Statement& statement, Params params, OnReply on_reply) {
  invariant(connected(), "a statement is sent on a connection that is not open");
  ++unanswered_;
  push({&statement, std::move(params), std::move(on_reply)});
}

// libpq refuses to queue only when the connection is lost or memory has run out. Even then the
// query is added to the expected answers; it is answered when flush() or read() notices.
void AsyncConnection::push(Query query) {
  const Statement& statement = *query.statement;
  const auto [prepared, is_new] = prepared_.try_emplace(statement.name, statement.sql);
  const bool is_other = prepared->second != statement.sql;
  if (is_other) {
    const std::string remove = "DEALLOCATE \"" + statement.name + '"';
    PQsendQueryParams(connection_.get(), remove.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1);
    expected_.emplace_back(Removal{statement.name});
    prepared->second = statement.sql;
  }
  if (is_new || is_other) {
    PQsendPrepare(connection_.get(), statement.name.c_str(), statement.sql.c_str(), 0, nullptr);
    expected_.emplace_back(Preparation{&statement, statement.name});
  }
  constexpr std::size_t most = 16;
  const auto& given = query.params.values();
  invariant(given.size() <= most, "a query has at most 16 parameters");
  std::array<const char*, most> values{};
  std::array<int, most> lengths{};
  std::array<int, most> formats{};
  for (std::size_t i = 0; i < given.size(); ++i) {
    values[i] = given[i] ? given[i]->data() : nullptr;
    lengths[i] = given[i] ? static_cast<int>(given[i]->size()) : 0;
    formats[i] = 1;
  }
  PQsendQueryPrepared(connection_.get(), statement.name.c_str(), static_cast<int>(given.size()),
                      values.data(), lengths.data(), formats.data(), 1);
  expected_.emplace_back(std::move(query));
  open_turn_ = true;
}

void AsyncConnection::flush(Clock::time_point now) {
  if (state_ != State::connected || !open_turn_) return;
  if (!PQpipelineSync(connection_.get())) return lose(trouble_of(connection_.get()), now);
  if (syncs_++ == 0) due_ = now + options_.answer_timeout;
  expected_.emplace_back(Sync{});
  open_turn_ = false;
  write(now);
}

void AsyncConnection::write(Clock::time_point now) {
  const int unsent = PQflush(connection_.get());
  if (unsent < 0) return lose(trouble_of(connection_.get()), now);
  unsent_ = unsent > 0;
}

void AsyncConnection::read(Clock::time_point now) {
  PGconn* const connection = connection_.get();
  if (!PQconsumeInput(connection)) return lose(trouble_of(connection), now);
  due_ = now + options_.answer_timeout;
  while (!PQisBusy(connection) && !expected_.empty()) {
    Result result(PQgetResult(connection));
    if (PQstatus(connection) != CONNECTION_OK) return lose(trouble_of(connection), now);
    Expected next = std::move(expected_.front());
    expected_.pop_front();
    // The null that ends a statement follows at once. It is taken before anybody is told of the
    // result: after an error libpq would skip it if another statement was queued first.
    if (!std::holds_alternative<Sync>(next)) Result(PQgetResult(connection)).reset();
    std::visit([&](auto&& item) { take(std::forward<decltype(item)>(item), std::move(result)); },
               std::move(next));
  }
  using Notification = Handle<PGnotify, PQfreemem>;
  while (const Notification notification{PQnotifies(connection)})
    events_.on_notification(notification->relname, notification->extra);
}

// If there was nothing to remove, the turn has failed, and the query that needed it is sent again.
void AsyncConnection::take(const Removal& removal, Result result) {
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return;
  if (sqlstate_of(result.get()) == sqlstate::unknown_statement) {
    prepared_.erase(removal.name);
  } else {
    prepared_[removal.name].clear();
  }
}

void AsyncConnection::take(const Preparation& preparation, Result result) {
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return;
  if (sqlstate_of(result.get()) == sqlstate::duplicate_statement) {
    prepared_[preparation.name].clear();  // its SQL is unknown: remove it and prepare again
    return;
  }
  // If the statement that should have been removed first still exists, the next preparation
  // notices.
  prepared_.erase(preparation.name);
  if (status != PGRES_PIPELINE_ABORTED)
    failed_preparation_ = {preparation.statement, failure_of(result.get())};
}

void AsyncConnection::take(Query query, Result result) {
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
      return answer(query, std::move(result));
    case PGRES_PIPELINE_ABORTED:
      if (!failed_preparation_ || failed_preparation_->statement != query.statement) {
        skipped_.push_back(std::move(query));
        return;
      }
      return std::visit([&](const auto& failure) { answer(query, failure); },
                        failed_preparation_->failure);
    default:
      if (prepare_again(query, sqlstate_of(result.get()))) {
        skipped_.push_back(std::move(query));
        return;
      }
      return std::visit([&](const auto& failure) { answer(query, failure); },
                        failure_of(result.get()));
  }
}

// Whether preparing the statement again may help.
bool AsyncConnection::prepare_again(Query& query, std::string_view sqlstate) {
  const bool is_unknown = sqlstate == sqlstate::unknown_statement;
  if (!is_unknown && sqlstate != sqlstate::stale_plan) return false;
  if (++query.preparations > most_preparations) return false;
  const std::string& name = query.statement->name;
  if (is_unknown)
    prepared_.erase(name);  // lost, or its preparation was skipped
  else
    prepared_[name].clear();
  return true;
}

void AsyncConnection::take(const Sync&, Result) {
  --syncs_;
  failed_preparation_.reset();
  for (Query& query : std::exchange(skipped_, {})) push(std::move(query));
}

void AsyncConnection::answer(Query& query, Reply reply) {
  --unanswered_;
  if (std::holds_alternative<Result>(reply)) pause_ = std::chrono::milliseconds::zero();
  query.on_reply(std::move(reply));
}

void AsyncConnection::lose(const Away& why, Clock::time_point now) {
  pause_ = std::clamp(pause_ * 2, first_pause, longest_pause);
  due_ = now + pause_;
  close(why);
  events_.on_lost(why);
}

void AsyncConnection::lose_silent(Clock::time_point now) {
  hosts_.leave_out(connection_.get());
  lose(silent, now);
}

void AsyncConnection::close(const Unavailable& why) {
  state_ = State::down;
  connection_.reset();
  unsent_ = open_turn_ = false;
  syncs_ = 0;
  prepared_.clear();
  failed_preparation_.reset();
  std::vector<Query> unanswered = std::exchange(skipped_, {});
  for (Expected& expected : std::exchange(expected_, {}))
    if (auto* query = std::get_if<Query>(&expected)) unanswered.push_back(std::move(*query));
  for (Query& query : unanswered) answer(query, why);
}

}  // namespace jangbu::pg
