#include "api/jobs/load_jobs.hpp"

#include <pthread.h>

#include <utility>
#include <vector>

#include "infra/log.hpp"

namespace jangbu {

LoadJobs::LoadJobs(ShopPlace shop, bool allowed)
    : shop_(std::move(shop)), allowed_(allowed), thread_([this](const std::stop_token& closing) {
        ::pthread_setname_np(::pthread_self(), "load");
        run(closing);
      }) {}

LoadJobs::Start LoadJobs::start(const loadgen::Options& options) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Start::closed;
  if (last_ && !last_->snapshot().finished()) return Start::another_is_under_way;
  last_ = wanted_ = std::make_shared<loadgen::LoadRun>(options, std::vector{shop_});
  work_.notify_one();
  return Start::begun;
}

void LoadJobs::stop() {
  const std::lock_guard lock(mutex_);
  if (last_) last_->stop();
}

std::optional<loadgen::Snapshot> LoadJobs::snapshot() const {
  const std::lock_guard lock(mutex_);
  if (!last_) return std::nullopt;
  return last_->snapshot();
}

void LoadJobs::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (last_) last_->abandon();
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void LoadJobs::run(const std::stop_token& closing) {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!work_.wait(lock, closing, [this] { return wanted_ != nullptr; })) return;
    const auto run = std::exchange(wanted_, nullptr);
    lock.unlock();
    run->run();
    const loadgen::Snapshot end = run->snapshot();
    if (end.violated()) {
      for (const loadgen::Invariant& one : end.invariants)
        if (!one.ok) log::error("the load {} found {} violated: {}", end.run, one.name, one.detail);
    } else if (end.state == loadgen::State::failed) {
      log::error("the load {} failed: {}", end.run, end.reason);
    } else {
      log::info("the load {} is {}: {} purchases", end.run, to_string(end.state),
                end.figures.purchased);
    }
  }
}

}  // namespace jangbu
