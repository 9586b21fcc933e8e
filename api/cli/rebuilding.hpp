// What the tools that rebuild read models share: how they show progress, and how they are stopped.
//
// Threads: one at a time; StopRequests has a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "api/cli/progress.hpp"
#include "api/cli/tool.hpp"
#include "projections/writing/rebuild.hpp"

namespace jangbu::cli {

// A line for each stage of a rebuild.
class StageProgress {
 public:
  void show(const RebuildProgress& at) {
    if (!line_ || at.stage != stage_) {
      line_.reset();
      line_.emplace(std::string(to_string(at.stage)), "commits", at.target.value);
      stage_ = at.stage;
    }
    line_->show(at.position.value);
  }
  void erase() { line_.reset(); }

 private:
  std::optional<Progress> line_;
  RebuildProgress::Stage stage_{};
};

// Turns SIGINT and SIGTERM into a stop request, which also ends a wait for PostgreSQL.
class StopRequests {
 public:
  std::stop_token token() { return source_.get_token(); }
  const StopSignals& signals() const { return signals_; }

 private:
  void watch(const std::stop_token& done) {
    std::unique_lock lock(mutex_);
    while (!source_.stop_requested() && !ended_.wait_for(lock, done, std::chrono::milliseconds(50),
                                                         [&] { return done.stop_requested(); })) {
      try {
        signals_.check();
      } catch (const Interrupted&) {
        source_.request_stop();
      }
    }
  }

  const StopSignals signals_;  // before the thread, which inherits the mask
  std::stop_source source_;
  std::mutex mutex_;  // for the wait below
  std::condition_variable_any ended_;
  std::jthread watching_{[this](const std::stop_token& done) { watch(done); }};
};

}  // namespace jangbu::cli
