#include "infra/postgres/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <regex>

namespace jangbu::pg {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Waits are cut into slices of this length, to check for a stop request.
constexpr milliseconds slice{100};

const Away unanswered("PostgreSQL does not answer");

// A parameter list in libpq's form. It points into the Params it was made from.
struct RawParams {
  explicit RawParams(const Params& params) {
    for (const auto& value : params.values()) {
      values.push_back(value ? value->data() : nullptr);
      lengths.push_back(value ? static_cast<int>(value->size()) : 0);
      formats.push_back(1);
    }
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

// Finds the SQLSTATE in "FATAL:  28P01: …", whatever the language of the severity.
std::string sqlstate_in(const std::string& text) {
  static const std::regex pattern(":  ([0-9A-Z]{5}): ");
  std::smatch found;
  return std::regex_search(text, found, pattern) ? found[1].str() : "";
}

}  // namespace

Connected start_connecting(const ConnectOptions& options, const Hosts& hosts) {
  const std::string settings = "-c client_min_messages=warning " + options.settings;
  const std::string host = hosts.host(), hostaddr = hosts.hostaddr(), port = hosts.port();
  // A conninfo in place of the database name is expanded: it takes precedence over the keywords
  // before it, and those after it over the conninfo. An empty value leaves what is there.
  constexpr std::size_t count = 10;
  const std::array<const char*, count + 1> keywords{"target_session_attrs",
                                                    "tcp_user_timeout",
                                                    "dbname",
                                                    "application_name",
                                                    "options",
                                                    "client_encoding",
                                                    "keepalives_idle",
                                                    "host",
                                                    "hostaddr",
                                                    "port",
                                                    nullptr};
  const std::array<const char*, count + 1> values{options.target_session_attrs.c_str(),
                                                  "10000",  // ms
                                                  options.conninfo.c_str(),
                                                  options.application_name.c_str(),
                                                  settings.c_str(),
                                                  "UTF8",
                                                  "10",  // s
                                                  host.c_str(),
                                                  hostaddr.c_str(),
                                                  port.c_str(),
                                                  nullptr};
  Connected connection(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!connection) throw Away("PostgreSQL: out of memory");
  // Anything important arrives as a result or a connection error, not as text on stderr.
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  if (PQstatus(connection.get()) == CONNECTION_BAD) throw trouble_of(connection.get());
  // A refused session is reported as text only, which includes the SQLSTATE only if it is verbose.
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  return connection;
}

void finish_connecting(PGconn* connection) {
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
}

Away trouble_of(const PGconn* connection) {
  std::string text = PQerrorMessage(connection);
  text.erase(std::min(text.find("\nLOCATION:"), text.size()));  // in PostgreSQL's source
  std::string sqlstate = sqlstate_in(text);
  if (sqlstate.empty() && text.find("session is read-only") != text.npos)
    sqlstate =
        sqlstate::read_only_transaction;  // as the server would say, if it were asked to write
  text = one_line(std::move(text));
  return Away("PostgreSQL: " + (text.empty() ? "the connection is lost" : text), sqlstate);
}

Connection::Connection(const ConnectOptions& options, std::stop_token stop)
    : answer_timeout_(options.answer_timeout), stop_(std::move(stop)) {
  connect(options);
}

void Connection::connect(const ConnectOptions& options) {
  Hosts hosts(options.conninfo);
  connection_ = start_connecting(options, hosts);
  while (!is_connected(Clock::now() + options.connect_timeout)) {
    if (!hosts.leave_out(connection_.get())) give_up(unanswered);
    connection_ = start_connecting(options, hosts);
  }
  finish_connecting(connection_.get());
  if (PQsetnonblocking(connection_.get(), 1) != 0) give_up(trouble_of(connection_.get()));
}

// False at the deadline: a host is silent.
bool Connection::is_connected(Clock::time_point deadline) {
  auto want = PGRES_POLLING_WRITING;
  while (want != PGRES_POLLING_OK) {
    if (want == PGRES_POLLING_FAILED) throw trouble_of(connection_.get());
    if (!is_ready(want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) return false;
    want = PQconnectPoll(connection_.get());
  }
  return true;
}

void Connection::give_up(const Away& why) {
  connection_.reset();
  throw why;
}

void Connection::wait_for(short events, Clock::time_point deadline) {
  if (!is_ready(events, deadline)) give_up(unanswered);
}

bool Connection::is_ready(short events, Clock::time_point deadline) {
  for (;;) {
    pollfd socket{PQsocket(connection_.get()), events, 0};
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds::zero()) return false;
    if (stop_.stop_requested()) give_up(Away("stopping"));
    const int ready = ::poll(&socket, 1, static_cast<int>(std::min(left, slice).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) give_up(Away("PostgreSQL: poll failed"));
  }
}

void Connection::await_result() {
  const auto deadline = Clock::now() + answer_timeout_;
  for (;;) {
    const int unsent = PQflush(connection_.get());
    if (unsent < 0) give_up(trouble_of(connection_.get()));
    if (unsent == 0 && !PQisBusy(connection_.get())) return;
    wait_for(static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN), deadline);
    if (!PQconsumeInput(connection_.get())) give_up(trouble_of(connection_.get()));
  }
}

Result Connection::run(const std::string& sql) {
  if (!connection_) throw Away("PostgreSQL: the connection is lost");
  if (!PQsendQuery(connection_.get(), sql.c_str())) give_up(trouble_of(connection_.get()));
  return take_results();
}

Result Connection::take_results(Result last) {
  for (;;) {
    await_result();
    Result result(PQgetResult(connection_.get()));
    if (!result) break;
    // The first failure is the one to report; nothing is executed after it.
    if (!last || PQresultStatus(last.get()) != PGRES_FATAL_ERROR) last = std::move(result);
  }
  require_success(last.get());
  return last;
}

std::size_t Connection::copy(const std::string& sql, std::string_view rows) {
  if (!connection_) throw Away("PostgreSQL: the connection is lost");
  PGconn* const connection = connection_.get();
  const auto require = [&](bool ok) {
    if (!ok) give_up(trouble_of(connection));
  };
  require(PQsendQuery(connection, sql.c_str()));
  await_result();
  Result result(PQgetResult(connection));
  if (PQresultStatus(result.get()) == PGRES_COPY_IN) {
    result.reset();
    // libpq would buffer all rows in memory: each piece is flushed before the next one is queued.
    constexpr std::size_t piece = 256 * 1024;
    for (; !rows.empty(); rows.remove_prefix(std::min(piece, rows.size()))) {
      const auto size = static_cast<int>(std::min(piece, rows.size()));
      require(PQputCopyData(connection, rows.data(), size) == 1);
      const auto deadline = Clock::now() + answer_timeout_;
      int unsent = 0;
      while ((unsent = PQflush(connection)) == 1) {
        wait_for(POLLIN | POLLOUT, deadline);
        require(PQconsumeInput(connection));
      }
      require(unsent == 0);
    }
    require(PQputCopyEnd(connection, nullptr) == 1);
  }
  const Result done = take_results(std::move(result));
  return std::strtoull(PQcmdTuples(done.get()), nullptr, 10);
}

Result Connection::execute(const Call& call) {
  auto results = pipeline(std::span(&call, 1));
  return std::move(results.front());
}

std::vector<Result> Connection::pipeline(std::span<const Call> calls) {
  if (!connection_) throw Away("PostgreSQL: the connection is lost");
  PGconn* const connection = connection_.get();
  const auto require = [&](int ok) {
    if (!ok) give_up(trouble_of(connection));
  };

  // One entry per expected answer: the statement being prepared, or null for a call.
  std::vector<const Statement*> expected;
  std::unordered_set<std::string_view> preparing;
  require(PQenterPipelineMode(connection));
  for (const Call& call : calls) {
    const Statement& statement = *call.statement;
    if (!prepared_.contains(statement.name) && preparing.insert(statement.name).second) {
      require(PQsendPrepare(connection, statement.name.c_str(), statement.sql.c_str(), 0, nullptr));
      expected.push_back(&statement);
    }
    const RawParams raw(call.params);
    require(PQsendQueryPrepared(connection, statement.name.c_str(),
                                static_cast<int>(raw.values.size()), raw.values.data(),
                                raw.lengths.data(), raw.formats.data(), 1));
    expected.push_back(nullptr);
  }
  require(PQpipelineSync(connection));

  std::vector<Result> results;
  std::optional<Failure> failure;
  for (const Statement* prepares : expected) {
    await_result();
    Result result(PQgetResult(connection));
    switch (PQresultStatus(result.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (prepares) {
          prepared_.insert(prepares->name);
        } else {
          results.push_back(std::move(result));
        }
        break;
      case PGRES_PIPELINE_ABORTED:
        break;
      default:
        if (!failure) failure = failure_of(result.get());
    }
    if (broken()) give_up(trouble_of(connection));
    await_result();
    invariant(PQgetResult(connection) == nullptr, "a statement has two results");
  }
  await_result();
  const Result sync(PQgetResult(connection));
  if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) give_up(trouble_of(connection));
  require(PQexitPipelineMode(connection));
  if (failure) std::visit([](const auto& error) { throw error; }, *failure);
  return results;
}

Connection connect_to_read(ConnectOptions options) {
  try {
    return Connection(options);
  } catch (const Away&) {
    options.target_session_attrs = "any";
    return Connection(options);
  }
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    connection_.run("ROLLBACK");
  } catch (const std::exception&) {
    // The connection is gone, and the transaction with it.
  }
}

void Transaction::commit() {
  connection_.run("COMMIT");
  open_ = false;
}

}  // namespace jangbu::pg
