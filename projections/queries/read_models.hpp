// Answers queries from the read models without ever blocking who asks: I/O threads, a few
// PostgreSQL connections in pipeline mode, answers through callbacks. Single rows and lists have
// lanes of their own, each with its thread and connections: however many lists are read, or are
// large, or are kept by a lock, a single row does not wait for them.
//
//   read_models.query(account_by_id(id), {.min_position = position, .wait = 2s},
//                     [](QueryResult<std::optional<AccountRow>> result) { … });
//
// A query with a min_position waits, at the cost of a map entry, until the read model has reached
// it; the projector's NOTIFY wakes it. Rows and the position at which they are true come from one
// statement, and only from the generation that serves when it is executed: whatever comes of a
// query whose generation was swapped away on the way, or dropped, it is asked again of the
// successor. So is one of a database that was emptied and filled again.
//
// Threads: every member from any thread. Callbacks run on their lane's thread and must not block,
// nor throw; when a query is refused at once because too many are waiting, its callback runs on the
// caller's thread before query() returns. Each callback runs exactly once; the destructor answers
// what is left with Unavailable.
// Errors: are answers. PostgreSQL away, or the read model not there yet: Unavailable at once; it
// comes back by itself. (Its text is for logs, never for clients; away_because() is for them.)
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "events/errors.hpp"
#include "events/measures.hpp"
#include "events/values.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

struct ReadAt {
  Position min_position{};
  std::chrono::milliseconds wait{0};  // for the read model to reach it
};

// The answer, true at this position of the log.
template <class T>
struct Answer {
  T value;
  Position position;
};

// The read model did not reach min_position in time; it is here.
struct Behind {
  Position position;
};

// What was asked about cannot be answered for: its row is parked (projections/README.md).
struct EntityParked {};

template <class T>
using QueryResult = std::variant<Answer<T>, Behind, EntityParked, Unavailable>;

class ReadModels {
 public:
  struct Options {
    std::string conninfo;
    std::size_t connections = 2;        // of each lane, for queries; one more listens
    std::size_t most_queries = 50'000;  // of each lane, waiting or under way; more are refused
    std::chrono::milliseconds answer_timeout{5'000};
  };

  explicit ReadModels(Options options);
  ~ReadModels();
  ReadModels(const ReadModels&) = delete;
  ReadModels& operator=(const ReadModels&) = delete;

  template <class T>
  void query(Query<T> query, ReadAt at, std::function<void(QueryResult<T>)> done) {
    submit(query.lane, *query.text, std::move(query.params), at,
           [decode = std::move(query.decode), done = std::move(done)](RawResult raw) {
             done(std::visit(Decode<T>{decode}, std::move(raw)));
           });
  }

  // Ends the threads: no callback runs after it. What waits, and what is asked later, is answered
  // with Unavailable at once.
  void stop();

  bool connected() const;  // all its connections to PostgreSQL are there
  // Likewise, and every read model is there, too.
  bool ready() const;
  // Why they are not connected, in words that clients may read; empty when they are.
  std::string away_because() const;

  std::size_t unfinished() const;  // queries that wait or are under way
  // From sending a query to PostgreSQL to its answer.
  const Histogram& query_duration() const { return query_duration_; }

 private:
  using RawResult = std::variant<Answer<Rows>, Behind, EntityParked, Unavailable>;
  using Done = std::function<void(RawResult)>;

  template <class T>
  struct Decode {
    const std::function<T(const Rows&)>& decode;

    QueryResult<T> operator()(Answer<Rows> answer) const {
      try {
        return Answer<T>{decode(answer.value), answer.position};
      } catch (const std::exception& error) {
        return Unavailable(std::string("a row cannot be read: ") + error.what());
      }
    }
    QueryResult<T> operator()(Behind behind) const { return behind; }
    QueryResult<T> operator()(EntityParked parked) const { return parked; }
    QueryResult<T> operator()(Unavailable unavailable) const { return unavailable; }
  };

  void submit(Lane lane, const QueryText& text, pg::Params params, ReadAt at, Done done);

  class Loop;
  Histogram query_duration_{bounds::latency_ns};
  std::unique_ptr<Loop> rows_;
  std::unique_ptr<Loop> lists_;
};

}  // namespace jangbu
