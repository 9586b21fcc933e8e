#include "infra/eventlog/memory_log.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "events/errors.hpp"

namespace jangbu {

class MemoryLog::Reader final : public LogReader {
 public:
  Reader(MemoryLog& log, Position from) : log_(log), next_(from) {}

  std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) override {
    std::unique_lock lock(log_.mutex_);
    log_.changed_.wait_for(lock, timeout,
                           [this] { return log_.away_ || next_.value <= log_.commits_.size(); });
    log_.require_here();
    std::vector<StoredCommit> commits;
    while (commits.size() < max && next_.value <= log_.commits_.size()) {
      commits.push_back(log_.commits_[next_.value - 1]);
      next_ = next_.next();
    }
    return commits;
  }

 private:
  MemoryLog& log_;
  Position next_;
};

AppendResult MemoryLog::append(Position expected, const NewCommit& commit,
                               std::chrono::milliseconds) {
  std::lock_guard lock(mutex_);
  if (away_) return NoAnswer{"the log is away"};
  if (appends_to_lose_ > 0) {
    --appends_to_lose_;
    return NoAnswer{"the append was lost"};
  }
  if (expected.value != commits_.size()) return WrongSequence{};
  const auto bytes = std::make_shared<const std::string>(commit.payload);
  commits_.push_back({expected.next(), commit.id, commit_format, *bytes, bytes, commit.origin});
  changed_.notify_all();
  if (acks_to_lose_ > 0) {
    --acks_to_lose_;
    return NoAnswer{"the acknowledgement was lost"};
  }
  return Appended{expected.next()};
}

std::optional<StoredCommit> MemoryLog::read(Position position) {
  std::lock_guard lock(mutex_);
  require_here();
  if (position == Position{} || position.value > commits_.size()) return std::nullopt;
  return commits_[position.value - 1];
}

Position MemoryLog::last() {
  std::lock_guard lock(mutex_);
  require_here();
  return {commits_.size()};
}

std::unique_ptr<LogReader> MemoryLog::read_from(Position from) {
  return std::make_unique<Reader>(*this, std::max(from, Position{1}));
}

void MemoryLog::lose_acks(unsigned count) {
  std::lock_guard lock(mutex_);
  acks_to_lose_ = count;
}

void MemoryLog::lose_appends(unsigned count) {
  std::lock_guard lock(mutex_);
  appends_to_lose_ = count;
}

void MemoryLog::set_away(bool away) {
  std::lock_guard lock(mutex_);
  away_ = away;
  changed_.notify_all();
}

void MemoryLog::require_here() const {
  if (away_) throw Unavailable("the log is away");
}

}  // namespace jangbu
