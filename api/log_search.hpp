// Looks through the log for events, for people who want to see what happened. On a thread of its
// own, so that neither the writer nor an HTTP worker waits for the log.
//
// Threads: find() from any; its callback runs on the search's thread, or within find() when too
// many searches wait. Ownership: the log must outlive the search.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "api/event_filter.hpp"
#include "events/errors.hpp"
#include "events/event_log.hpp"
#include "projections/tables/history.hpp"

namespace jangbu {

class LogSearch {
 public:
  struct Query {
    EventFilter filter = {};
    std::size_t limit = 20;  // from 1
  };

  struct Found {
    std::vector<HistoryRow> events;
    // Where to go on; none at the end of the log. A search looks at no more than `most_commits`, so
    // that there may be more although fewer than `limit` were found.
    std::optional<EventId> next;
    Position log_end;
  };

  using Result = std::variant<Found, Unavailable>;
  using Callback = std::function<void(Result)>;

  static constexpr std::size_t most_commits = 10'000;

  explicit LogSearch(EventLog& log);
  ~LogSearch();
  LogSearch(const LogSearch&) = delete;
  LogSearch& operator=(const LogSearch&) = delete;

  void find(Query query, Callback callback);

 private:
  static constexpr std::size_t most_waiting = 100;

  struct Wanted {
    Query query;
    Callback callback;
  };

  void run();
  Found look(const Query& query);

  EventLog& log_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Wanted> wanted_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace jangbu
