// The event log: an ordered, append-only sequence of commits, the shop's single source of truth.
// This is the interface that the writer, the projector and the tools use; infra/eventlog holds the
// implementations (JetStream, and one in memory for tests), which pass one contract suite,
// tests/contract.
#pragma once

#include <algorithm>
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

// The instance that appended a commit.
struct Author {
  InstanceId id;
  std::string name;  // for people; letters, digits, '.', '-' and '_', 1 to 64: is_instance_name()

  friend bool operator==(const Author&, const Author&) = default;
};
constexpr bool is_instance_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

// "<id> <name>", as in the header of a stored commit and in an export.
std::string to_string(const Author& author);
std::optional<Author> parse_author(std::string_view text);

// What a commit says about its making, beside what was decided in it. Builds before November 2026
// say none of it.
struct Origin {
  std::optional<Author> author;
  // Where the log ended when this was decided. The fence lets a commit in right after that place
  // and nowhere else.
  std::optional<Position> decided_at;
  // Without events: who is asked to claim next, in a hand-over.
  std::optional<InstanceId> successor;

  // Whether a commit of this origin at this position was let in elsewhere than where it was
  // decided: the fence was broken, by a fault of the server. Such a commit is void: it never
  // happened, and whatever folds the log passes over it.
  bool is_void_at(Position position) const { return decided_at && decided_at->next() != position; }

  friend bool operator==(const Origin&, const Origin&) = default;
};

// A commit to be appended.
struct NewCommit {
  CommitId id;
  std::string_view payload;
  Origin origin = {};
};

// A commit as stored in the log.
struct StoredCommit {
  Position position;
  CommitId id;
  unsigned format = commit_format;
  std::string_view payload;
  std::shared_ptr<const void> owner;  // keeps the payload's memory alive
  Origin origin = {};

  bool is_void() const { return origin.is_void_at(position); }
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
  virtual AppendResult append(Position expected, const NewCommit& commit,
                              std::chrono::milliseconds timeout) = 0;

  // The commit at a position, read through the stream's leader, so every acknowledged commit is
  // visible. Empty when the position is beyond the end of the log. Throws Unavailable.
  virtual std::optional<StoredCommit> read(Position position) = 0;

  // The position of the last commit, according to the leader; 0 for an empty log. Throws
  // Unavailable.
  virtual Position last() = 0;

  // A reader that starts at the commit at `from`.
  virtual std::unique_ptr<LogReader> read_from(Position from) = 0;

  // On how many servers the log is kept, as was last heard; asks nobody. Of several one leads, and
  // one that was cut off may go on saying for some seconds where the log ends.
  virtual unsigned replicas() const = 0;

  // Goes to another server, if there is one: this one does not answer appends.
  virtual void use_another_server() {}
};

}  // namespace jangbu
