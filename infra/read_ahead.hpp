// The log up to a given commit, decoded ahead of whoever folds it: a thread of its own reads and
// decodes the next commits while the caller folds those before, so that a long replay keeps two
// processors busy. A short one is read on the caller's thread.
//
// Threads: one at a time. Ownership: the log must outlive it; the commits stay the reader's, which
// decodes others in their memory, on its own thread: two that share one heap wait for each other.
// Memory: what is read ahead is limited in commits and in bytes; what it takes decoded is kept for
// the next ones, but for commits of more than 256 events, until the reader's end.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "events/commit.hpp"
#include "events/event_log.hpp"

namespace jangbu {

// A commit, with its place in the log.
struct DecodedCommit {
  Position position;
  CommitId id;
  Commit commit;
  Origin origin = {};

  bool is_void() const { return origin.is_void_at(position); }
};

DecodedCommit decode_with_place(const StoredCommit& stored);
void decode_with_place(const StoredCommit& stored, DecodedCommit& into);

class ReadAhead {
 public:
  // Fewer commits than this are not worth a thread.
  static constexpr std::size_t worth_a_thread = 64;
  // What is handed over at once ends with the commit that reaches either; so much may wait.
  static constexpr std::size_t batch_commits = 16;
  static constexpr std::size_t batch_bytes = 256 * 1024;  // as stored
  static constexpr std::size_t most_batches = 4;

  // Reads the commits after `after`, up to `last`.
  ReadAhead(EventLog& log, Position after, Position last);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Returns the next commits, without gaps; empty when none arrived within the timeout. They are
  // valid until the next call. Throws what LogReader and decode() throw once all commits before
  // were returned; it then is of no more use. REQUIRES: `last` was not returned yet.
  std::span<DecodedCommit> next(std::chrono::milliseconds timeout);

 private:
  using Batch = std::vector<DecodedCommit>;

  void run();
  void read();
  bool hand_over();
  std::vector<StoredCommit> read_stored(std::size_t most, std::chrono::milliseconds timeout);

  std::unique_ptr<LogReader> reader_;
  Position read_until_;
  const Position last_;
  Batch given_;  // the caller's
  // The thread's: the batch that it fills, and how many of its commits are new.
  Batch batch_;
  std::size_t filled_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by the mutex.
  std::deque<Batch> ready_;
  std::vector<Batch> spent_;  // to be used again
  std::exception_ptr error_;
  bool stop_ = false;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace jangbu
