// Commits in order, from the log or from a file that was exported from it.
//
// Threads: one at a time. Ownership: the log and the signals outlive who reads.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "api/cli/tool.hpp"
#include "events/event_log.hpp"

namespace jangbu::cli {

class CommitSource {
 public:
  virtual ~CommitSource() = default;

  // The next commits; none at the end. Throws Corrupt for what is not a commit; the next call goes
  // on behind it. Throws Failure where there is no going on.
  virtual std::vector<StoredCommit> next() = 0;
};

// Reads on, and outlives a log that is away, for as long as its patience lasts.
class PatientReader {
 public:
  static constexpr std::chrono::seconds usual_patience{30};

  PatientReader(EventLog& log, Position from, const StopSignals& stop,
                std::chrono::seconds patience = usual_patience);

  // Waits for commits for a moment; nothing when none came. Throws Interrupted, Corrupt, and
  // Failure when the log has been away for too long.
  std::vector<StoredCommit> next();

 private:
  using Clock = std::chrono::steady_clock;

  const StopSignals& stop_;
  const std::chrono::seconds patience_;
  const std::unique_ptr<LogReader> reader_;
  Clock::time_point answered_ = Clock::now();
};

// A stretch of the log, up to a position that it has.
class LogRange final : public CommitSource {
 public:
  LogRange(EventLog& log, Position from, Position last, const StopSignals& stop);

  std::vector<StoredCommit> next() override;

 private:
  EventLog& log_;
  Position next_;
  const Position last_;
  const StopSignals& stop_;
  std::unique_ptr<PatientReader> reader_;
};

}  // namespace jangbu::cli
