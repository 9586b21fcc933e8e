// An event log that fails on purpose, wrapped around one that does not.
//
// Threads: every member from any thread. Ownership: the real log must outlive this one, and this
// one its readers.
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
  late,         // no answer; stored just before the next call to the log
  rival,        // another writer's commit is stored first
  lost_rival,   // not stored, no answer; another writer's commit is stored instead
};

class FaultyLog final : public EventLog {
 public:
  // `rival` appends another writer's commit to the real log.
  explicit FaultyLog(EventLog& real, std::function<void()> rival = {})
      : real_(real), rival_(std::move(rival)) {}

  // The next appends meet these faults, in order; later appends meet the fault set by always().
  void script(std::vector<Fault> faults);
  // All appends beyond the script meet this fault until told otherwise.
  void always(Fault fault);
  // read() and last(), and readers, throw Unavailable.
  void fail_reads(bool fail);
  // Readers find nothing, as if commits took forever to arrive.
  void silence_readers(bool silent);
  // Pretends that the log ends at `last`, whatever it really holds.
  void truncate(std::optional<Position> last);

  // From now on, appends wait at a gate.
  void hold();
  // Waits until an append is at the gate, and returns its payload. Throws at the deadline.
  std::string wait_for_held();
  // Lets the append at the gate through; later ones keep waiting there.
  void let_one_through();
  void open();

  std::size_t appends() const;  // attempted so far, whatever their outcome

  AppendResult append(Position expected, const NewCommit& commit,
                      std::chrono::milliseconds timeout) override;
  std::optional<StoredCommit> read(Position position) override;
  Position last() override;
  std::unique_ptr<LogReader> read_from(Position from) override;
  unsigned replicas() const override { return real_.replicas(); }

 private:
  class Reader;

  struct Late {
    Position expected;
    NewCommit commit;
    std::string payload;  // of its own
  };

  Fault next_fault();
  void settle();  // stores a late append
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
