// Answers queries from the read models without ever blocking the caller: I/O threads, a few
// PostgreSQL connections in pipeline mode, answers through callbacks. Single rows and lists have
// lanes, each with a thread and connections of its own, so a single row never waits for lists,
// however many are read, however large they are, and even if a lock holds them up. Rows that are
// asked for while others are looked up are looked up next, together, by one statement for each
// text.
//
//   read_models.query(account_by_id(id), {.min_position = position, .wait = 2s},
//                     [](QueryResult<std::optional<AccountRow>> result) { … });
//
// A query with a min_position waits, at the cost of a map entry, until the read model has reached
// it; the projector's NOTIFY wakes it. The rows and the position at which they are true come from
// one statement, and only from the generation that serves when it is executed. So PostgreSQL may be
// a standby, whose position is its own, or one that took over from another and is behind it: what
// is asked after an answer never gets an earlier position of that read model. If the query's
// generation is swapped away or dropped in the meantime, the query is sent again to the successor,
// whatever came of it; likewise if the database was emptied and filled again.
//
// Threads: every member from any thread. Callbacks run on their lane's thread and must not block or
// throw; if a query is refused at once, because too many are waiting or after stop(), its callback
// runs on the caller's thread before query() returns. Each callback runs exactly once; the
// destructor answers the remaining queries with Unavailable.
// Errors: are answers. PostgreSQL away, or the read model not there yet: Unavailable at once; it
// recovers by itself. (Its text is for logs, never for clients; away_because() is for them.)
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
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

// The read model did not reach in time what was asked for, or was shown before; this is how far it
// is.
struct Behind {
  Position position;
  Position wanted;
};

// The entity asked about has no answer: its row is parked (projections/README.md).
struct EntityParked {};

template <class T>
using QueryResult = std::variant<Answer<T>, Behind, EntityParked, Unavailable>;

class ReadModels {
 public:
  struct Options {
    std::string conninfo;
    std::size_t connections = 2;        // for lists; rows have one, and for each lane one listens
    std::size_t most_queries = 50'000;  // per lane, waiting or in flight; more are refused
    std::chrono::milliseconds connect_timeout{5'000};  // of each host
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

  // Ends the threads; no callback runs on them afterwards. Queries that wait, and later ones, are
  // answered with Unavailable at once.
  void stop();

  bool connected() const;  // all connections to PostgreSQL are up
  // The same, and every read model is there.
  bool ready() const;
  // Why it is not connected(), in words that clients may read; empty if it is.
  std::string away_because() const;

  std::size_t unfinished() const;  // waiting or in flight
  // From sending a query to PostgreSQL until its answer.
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

  // The position of each read model's latest answer.
  using Shown = std::map<std::string_view, std::atomic<std::uint64_t>>;

  class Loop;
  Shown shown_;
  Histogram query_duration_{bounds::latency_ns};
  std::unique_ptr<Loop> rows_;
  std::unique_ptr<Loop> lists_;
};

}  // namespace jangbu
