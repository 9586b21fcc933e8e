// Work that has to wait for the log, one task after another on a thread of its own, so that neither
// the writer nor an HTTP worker waits for it.
//
// Threads: add() and stopping() from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace jangbu {

class LogTasks {
 public:
  // True: do it. False: it will not be done any more; tell whoever is waiting for it.
  using Task = std::function<void(bool wanted)>;

  struct Options {
    std::string thread_name;  // up to 15 characters
    std::size_t most_waiting;
    std::chrono::milliseconds patience{5'000};  // for its turn; as long as a command gets
  };

  explicit LogTasks(Options options);
  // Tells the waiting tasks that they will not be done. Waits for the task under way, which checks
  // stopping() now and then.
  ~LogTasks();
  LogTasks(const LogTasks&) = delete;
  LogTasks& operator=(const LogTasks&) = delete;

  // The task runs on the thread; if too many are waiting already, it runs inside add(), with false.
  void add(Task task);

  bool stopping() const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    Task task;
    Clock::time_point deadline;
  };

  void run();

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> waiting_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace jangbu
