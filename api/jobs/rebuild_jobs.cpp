#include "api/jobs/rebuild_jobs.hpp"

#include <pthread.h>

#include <utility>

#include "infra/ids.hpp"
#include "infra/log.hpp"

namespace jangbu {

RebuildJobs::RebuildJobs(EventLog& log, std::string conninfo)
    : log_(log), conninfo_(std::move(conninfo)), thread_([this](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "rebuild");
        run(stop);
      }) {}

RebuildJobs::~RebuildJobs() = default;

bool RebuildJobs::start(const ReadModel& model) {
  const std::lock_guard lock(mutex_);
  if (wanted_) return false;
  wanted_ = &model;
  statuses_.insert_or_assign(std::string(model.name), Status{.started_at = system_now()});
  work_.notify_one();
  return true;
}

std::optional<std::string> RebuildJobs::running() const {
  const std::lock_guard lock(mutex_);
  if (!wanted_) return std::nullopt;
  return std::string(wanted_->name);
}

std::optional<RebuildJobs::Status> RebuildJobs::status(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = statuses_.find(name);
  if (found == statuses_.end()) return std::nullopt;
  return found->second;
}

void RebuildJobs::run(const std::stop_token& stop) {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!work_.wait(lock, stop, [this] { return wanted_ != nullptr; })) return;
    const ReadModel& model = *wanted_;
    lock.unlock();
    rebuild(model, stop);
  }
}

void RebuildJobs::rebuild(const ReadModel& model, const std::stop_token& stop) {
  const auto on_progress = [&](const RebuildProgress& progress) {
    const std::lock_guard lock(mutex_);
    statuses_.find(model.name)->second.progress = progress;
  };
  std::optional<Rebuilt> rebuilt;
  std::string error;
  try {
    rebuilt = Rebuild(log_, {.conninfo = conninfo_, .on_progress = on_progress, .stop = stop})
                  .rebuild(model);
    log::info("rebuilt {}: generation {} serves from position {}", model.name, rebuilt->generation,
              rebuilt->position.value);
  } catch (const std::exception& failure) {
    error = failure.what();
    log::error("the rebuild of {} failed: {}", model.name, error);
  }
  const std::lock_guard lock(mutex_);
  Status& status = statuses_.find(model.name)->second;
  status.state = rebuilt ? Status::State::done : Status::State::failed;
  status.finished_at = system_now();
  status.rebuilt = std::move(rebuilt);
  status.error = std::move(error);
  wanted_ = nullptr;
}

std::string_view to_string(RebuildJobs::Status::State state) {
  switch (state) {
    case RebuildJobs::Status::State::running:
      return "running";
    case RebuildJobs::Status::State::done:
      return "done";
    case RebuildJobs::Status::State::failed:
      return "failed";
  }
  return "";
}

}  // namespace jangbu
