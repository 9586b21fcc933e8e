#include "api/log_lookup.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace jangbu {

LogLookup::LogLookup(EventLog& log)
    : log_(log), thread_([this] {
        ::pthread_setname_np(::pthread_self(), "log-lookup");
        run();
      }) {}

LogLookup::~LogLookup() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void LogLookup::find(EventId id, Callback callback) {
  {
    std::lock_guard lock(mutex_);
    if (wanted_.size() < max_waiting) {
      wanted_.push_back({id, std::move(callback)});
      callback = nullptr;
    }
  }
  if (callback) return callback(std::nullopt);
  work_.notify_one();
}

void LogLookup::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return stop_ || !wanted_.empty(); });
    if (wanted_.empty()) return;
    const Wanted next = std::move(wanted_.front());
    wanted_.pop_front();
    lock.unlock();
    next.callback(read(next.id));
  }
}

const Commit& LogLookup::commit_at(Position position) {
  if (read_position_ == position) return read_commit_;
  const auto stored = log_.read(position);
  if (!stored) throw Corrupt("the log has no commit there");
  read_commit_ = decode(*stored);
  read_position_ = position;
  return read_commit_;
}

std::optional<RecordedEvent> LogLookup::read(EventId id) {
  try {
    const Commit& commit = commit_at(id.position);
    if (id.index >= commit.events.size()) throw Corrupt("its commit has fewer events");
    return commit.events[id.index];
  } catch (const Unavailable& away) {
    spdlog::warn("event {} could not be read back: {}", to_string(id), away.what());
  } catch (const Corrupt& corrupt) {
    spdlog::error("event {} could not be read back: {}", to_string(id), corrupt.what());
  }
  return std::nullopt;
}

}  // namespace jangbu
