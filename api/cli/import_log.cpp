#include "api/cli/import_log.hpp"

#include <chrono>
#include <string>

#include "events/errors.hpp"

namespace jangbu::cli {

using namespace std::chrono_literals;

namespace {

constexpr auto patience = 30s;  // with a log that does not answer

bool same(const StoredCommit& a, const StoredCommit& b) {
  return a.id == b.id && a.format == b.format && a.payload == b.payload && a.origin == b.origin;
}

std::string number(Position position) {
  return std::to_string(position.value);
}

[[noreturn]] void throw_not_taken(const StoredCommit& commit, const std::string& why) {
  throw Failure("the event log does not take commit " + number(commit.position) + ": " + why +
                ". Whether it is there is not known: run the import again to go on behind it");
}

AppendResult append(EventLog& log, Position before, const StoredCommit& commit) {
  try {
    return log.append(before, {commit.id, commit.payload, commit.origin}, 2s);
  } catch (const Unavailable& away) {
    return NoAnswer{away.what()};
  }
}

// Before the next attempt: while the log is away, each one fails at once.
void rest(const StopSignals& stop) {
  if (const auto signal = stop.wait(100ms)) throw Interrupted{*signal};
}

// Resends the same bytes until the log has said what became of them.
void append_surely(EventLog& log, const StoredCommit& commit, const StopSignals& stop) {
  const Position before{commit.position.value - 1};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    stop.check();
    const AppendResult result = append(log, before, commit);
    if (std::holds_alternative<Appended>(result)) return;
    if (std::holds_alternative<WrongSequence>(result)) {
      // An earlier attempt whose acknowledgement was lost, or another writer.
      std::optional<StoredCommit> there;
      try {
        there = log.read(commit.position);
      } catch (const Unavailable& away) {
        if (std::chrono::steady_clock::now() > deadline) throw_not_taken(commit, away.what());
        rest(stop);
        continue;  // the append is repeated, with the same answer
      }
      if (there && same(*there, commit)) return;
      throw Failure("somebody else appended commit " + number(commit.position) +
                    " meanwhile: stop what writes to this stream, and import into an empty one");
    }
    if (std::chrono::steady_clock::now() > deadline)
      throw_not_taken(commit, std::get<NoAnswer>(result).why);
    rest(stop);
  }
}

}  // namespace

Imported import_log(EventLog& log, CommitSource& source, const StopSignals& stop,
                    const std::function<void(Position)>& appended) {
  Imported imported{0, log.last()};
  const Position held = imported.end;
  LogRange log_range(log, {1}, held, stop);
  std::vector<StoredCommit> there;
  std::size_t compared = 0;  // of them
  Position expected{1};
  for (auto commits = source.next(); !commits.empty(); commits = source.next()) {
    stop.check();
    for (const StoredCommit& commit : commits) {
      if (commit.position != expected)
        throw Failure("commit " + number(commit.position) + " comes where commit " +
                      number(expected) + " should: only an export of a whole log can be imported");
      if (commit.format != commit_format)
        throw Failure("commit " + number(commit.position) + " has format " +
                      std::to_string(commit.format) + ", which this build does not write");
      expected = expected.next();
      if (commit.position > held) {
        append_surely(log, commit, stop);
        ++imported.commits;
        imported.end = commit.position;
        appended(commit.position);
        continue;
      }
      if (compared == there.size()) {
        there = log_range.next();
        compared = 0;
      }
      if (!same(there.at(compared++), commit))
        throw Failure("the stream has commits that are not the file's, from commit " +
                      number(commit.position) +
                      " on: import into a stream that is empty, or name a new one with --stream. "
                      "Nothing was changed");
    }
  }
  if (expected <= held)
    throw Failure("the stream has " + number(held) + " commits, the file only " +
                  std::to_string(expected.value - 1) + ". Nothing was changed");
  return imported;
}

}  // namespace jangbu::cli
