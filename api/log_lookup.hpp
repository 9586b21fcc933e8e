// Reads single events back from the log, for answers that were given before. On a thread of its
// own, so that neither the writer nor an HTTP worker waits for the log.
//
// Threads: find() from any; its callback runs on the lookup's thread, or within find() when there
// is too much to look up. Ownership: the log must outlive the lookup.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "events/commit.hpp"
#include "events/event_log.hpp"

namespace jangbu {

class LogLookup {
 public:
  // Nothing when the log does not answer.
  using Callback = std::function<void(std::optional<RecordedEvent>)>;

  explicit LogLookup(EventLog& log);
  ~LogLookup();
  LogLookup(const LogLookup&) = delete;
  LogLookup& operator=(const LogLookup&) = delete;

  void find(EventId id, Callback callback);

 private:
  static constexpr std::size_t max_waiting = 10'000;

  struct Wanted {
    EventId id;
    Callback callback;
  };

  void run();
  std::optional<RecordedEvent> read(EventId id);
  const Commit& commit_at(Position position);

  EventLog& log_;
  // The lookup thread's own: the last commit that was read. Who asks for many events, as a repeated
  // import does, asks for those of one commit after the other.
  Position read_position_;
  Commit read_commit_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Wanted> wanted_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace jangbu
