#include "infra/read_ahead.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace jangbu {

namespace {

// How long to wait for the log before checking for a stop request.
constexpr std::chrono::milliseconds read_timeout{100};
constexpr std::size_t most_read = 256;
// The memory of a commit with more is not used again, or all would grow to the largest.
constexpr std::size_t most_events_kept = 256;

}  // namespace

DecodedCommit decode_with_place(const StoredCommit& stored) {
  return {stored.position, stored.id, decode(stored), stored.origin};
}

void decode_with_place(const StoredCommit& stored, DecodedCommit& into) {
  into.position = stored.position;
  into.id = stored.id;
  into.origin = stored.origin;
  decode(stored, into.commit);
}

ReadAhead::ReadAhead(EventLog& log, Position after, Position last)
    : reader_(log.read_from(after.next())), read_until_(after), last_(last) {
  if (last.value - after.value >= worth_a_thread) thread_ = std::thread([this] { run(); });
}

ReadAhead::~ReadAhead() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::span<DecodedCommit> ReadAhead::next(std::chrono::milliseconds timeout) {
  if (!thread_.joinable()) {
    given_.clear();
    for (const StoredCommit& stored : read_stored(most_read, timeout))
      given_.push_back(decode_with_place(stored));
    return given_;
  }
  std::unique_lock lock(mutex_);
  if (!given_.empty()) spent_.push_back(std::exchange(given_, {}));
  changed_.wait_for(lock, timeout, [this] { return !ready_.empty() || error_; });
  if (ready_.empty()) {
    if (error_) std::rethrow_exception(error_);
    return {};
  }
  given_ = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return given_;
}

void ReadAhead::run() {
  ::pthread_setname_np(::pthread_self(), "read-ahead");
  std::exception_ptr error;
  try {
    read();
  } catch (...) {
    error = std::current_exception();
  }
  hand_over();  // what was decoded before the error
  std::lock_guard lock(mutex_);
  error_ = error;
  changed_.notify_all();
}

void ReadAhead::read() {
  std::size_t bytes = 0;
  while (read_until_ < last_) {
    for (const StoredCommit& stored : read_stored(most_read, read_timeout)) {
      if (filled_ == batch_.size()) batch_.emplace_back();
      if (batch_[filled_].commit.events.capacity() > most_events_kept) batch_[filled_] = {};
      decode_with_place(stored, batch_[filled_]);
      ++filled_;
      bytes += stored.payload.size();
      if (filled_ < batch_commits && bytes < batch_bytes) continue;
      if (!hand_over()) return;
      bytes = 0;
    }
    // Nothing waits here for more to arrive.
    if (!hand_over()) return;
    bytes = 0;
  }
}

// False: it is not wanted any more.
bool ReadAhead::hand_over() {
  if (filled_ > 0) batch_.resize(filled_);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || filled_ == 0 || ready_.size() < most_batches; });
  if (stop_ || filled_ == 0) return !stop_;
  filled_ = 0;
  ready_.push_back(std::exchange(batch_, {}));
  if (!spent_.empty()) {
    batch_ = std::move(spent_.back());
    spent_.pop_back();
  }
  changed_.notify_all();
  return true;
}

std::vector<StoredCommit> ReadAhead::read_stored(std::size_t most,
                                                 std::chrono::milliseconds timeout) {
  const std::uint64_t left = last_.value - read_until_.value;
  auto stored = reader_->next(std::min<std::uint64_t>(most, left), timeout);
  if (!stored.empty()) read_until_ = stored.back().position;
  return stored;
}

}  // namespace jangbu
