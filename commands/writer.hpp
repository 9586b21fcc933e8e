// The single writer: decides commands and appends their events to the log.
//
// It works in turns. A turn takes the queued commands, decides them against the shop, staging their
// events, and appends these as one commit that expects the log to end where the shop does. While
// that append is in flight, the next turn's commands gather, so commits grow with the load and one
// fsync pays for many commands. docs/writer.md describes this with its failure cases.
//
// Several instances may share a log; one of them is active, and the others stand by. All of that,
// and the turns, is WriterMachine's; here are the threads on which it runs: the writer, which does
// what the machine wants of the log; a follower, which reads what others append, while this
// instance is not active; and, where there are peers, one that talks to them.
//
// Threads: every member from any thread. Answers are called on one of the writer's threads, or
// within submit() when it turns the command away; they must not block. Ownership: the log and the
// peers must outlive the writer.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <variant>
#include <vector>

#include "commands/peers.hpp"
#include "commands/submission.hpp"
#include "commands/writer_machine.hpp"
#include "events/event_log.hpp"
#include "events/measures.hpp"
#include "projections/views/snapshot.hpp"
#include "projections/views/store/hash_index.hpp"

namespace jangbu {

// Keeps the writer's shop from one run to the next, so that a start need not replay the whole log.
//
// Threads: called on the writer's threads, one at a time. due() and store() must not block them:
// store() only starts the work.
class SnapshotKeeper {
 public:
  virtual ~SnapshotKeeper() = default;

  // The existing snapshot, if it can be used.
  virtual std::optional<Snapshot> load(std::size_t key_budget) = 0;
  // Whether to take a snapshot of a shop that has this many events behind it.
  virtual bool due(std::uint64_t events) = 0;
  virtual void store(Snapshot snapshot) = 0;
  // Called last: stores the snapshot if it is worth it, and waits until that is done.
  virtual void store_last(Snapshot snapshot) = 0;
};

class Writer {
 public:
  using Clock = std::chrono::steady_clock;
  using Sources = WriterMachine::Sources;
  using State = WriterMachine::State;
  using HandOver = WriterMachine::HandOver;

  struct Options {
    std::size_t queue = 10'000;                 // waiting commands; more are turned away
    std::chrono::milliseconds deadline{5'000};  // for an answer, counted from submit()
    WriterMachine::Options machine = {};
  };

  struct Status : WriterMachine::Status {
    std::size_t queued = 0;
    std::uint64_t commits = 0;  // by this instance's turns
    std::uint64_t events = 0;
  };

  // Outcomes of commands, with the time from submit() to the answer, and figures of commits. The
  // arrays are indexed by the alternatives of Command and Refusal, and by NotDecided.
  struct CommandMeasures {
    Counter recorded, unchanged, repeated, offered;
    std::array<Counter, std::variant_size_v<Refusal>> refused;
    std::array<Counter, not_decided_count> not_decided;
    Histogram duration{bounds::latency_ns};  // of all commands but those turned away by submit()
  };
  struct Measures {
    std::array<CommandMeasures, std::variant_size_v<Command>> commands;
    Histogram commit_events{bounds::commit_events};
    Histogram commit_bytes{bounds::commit_bytes};
    Histogram append_duration{bounds::latency_ns};  // until the append's fate is known
  };

  // What the log holds after a position.
  struct Backlog {
    std::uint64_t events = 0;
    Timestamp oldest;  // time of the oldest commit; meaningless without events
  };

  // Without a keeper, every start replays the log from its beginning. Without peers this instance
  // is alone on its log.
  Writer(EventLog& log, Sources sources, Options options, SnapshotKeeper* snapshots = nullptr,
         Peers* peers = nullptr);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Called whenever standing() has changed. REQUIRES: before start(); it must not block.
  void on_standing(std::function<void()> changed) { changed_ = std::move(changed); }

  // Starts the threads: the log is replayed into the shop, from the last snapshot on; then this
  // instance stands by, or claims the log if nobody is active, and takes turns.
  void start();

  // Hands over a command. Its answer is called exactly once. REQUIRES: it has an asker.
  void submit(Submission submission);

  // While one exists, what is submitted gathers, so that commands which came together are decided
  // in one turn. REQUIRES: it exists for a moment only, since all others wait meanwhile, and not
  // longer than the writer.
  class Gathering {
   public:
    explicit Gathering(Writer& writer);
    ~Gathering();
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;

   private:
    Writer& writer_;
  };

  // Makes another instance the active one. `done` is called once, on one of the writer's threads.
  void hand_over(std::function<void(HandOver)> done);
  // The same before a stop: nothing makes this one active again.
  void leave(std::function<void(HandOver)> done);

  // Finishes the queued commands, up to their deadlines, and ends the threads.
  void stop();

  Status status() const;
  Standing standing() const;
  const Measures& measures() const { return measures_; }
  const Options& options() const { return options_; }

  // The backlog of a projection that has reached this position. Exact for the last 65,536 commits,
  // as far as they came after the snapshot that this run started from; before that, events are
  // assumed to be evenly spread, and `oldest` is the time of the oldest commit still known.
  Backlog after(Position reached) const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void run();
  bool restore(Lock& machine);
  LogResult perform(const LogTask& task);
  void follow();
  void read_on();
  bool followed(std::span<DecodedCommit> commits);
  void talk();

  void step(Lock& machine);
  void publish(Lock& machine);
  void take_snapshot_if_due();
  void answer(WriterMachine::Answered& answered, Clock::time_point now);
  void note_commit(Position position, std::size_t events, Timestamp committed_at);
  void poke_writer();
  bool stopping() const;

  EventLog& log_;
  const Options options_;
  SnapshotKeeper* const snapshots_;  // may be null
  Peers* const peers_;               // may be null
  std::function<void()> changed_;

  // Locked before mutex_ by whoever runs the machine.
  std::mutex running_;
  WriterMachine machine_;
  bool is_restored_ = false;  // from a snapshot, or there is none to restore

  mutable std::mutex mutex_;
  std::condition_variable work_;       // for the writer: commands, a task, or the end
  std::condition_variable following_;  // for the follower: it is time to follow, or the end
  std::deque<WaitingCommand> queue_;
  std::size_t gatherings_ = 0;
  std::unordered_set<KeyHash, SecretHash> keys_in_flight_;
  bool stop_ = false;
  bool poked_ = false;
  bool ended_ = false;
  bool follows_ = false;
  bool takes_commands_ = false;
  Status status_;
  // The most recent commits, each at its position modulo the size.
  struct RecentCommit {
    std::uint64_t events_until = 0;  // in the log, up to and including this commit
    Timestamp committed_at;
  };
  std::vector<RecentCommit> recent_commits_;
  Position first_noted_;  // the position that this run started from
  Position noted_;        // the last commit noted

  Measures measures_;
  std::thread writer_, follower_, talker_;
};

}  // namespace jangbu
