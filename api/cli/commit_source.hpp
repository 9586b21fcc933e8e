// Commits in order, from the log or from an exported file.
//
// Threads: one at a time. Ownership: the log and the signals must outlive the reader.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "api/cli/tool.hpp"
#include "events/event_log.hpp"

namespace jangbu::cli {

class CommitSource {
 public:
  virtual ~CommitSource() = default;

  // The next commits; none at the end. Throws Corrupt for anything that is not a commit; the next
  // call continues after it. Throws Failure when it cannot continue.
  virtual std::vector<StoredCommit> next() = 0;
};

// Keeps reading, and rides out a log that is away for as long as its patience lasts.
class PatientReader {
 public:
  static constexpr std::chrono::seconds usual_patience{30};

  PatientReader(std::unique_ptr<LogReader> reader, const StopSignals& stop,
                std::chrono::seconds patience = usual_patience);

  // Waits briefly for commits; nothing when none came. Throws Interrupted, Corrupt, and Failure
  // when the log has been away for too long.
  std::vector<StoredCommit> next();

 private:
  using Clock = std::chrono::steady_clock;

  const StopSignals& stop_;
  const std::chrono::seconds patience_;
  const std::unique_ptr<LogReader> reader_;
  Clock::time_point answered_ = Clock::now();
};

// A range of the log, up to a position that it has reached.
class LogRange final : public CommitSource {
 public:
  using MakeReader = std::function<std::unique_ptr<LogReader>(Position from)>;

  LogRange(EventLog& log, Position from, Position last, const StopSignals& stop);
  // Through readers of another kind than the log's usual ones.
  LogRange(MakeReader make_reader, Position from, Position last, const StopSignals& stop);

  std::vector<StoredCommit> next() override;

 private:
  const MakeReader make_reader_;
  Position next_;
  const Position last_;
  const StopSignals& stop_;
  std::unique_ptr<PatientReader> reader_;
};

}  // namespace jangbu::cli
