// A connection to PostgreSQL that never waits, for an event loop: statements are queued, sent
// together (libpq's pipeline mode) and answered through callbacks. It connects by itself, and again
// after it was lost.
//
// Statements are prepared under their names. Another one of the same name takes its place, so what
// is prepared does not grow. What the server lost, or cannot execute as it was prepared (a table
// that was made anew), is prepared again.
//
// A turn is one transaction to PostgreSQL. After an error its other statements are sent again, so
// they must not mind being executed twice; effects of those before it are gone.
//
// The loop asks for fd(), events() and due(), polls, and calls on_ready(). A turn of the loop that
// sent statements ends with flush().
//
// Threads: all members and all callbacks on the loop's thread. Callbacks must not throw, and may
// call send().
// Errors: every statement is answered once: a result, the server's refusal, or Unavailable when the
// connection was lost or the answer did not come in time.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "events/errors.hpp"
#include "infra/postgres/connection.hpp"
#include "infra/postgres/errors.hpp"
#include "infra/postgres/values.hpp"

namespace jangbu::pg {

class AsyncConnection {
 public:
  using Clock = std::chrono::steady_clock;
  using Reply = std::variant<Result, SqlError, Unavailable>;
  // The parameters come back, for who has to ask again.
  using OnReply = std::function<void(Reply, Params)>;

  struct Events {
    std::function<void()> on_connected = [] {};
    std::function<void(const Away&)> on_lost = [](const Away&) {};
    std::function<void(std::string_view channel, std::string_view payload)> on_notification =
        [](std::string_view, std::string_view) {};
  };

  AsyncConnection(ConnectOptions options, Events events);
  AsyncConnection(const AsyncConnection&) = delete;
  AsyncConnection& operator=(const AsyncConnection&) = delete;
  // Statements without an answer are dropped, unanswered.
  ~AsyncConnection() = default;

  // -1 when there is nothing to poll.
  int fd() const;
  short events() const;
  // When on_ready must be called even though nothing is ready: to connect, or to give up waiting.
  Clock::time_point due() const;
  // `revents` as poll(2) gave them; 0 when the call is due.
  void on_ready(short revents, Clock::time_point now);

  bool connected() const { return state_ == State::connected; }
  std::size_t in_flight() const { return unanswered_; }

  // REQUIRES: connected(). The statement is there until the answer is.
  void send(const Statement& statement, Params params, OnReply on_reply);
  void flush(Clock::time_point now);

  // Answers everything with Unavailable.
  void close(const Unavailable& why);

 private:
  enum class State { down, connecting, connected };

  struct Query {
    const Statement* statement;
    Params params;
    OnReply on_reply;
    int preparations = 0;  // that were of no use
  };
  // What the server will answer next: a query, that a statement is forgotten or prepared, or a
  // sync.
  struct Removal {
    std::string name;
  };
  struct Preparation {
    const Statement* statement;
    std::string name;
  };
  struct Sync {};
  using Expected = std::variant<Query, Removal, Preparation, Sync>;

  void connect(Clock::time_point now);
  void go_on_connecting(Clock::time_point now);
  void push(Query query);
  void write(Clock::time_point now);
  void read(Clock::time_point now);
  void take(const Removal& removal, Result result);
  void take(const Preparation& preparation, Result result);
  void take(Query query, Result result);
  void take(const Sync& sync, Result result);
  bool prepare_again(Query& query, std::string_view sqlstate);
  void answer(Query& query, Reply reply);
  void lose(const Away& why, Clock::time_point now);

  ConnectOptions options_;
  Events events_;
  State state_ = State::down;
  Connected connection_;
  PostgresPollingStatusType want_ = PGRES_POLLING_WRITING;
  Clock::time_point due_{};             // long ago: connect at once
  std::chrono::milliseconds pause_{0};  // before connecting again; doubles until one is answered
  bool unsent_ = false;                 // libpq holds bytes that the socket did not take
  bool open_turn_ = false;              // statements were sent since the last sync
  bool ends_statement_ = false;         // the next result is the null that ends a statement's
  std::size_t unanswered_ = 0;
  std::size_t syncs_ = 0;  // turns whose end has not been answered
  std::deque<Expected> expected_;
  // By name, what is prepared under it; empty when that is not known or of no use.
  std::unordered_map<std::string, std::string> prepared_;

  // The turn that is being answered: after an error the server skips the rest of it. Queries that
  // were skipped because of another one's error are sent again; those whose own statement could not
  // be prepared are answered with that failure.
  std::vector<Query> skipped_;
  struct FailedPreparation {
    const Statement* statement;
    Failure failure;
  };
  std::optional<FailedPreparation> failed_preparation_;
};

}  // namespace jangbu::pg
