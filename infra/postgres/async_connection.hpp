// A non-blocking connection to PostgreSQL for an event loop: statements are queued, sent together
// (libpq's pipeline mode) and answered through callbacks. It connects by itself, and reconnects
// after a loss, to any of the hosts that will do.
//
// Statements are prepared under their names. A new statement of the same name replaces the old one,
// so the number of prepared statements stays bounded. A statement that the server has lost, or
// whose plan is no longer valid (a table was recreated), is prepared again.
//
// A turn is one implicit transaction in PostgreSQL. After an error the effects of the statements
// before it are rolled back, though they have been answered; the server skips the statements after
// it, and they are sent again in the next turn.
//
// The loop asks for fd(), events() and due(), polls, and calls on_ready(). After statements were
// sent, and after on_ready(), which may queue skipped ones again, it calls flush().
//
// Threads: all members and all callbacks on the loop's thread. Callbacks must not throw, and may
// call send().
// Errors: every statement is answered exactly once: with a result, with the server's refusal, or
// with Unavailable when the connection was lost or the answer did not come in time.
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
  using OnReply = std::function<void(Reply)>;

  struct Events {
    std::function<void()> on_connected = [] {};
    std::function<void(const Away&)> on_lost = [](const Away&) {};
    std::function<void(std::string_view channel, std::string_view payload)> on_notification =
        [](std::string_view, std::string_view) {};
  };

  AsyncConnection(ConnectOptions options, Events events);
  AsyncConnection(const AsyncConnection&) = delete;
  AsyncConnection& operator=(const AsyncConnection&) = delete;
  // Drops statements that have not been answered, without answering them.
  ~AsyncConnection() = default;

  // -1 when there is nothing to poll.
  int fd() const;
  short events() const;
  // When on_ready must be called even if nothing is ready: to connect, or to give up waiting.
  Clock::time_point due() const;
  // `revents` as returned by poll(2); 0 when the call is only due.
  void on_ready(short revents, Clock::time_point now);

  bool connected() const { return state_ == State::connected; }
  // As the server said with its last answer. REQUIRES: connected().
  bool at_standby() const;
  std::size_t in_flight() const { return unanswered_; }

  // REQUIRES: connected(). The statement must outlive its answer.
  void send(const Statement& statement, Params params, OnReply on_reply);
  void flush(Clock::time_point now);

  // Answers all statements with Unavailable.
  void close(const Unavailable& why);

 private:
  enum class State { down, connecting, connected };

  struct Query {
    const Statement* statement;
    Params params;
    OnReply on_reply;
    int preparations = 0;  // further preparations, all in vain so far
  };
  // What the server answers next: a query, the removal or preparation of a statement, or a sync.
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
  void lose_silent(Clock::time_point now);

  ConnectOptions options_;
  Hosts hosts_;
  Events events_;
  State state_ = State::down;
  Connected connection_;
  PostgresPollingStatusType want_ = PGRES_POLLING_WRITING;
  Clock::time_point due_{};             // long ago: connect at once
  std::chrono::milliseconds pause_{0};  // before reconnecting; doubles until a query succeeds
  bool unsent_ = false;                 // libpq holds bytes that the socket has not taken
  bool open_turn_ = false;              // statements were sent since the last sync
  std::size_t unanswered_ = 0;
  std::size_t syncs_ = 0;  // syncs that have not been answered
  std::deque<Expected> expected_;
  // SQL prepared under each name; empty when it is unknown or unusable.
  std::unordered_map<std::string, std::string> prepared_;

  // The turn being answered: after an error the server skips the rest of it. Queries skipped
  // because of another query's error are sent again; queries whose own statement could not be
  // prepared are answered with that failure.
  std::vector<Query> skipped_;
  struct FailedPreparation {
    const Statement* statement;
    Failure failure;
  };
  std::optional<FailedPreparation> failed_preparation_;
};

}  // namespace jangbu::pg
