// Reads single events back from the log, to repeat answers given before.
//
// Threads: find() from any; its callback runs on the lookup's thread, or within find() when there
// is too much to look up. Ownership: the log must outlive the lookup.
#pragma once

#include <functional>
#include <optional>

#include "api/log/log_tasks.hpp"
#include "events/commit.hpp"
#include "events/event_log.hpp"

namespace jangbu {

class LogLookup {
 public:
  // Nothing when the log does not answer, or not in time.
  using Callback = std::function<void(std::optional<RecordedEvent>)>;

  explicit LogLookup(EventLog& log);

  // Nothing is read for who does not want it any more when its turn has come.
  void find(
      EventId id, Callback callback, std::function<bool()> is_wanted = [] { return true; });

 private:
  std::optional<RecordedEvent> read(EventId id);
  const Commit& commit_at(Position position);

  EventLog& log_;
  // Owned by the lookup thread: the last commit read. A caller with many events, such as a repeated
  // import, asks for those of one commit after the other.
  Position read_position_;
  Commit read_commit_;

  LogTasks tasks_{{.thread_name = "log-lookup", .most_waiting = 10'000}};
};

}  // namespace jangbu
