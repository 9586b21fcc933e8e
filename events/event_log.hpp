// The event log: an ordered, append-only sequence of commits, the shop's single source of truth.
// This is the interface that the writer, the projector and the tools use; infra/eventlog holds the
// implementations (JetStream, and one in memory for tests), which pass one contract suite,
// tests/contract.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/values.hpp"

namespace jangbu {

// The format of commit payloads that this build writes, and the newest it can read.
inline constexpr unsigned commit_format = 1;

// A commit as stored in the log.
struct StoredCommit {
  Position position;
  CommitId id;
  unsigned format = commit_format;
  std::string_view payload;
  std::shared_ptr<const void> owner;  // keeps the payload's memory alive
};

// Stored and fsync'd at this position.
struct Appended {
  Position position;
};
// Refused: the log did not end at the expected position. This attempt stored nothing; an earlier
// attempt with the same bytes may have succeeded.
struct WrongSequence {};
// No answer in time, or none was possible: the commit may be stored, now or later, or not at all.
struct NoAnswer {
  std::string why;
};
using AppendResult = std::variant<Appended, WrongSequence, NoAnswer>;

// Reads commits in order from a given position to the end of the log, then new ones as they arrive.
// Threads: one at a time. Ownership: must not outlive its log or the log's connection.
class LogReader {
 public:
  virtual ~LogReader() = default;

  // Returns the next commits, at least one and at most `max`, without gaps; empty when none arrived
  // within the timeout. Throws Unavailable while the log cannot be reached; the next call resumes
  // at the same position. Throws Corrupt when a position that should exist is missing.
  virtual std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) = 0;
};

// Threads: every member may be called from any thread, but only one append may be in flight at a
// time.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Appends one commit at `expected.next()` if the log ends at `expected`, and returns once it is
  // fsync'd. Waits at most `timeout`. Retrying with the same commit is safe: it is stored once.
  virtual AppendResult append(Position expected, const CommitId& id, std::string_view payload,
                              std::chrono::milliseconds timeout) = 0;

  // The commit at a position, read through the stream's leader, so every acknowledged commit is
  // visible. Empty when the position is beyond the end of the log. Throws Unavailable.
  virtual std::optional<StoredCommit> read(Position position) = 0;

  // The position of the last commit, according to the leader; 0 for an empty log. Throws
  // Unavailable.
  virtual Position last() = 0;

  // A reader that starts at the commit at `from`.
  virtual std::unique_ptr<LogReader> read_from(Position from) = 0;
};

}  // namespace jangbu
