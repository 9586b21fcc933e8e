// Searches the log for events, for people who want to see what happened.
//
// Threads: find() from any thread; its callback runs on the search's thread, or inside find() if
// too many searches are waiting. Ownership: the log must outlive the search.
#pragma once

#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "api/log/event_filter.hpp"
#include "api/log/log_tasks.hpp"
#include "events/commit.hpp"
#include "events/errors.hpp"
#include "events/event_log.hpp"

namespace jangbu {

class LogSearch {
 public:
  struct Query {
    EventFilter filter = {};
    std::size_t limit = 20;  // from 1
    // May be called from any thread. Once it returns false, the search ends with what it has found
    // so far.
    std::function<bool()> is_wanted = [] { return true; };
  };

  struct FoundEvent {
    EventId id;
    RecordedEvent recorded;
    std::optional<Author> author;  // of its commit
  };
  struct Found {
    std::vector<FoundEvent> events;
    // Where to continue; nullopt at the end of the log. A search reads no more than `most_commits`
    // and about `most_bytes`, and finds no more than about `most_bytes_found`, so there may be more
    // even if fewer than `limit` were found.
    std::optional<EventId> next;
    Position log_end;
  };

  using Result = std::variant<Found, Unavailable>;
  using Callback = std::function<void(Result)>;

  static constexpr std::size_t most_commits = 10'000;
  static constexpr std::size_t most_bytes = 8 * 1024 * 1024;
  static constexpr std::size_t most_bytes_found = 512 * 1024;  // as JSON about twice that

  explicit LogSearch(EventLog& log);

  void find(Query query, Callback callback);

 private:
  Found look(const Query& query);

  EventLog& log_;
  LogTasks tasks_{{.thread_name = "log-search", .most_waiting = 100}};
};

}  // namespace jangbu
