// Reads single events back from the log, to repeat answers given before.
//
// Threads: find() from any thread; its callback runs on the lookup's thread, or inside find() if
// too many lookups are waiting. Ownership: the log must outlive the lookup.
#pragma once

#include <functional>
#include <optional>

#include "api/log/log_tasks.hpp"
#include "events/commit.hpp"
#include "events/event_log.hpp"

namespace jangbu {

class LogLookup {
 public:
  // nullopt if the event cannot be read, or not in time.
  using Callback = std::function<void(std::optional<RecordedEvent>)>;

  explicit LogLookup(EventLog& log);

  // Nothing is read if `is_wanted` returns false when the turn of this lookup comes.
  void find(
      EventId id, Callback callback, std::function<bool()> is_wanted = [] { return true; });

 private:
  std::optional<RecordedEvent> read(EventId id);
  const Commit& commit_at(Position position);

  EventLog& log_;
  // Owned by the lookup thread: the last commit read. A caller with many events, such as a repeated
  // import, asks for those of the same commit in a row.
  Position read_position_;
  Commit read_commit_;

  LogTasks tasks_{{.thread_name = "log-lookup", .most_waiting = 10'000}};
};

}  // namespace jangbu
