// Runs of load that were asked for over HTTP, one at a time, on a thread of their own: the process
// is its own client, over loopback.
//
// Threads: every member from any thread. The destructor gives up a run that is under way.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "api/load/run.hpp"

namespace jangbu {

class LoadJobs {
 public:
  // `allowed`: what they buy stays in the log for ever, so somebody has to have said so.
  LoadJobs(loadgen::LoadRun::Shop shop, bool allowed);
  ~LoadJobs() { close(); }
  LoadJobs(const LoadJobs&) = delete;
  LoadJobs& operator=(const LoadJobs&) = delete;

  bool allowed() const { return allowed_; }

  enum class Start { begun, another_is_under_way, closed };

  // Begins one, unless another is under way.
  Start start(const loadgen::Options& options);
  // Stops the one under way, if there is one.
  void stop();

  // Of the last one since this process began.
  std::optional<loadgen::Snapshot> snapshot() const;

  // Gives up the one under way and waits for its end; no other begins.
  void close();

 private:
  void run(const std::stop_token& closing);

  const loadgen::LoadRun::Shop shop_;
  const bool allowed_;
  mutable std::mutex mutex_;  // of the next
  std::condition_variable_any work_;
  std::shared_ptr<loadgen::LoadRun> last_;
  std::shared_ptr<loadgen::LoadRun> wanted_;  // the last one, while the thread has not begun it
  bool closed_ = false;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace jangbu
