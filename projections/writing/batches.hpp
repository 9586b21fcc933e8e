// The log as consecutive whole commits, a batch at a time.
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

#include "events/event_log.hpp"
#include "infra/read_ahead.hpp"

namespace jangbu {

// Consecutive whole commits. Never empty.
struct Batch {
  std::vector<DecodedCommit> commits;
  std::size_t events = 0;
  std::size_t bytes = 0;  // as stored in the log; in memory they take several times as much
  bool more = false;      // had already arrived behind it

  const DecodedCommit& last() const { return commits.back(); }
};

// A batch is full when it reaches either of these. The number of events alone would say nothing
// about memory: an event may have 200 bytes, or 15 KiB.
struct BatchSize {
  std::size_t events;
  std::size_t bytes = 8 * 1024 * 1024;
};

// Reads the log after a position, in batches.
class Batches {
 public:
  Batches(EventLog& log, Position after, BatchSize size);

  // The next commits that the log has now, none after `limit`. Nothing if none arrived for a while.
  // Throws Undecodable.
  std::optional<Batch> next(std::optional<Position> limit);

  // A full batch, or everything up to `limit`. REQUIRES: the log has, or will soon have, a commit
  // up to there that was not given before. Throws Unavailable if nothing arrives for long.
  Batch full(Position limit);

 private:
  bool read(std::chrono::milliseconds timeout);
  void add_to(Batch& batch, std::optional<Position> limit);
  bool is_full(const Batch& batch) const;

  std::unique_ptr<LogReader> reader_;
  BatchSize size_;
  std::deque<StoredCommit> commits_;
  bool read_all_ = false;  // that had arrived when it was last asked
};

}  // namespace jangbu
