// An event log that fails on purpose, in front of one that does not.
//
// Threads: every member from any thread. Ownership: the real log must outlive it, and its readers
// must not.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "events/event_log.hpp"

namespace jangbu::test {

// What happens to one append.
enum class Fault {
  none,
  lost_append,  // not stored, no answer
  lost_ack,     // stored, no answer
  late,         // no answer, and stored only just before the log is asked anything else
  rival,        // another writer's commit is stored first
  lost_rival,   // not stored, no answer, and another writer's commit is stored after it
};

class FaultyLog final : public EventLog {
 public:
  // `rival` appends another writer's commit to the real log.
  explicit FaultyLog(EventLog& real, std::function<void()> rival = {})
      : real_(real), rival_(std::move(rival)) {}

  // The next appends fare so, one after the other; those after them go through.
  void script(std::vector<Fault> faults);
  // All appends fare so until told otherwise.
  void always(Fault fault);
  // Reads, and asking for the end, throw Unavailable.
  void fail_reads(bool fail);
  // Readers find nothing, as if the commits took for ever to come.
  void silence_readers(bool silent);
  // Says that the log ends at `last`, and has nothing after it, whatever it really holds.
  void truncate(std::optional<Position> last);

  // Appends wait at a gate from now on.
  void hold();
  // Waits until an append is at the gate; its payload. Throws at the deadline.
  std::string wait_for_held();
  // Lets the append at the gate through, and the next ones wait there.
  void let_one_through();
  void open();

  std::size_t appends() const;  // that came, with what became of them or not

  AppendResult append(Position expected, const CommitId& id, std::string_view payload,
                      std::chrono::milliseconds timeout) override;
  std::optional<StoredCommit> read(Position position) override;
  Position last() override;
  std::unique_ptr<LogReader> read_from(Position from) override;

 private:
  class Reader;

  struct Late {
    Position expected;
    CommitId id;
    std::string payload;
  };

  Fault next_fault();
  void settle();  // stores what is late
  void require_readable() const;
  bool is_silent() const;

  EventLog& real_;
  const std::function<void()> rival_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Fault> script_;
  Fault otherwise_ = Fault::none;
  bool reads_fail_ = false;
  bool silent_ = false;
  std::optional<Position> truncated_;
  std::optional<Late> late_;
  bool holding_ = false;
  unsigned passes_ = 0;
  std::optional<std::string> held_;
  std::size_t appends_ = 0;
};

}  // namespace jangbu::test
