// Rebuilds of read models started over HTTP, one at a time, on their own thread.
//
// Threads: every member from any thread. Ownership: the log must outlive it. The destructor stops a
// running rebuild: the serving generation keeps serving.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "events/event_log.hpp"
#include "events/values.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/rebuild.hpp"

namespace jangbu {

class RebuildJobs {
 public:
  struct Status {
    enum class State { running, done, failed };

    State state = State::running;
    Timestamp started_at;
    std::optional<Timestamp> finished_at;
    RebuildProgress progress;
    std::optional<Rebuilt> rebuilt;  // once it is done
    std::string error;               // why it failed
  };

  RebuildJobs(EventLog& log, std::string conninfo);
  ~RebuildJobs();
  RebuildJobs(const RebuildJobs&) = delete;
  RebuildJobs& operator=(const RebuildJobs&) = delete;

  // Begins a rebuild. False while one is running, whose name is then `running()`.
  bool start(const ReadModel& model);
  std::optional<std::string> running() const;

  // Of the last rebuild of that name since this process started.
  std::optional<Status> status(std::string_view name) const;

 private:
  void run(const std::stop_token& stop);
  void rebuild(const ReadModel& model, const std::stop_token& stop);

  EventLog& log_;
  const std::string conninfo_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any work_;
  const ReadModel* wanted_ = nullptr;  // running, or about to
  std::map<std::string, Status, std::less<>> statuses_;
  std::jthread thread_;  // last: it uses everything above
};

std::string_view to_string(RebuildJobs::Status::State state);

}  // namespace jangbu
