#include "api/log/log_tasks.hpp"

#include <pthread.h>

#include <utility>

namespace jangbu {

LogTasks::LogTasks(Options options)
    : options_(std::move(options)), thread_([this] {
        ::pthread_setname_np(::pthread_self(), options_.thread_name.c_str());
        run();
      }) {}

LogTasks::~LogTasks() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void LogTasks::add(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < options_.most_waiting) {
      waiting_.push_back({std::move(task), Clock::now() + options_.patience});
      task = nullptr;
    }
  }
  if (task) return task(false);
  work_.notify_one();
}

bool LogTasks::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void LogTasks::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const bool wanted = !stop_ && Clock::now() < next.deadline;
    lock.unlock();
    next.task(wanted);
  }
}

}  // namespace jangbu
