// Load runs requested over HTTP, one at a time, on a thread of their own: the process is its own
// client, over loopback.
//
// Threads: every member from any thread. The destructor abandons a run in progress.
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
  // `allowed`: purchases stay in the log for ever, so somebody must have permitted them.
  LoadJobs(ShopPlace shop, bool allowed);
  ~LoadJobs() { close(); }
  LoadJobs(const LoadJobs&) = delete;
  LoadJobs& operator=(const LoadJobs&) = delete;

  bool allowed() const { return allowed_; }

  enum class Start { begun, another_is_under_way, closed };

  // Begins a run, unless another is in progress.
  Start start(const loadgen::Options& options);
  // Stops the run in progress, if there is one.
  void stop();

  // Of the last run since this process started.
  std::optional<loadgen::Snapshot> snapshot() const;

  // Abandons the run in progress and waits for its end; no other can begin.
  void close();

 private:
  void run(const std::stop_token& closing);

  const ShopPlace shop_;
  const bool allowed_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any work_;
  std::shared_ptr<loadgen::LoadRun> last_;
  std::shared_ptr<loadgen::LoadRun> wanted_;  // the last one, until the thread begins it
  bool closed_ = false;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace jangbu
