// A blocking connection to PostgreSQL for use by one thread: the projector, the tools, start-up.
//
// Threads: one at a time. Errors: `Away` (an `Unavailable`) when the server cannot be reached, does
// not answer in time or cannot serve now; the connection may then be `broken()`, in which case it
// must be discarded. `SqlError` when the server refuses the statement itself.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "infra/handle.hpp"
#include "infra/postgres/errors.hpp"
#include "infra/postgres/hosts.hpp"
#include "infra/postgres/values.hpp"

namespace jangbu::pg {

using Connected = Handle<PGconn, PQfinish>;

struct ConnectOptions {
  std::string conninfo;  // `host=… port=… dbname=…` or a postgresql:// URI, as libpq takes it
  // Which of several hosts will do, unless the conninfo says: the first that takes writes.
  std::string target_session_attrs = "read-write";
  std::string application_name = "jangbu";
  std::string settings = {};                         // session settings, as `-c name=value …`
  std::chrono::milliseconds connect_timeout{5'000};  // of each host
  std::chrono::milliseconds answer_timeout{30'000};
};

// Starts connecting to these hosts of the conninfo without waiting. Throws Away when even that
// fails or the conninfo is invalid.
Connected start_connecting(const ConnectOptions& options, const Hosts& hosts);
// To be called once libpq reports that it is connected.
void finish_connecting(PGconn* connection);

// What libpq reports about a connection's failure.
Away trouble_of(const PGconn* connection);

// A prepared statement with its parameters.
struct Call {
  const Statement* statement;
  Params params;
};

class Connection {
 public:
  // Connects, waiting at most connect_timeout for each host. A stop request ends any wait with
  // Unavailable.
  explicit Connection(const ConnectOptions& options, std::stop_token stop = {});

  // SQL without parameters, possibly several statements.
  Result run(const std::string& sql);

  Result execute(const Call& call);

  // All calls in one round trip; one result per call. After the first error the remaining calls are
  // not executed, and outside a transaction block the earlier ones are rolled back.
  std::vector<Result> pipeline(std::span<const Call> calls);

  // Copies rows into a table: `sql` is a COPY … FROM STDIN (FORMAT binary), `rows` the output of
  // copy_rows(). Returns the number of rows.
  std::size_t copy(const std::string& sql, std::string_view rows);

  bool broken() const { return PQstatus(connection_.get()) != CONNECTION_OK; }

 private:
  void connect(const ConnectOptions& options);
  bool is_connected(std::chrono::steady_clock::time_point deadline);
  // Waits until the socket is ready; `events` as for poll(2). False at the deadline.
  bool is_ready(short events, std::chrono::steady_clock::time_point deadline);
  void wait_for(short events, std::chrono::steady_clock::time_point deadline);
  // Sends what is queued, then reads until a result can be taken without waiting.
  void await_result();
  // The last result after `last` of a statement sent outside a pipeline, or the first failure,
  // which is thrown.
  Result take_results(Result last = {});
  [[noreturn]] void give_up(const Away& why);

  Connected connection_;
  std::chrono::milliseconds answer_timeout_;
  std::stop_token stop_;
  std::unordered_set<std::string> prepared_;
};

// For reading what the one that takes writes knows best: connects to any host if none takes writes.
Connection connect_to_read(ConnectOptions options);

// BEGIN in the constructor; ROLLBACK in the destructor unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {
    connection_.run("BEGIN");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace jangbu::pg
