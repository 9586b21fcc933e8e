// The event log in memory: for tests, and for a log that was read from a file. It behaves like the
// one on JetStream, and can be made to fail in the same ways.
//
// Threads: every member from any thread. Ownership: readers are destroyed before their log; the
// commits they returned may outlive it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "events/event_log.hpp"

namespace jangbu {

class MemoryLog final : public EventLog {
 public:
  AppendResult append(Position expected, const NewCommit& commit,
                      std::chrono::milliseconds timeout) override;
  std::optional<StoredCommit> read(Position position) override;
  Position last() override;
  std::unique_ptr<LogReader> read_from(Position from) override;
  unsigned replicas() const override { return 1; }

  // The next `count` commits are stored, but their appends answer NoAnswer.
  void lose_acks(unsigned count);
  // The next `count` appends answer NoAnswer without storing anything.
  void lose_appends(unsigned count);
  // While away, appends answer NoAnswer and everything else throws Unavailable.
  void set_away(bool away);

 private:
  class Reader;

  void require_here() const;  // REQUIRES the lock

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StoredCommit> commits_;
  unsigned acks_to_lose_ = 0;
  unsigned appends_to_lose_ = 0;
  bool away_ = false;
};

}  // namespace jangbu
