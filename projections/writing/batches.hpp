// The log as whole commits that follow each other, so many at a time.
//
// Threads: one at a time. Ownership: the log must outlive it. Errors: Unavailable while the log is
// away; Undecodable.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "events/commit.hpp"
#include "events/event_log.hpp"

namespace jangbu {

// A commit, with its place in the log.
struct LogCommit {
  Position position;
  CommitId id;
  Commit commit;
};

// Whole commits that follow each other. Never empty.
struct Batch {
  std::vector<LogCommit> commits;
  std::size_t events = 0;
  std::size_t bytes = 0;  // as they lie in the log; in memory they are several times as much

  const LogCommit& last() const { return commits.back(); }
};

// With either of them a batch is full. The number of events alone would say nothing about memory:
// one may have 200 bytes, or 15 KiB.
struct BatchSize {
  std::size_t events;
  std::size_t bytes = 8 * 1024 * 1024;
};

// The log from after a position on, in batches.
class Batches {
 public:
  Batches(EventLog& log, Position after, BatchSize size);

  // The next commits that the log has now, none after `limit`. Nothing when none came for a while.
  // Throws Undecodable.
  std::optional<Batch> next(std::optional<Position> limit);

  // A full batch, or all up to `limit`. REQUIRES: the log has, or will soon have, a commit there
  // that was not given before. Throws Unavailable when nothing comes for long.
  Batch full(Position limit);

 private:
  bool read(std::chrono::milliseconds timeout);
  void add_to(Batch& batch, std::optional<Position> limit);
  bool is_full(const Batch& batch) const;

  std::unique_ptr<LogReader> reader_;
  BatchSize size_;
  std::deque<StoredCommit> commits_;
};

}  // namespace jangbu
