// The event log: an ordered, append-only sequence of commits, the only truth of the shop. This is
// what the writer, the projector and the tools see of it; infra/eventlog holds the implementations
// (JetStream, and one in memory for tests), which pass one contract suite, tests/contract.
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

// A commit as it lies in the log.
struct StoredCommit {
  Position position;
  CommitId id;
  unsigned format = commit_format;
  std::string_view payload;
  std::shared_ptr<const void> owner;  // keeps the payload's memory alive
};

// Stored, and fsync'd, at this position.
struct Appended {
  Position position;
};
// Refused: the log did not end where the append expected it to. Nothing was stored by this attempt;
// an earlier attempt with the same bytes may have been.
struct WrongSequence {};
// No answer in time, or none could be had: the commit may be stored, now or later, or not.
struct NoAnswer {
  std::string why;
};
using AppendResult = std::variant<Appended, WrongSequence, NoAnswer>;

// Reads commits in order from one position on, to the end and then as they come.
// Threads: one at a time. Ownership: may outlive neither its log nor the log's connection.
class LogReader {
 public:
  virtual ~LogReader() = default;

  // The next commits, at least one and at most `max`, without a gap. Empty when none came within
  // the timeout. Throws Unavailable while the log cannot be reached; the next call tries again from
  // the same place. Throws Corrupt when a position that should exist is missing.
  virtual std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) = 0;
};

// Threads: every member may be called from any thread, except that only one append may be in
// flight.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Appends one commit at `expected.next()` if the log ends at `expected`, and answers once it is
  // fsync'd. Waits at most `timeout`. Sending the same commit again is safe: it is stored once.
  virtual AppendResult append(Position expected, const CommitId& id, std::string_view payload,
                              std::chrono::milliseconds timeout) = 0;

  // The commit at a position, read through the stream's leader: what was acknowledged to anyone is
  // seen. Nothing where the log does not reach so far. Throws Unavailable.
  virtual std::optional<StoredCommit> read(Position position) = 0;

  // The position of the last commit, asked of the leader; 0 for an empty log. Throws Unavailable.
  virtual Position last() = 0;

  // A reader whose first commit is the one at `from`.
  virtual std::unique_ptr<LogReader> read_from(Position from) = 0;
};

}  // namespace jangbu
