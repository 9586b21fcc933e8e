#include "tests/support/faulty_log.hpp"

#include <stdexcept>
#include <utility>

#include "events/errors.hpp"

namespace jangbu::test {

using namespace std::chrono_literals;

class FaultyLog::Reader final : public LogReader {
 public:
  Reader(FaultyLog& log, Position from) : log_(log), real_(log.real_.read_from(from)) {}

  std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) override {
    log_.require_readable();
    if (log_.is_silent()) return {};
    return real_->next(max, timeout);
  }

 private:
  FaultyLog& log_;
  std::unique_ptr<LogReader> real_;
};

void FaultyLog::script(std::vector<Fault> faults) {
  std::lock_guard lock(mutex_);
  script_.assign(faults.begin(), faults.end());
}

void FaultyLog::always(Fault fault) {
  std::lock_guard lock(mutex_);
  otherwise_ = fault;
}

void FaultyLog::fail_reads(bool fail) {
  std::lock_guard lock(mutex_);
  reads_fail_ = fail;
}

void FaultyLog::silence_readers(bool silent) {
  std::lock_guard lock(mutex_);
  silent_ = silent;
}

void FaultyLog::truncate(std::optional<Position> last) {
  std::lock_guard lock(mutex_);
  truncated_ = last;
}

void FaultyLog::hold() {
  std::lock_guard lock(mutex_);
  holding_ = true;
}

std::string FaultyLog::wait_for_held() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, 60s, [this] { return held_ && passes_ == 0; }))
    throw std::runtime_error("no append came to the gate in time");
  return *held_;
}

void FaultyLog::let_one_through() {
  std::lock_guard lock(mutex_);
  ++passes_;
  changed_.notify_all();
}

void FaultyLog::open() {
  std::lock_guard lock(mutex_);
  holding_ = false;
  changed_.notify_all();
}

std::size_t FaultyLog::appends() const {
  std::lock_guard lock(mutex_);
  return appends_;
}

Fault FaultyLog::next_fault() {
  std::lock_guard lock(mutex_);
  if (script_.empty()) return otherwise_;
  const Fault fault = script_.front();
  script_.pop_front();
  return fault;
}

void FaultyLog::settle() {
  std::optional<Late> late;
  {
    std::lock_guard lock(mutex_);
    late.swap(late_);
  }
  if (!late) return;
  late->commit.payload = late->payload;
  real_.append(late->expected, late->commit, 1s);
}

void FaultyLog::require_readable() const {
  std::lock_guard lock(mutex_);
  if (reads_fail_) throw Unavailable("reads fail");
}

bool FaultyLog::is_silent() const {
  std::lock_guard lock(mutex_);
  return silent_;
}

AppendResult FaultyLog::append(Position expected, const NewCommit& commit,
                               std::chrono::milliseconds timeout) {
  settle();
  {
    std::unique_lock lock(mutex_);
    ++appends_;
    held_ = commit.payload;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !holding_ || passes_ > 0; });
    held_.reset();
    if (passes_ > 0) --passes_;
    if (truncated_ && *truncated_ != expected) return WrongSequence{};
  }
  switch (next_fault()) {
    case Fault::none:
      break;
    case Fault::lost_append:
      return NoAnswer{"lost append"};
    case Fault::lost_ack:
      real_.append(expected, commit, timeout);
      return NoAnswer{"lost ack"};
    case Fault::late: {
      std::lock_guard lock(mutex_);
      late_ = Late{expected, commit, std::string(commit.payload)};
      return NoAnswer{"late"};
    }
    case Fault::rival:
      rival_();
      break;
    case Fault::lost_rival:
      rival_();
      return NoAnswer{"lost append"};
  }
  return real_.append(expected, commit, timeout);
}

std::optional<StoredCommit> FaultyLog::read(Position position) {
  settle();
  require_readable();
  {
    std::lock_guard lock(mutex_);
    if (truncated_ && position > *truncated_) return std::nullopt;
  }
  return real_.read(position);
}

Position FaultyLog::last() {
  settle();
  require_readable();
  {
    std::lock_guard lock(mutex_);
    if (truncated_) return *truncated_;
  }
  return real_.last();
}

std::unique_ptr<LogReader> FaultyLog::read_from(Position from) {
  return std::make_unique<Reader>(*this, from);
}

}  // namespace jangbu::test
