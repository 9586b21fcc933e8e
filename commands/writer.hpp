// The single writer: the one thread that decides commands and appends their events.
//
// It works in turns. A turn takes what is queued, decides it against the shop, staging its events,
// and appends them all as one commit that expects the log to end where the shop does. While that
// append is on its way the next turn's commands gather; so commits grow with the load, and one
// fsync pays for many commands. docs/writer.md tells the story with its failure cases.
//
// Threads: submit(), status() and stop() from any thread. Answers are called on the writer's
// thread, or within submit() when the command is turned away at the door; they must not block.
// Ownership: the log must outlive the writer.
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
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "commands/command.hpp"
#include "events/event_log.hpp"
#include "events/measures.hpp"
#include "projections/views/shop.hpp"
#include "projections/views/snapshot.hpp"
#include "projections/views/store/hash_index.hpp"

namespace jangbu {

// Recorded, and durable.
struct Recorded {
  EventId event;
  EntityView entity;  // as it is after the event
};

// The command was not decided, or what became of it is not known.
enum class NotDecided {
  not_ready,        // the shop is still being replayed, or has halted: nothing was done
  overloaded,       // the queue is full, or it waited too long: nothing was done
  key_in_flight,    // a command with this idempotency key is being carried out
  outcome_unknown,  // sent to the log, which did not answer in time: repeat it with the same key
  keys_full,        // its key could not be remembered, there are too many: nothing was done
};
inline constexpr std::size_t not_decided_count = 5;

struct Outcome {
  Position position;  // where the result is true, and where a recorded event is
  std::variant<Recorded, Unchanged, Repeated, Offer, Refusal, NotDecided> result;
};

struct Submission {
  Command command;
  Conditions conditions;
  Timestamp at;
  std::string correlation;
  std::string actor;
  std::function<void(Outcome)> answer;
};

// Keeps the writer's shop from one run to the next, so that it need not replay the whole log.
//
// Threads: called on the writer's. None of these but the last may block for longer than it takes to
// begin the work.
class SnapshotKeeper {
 public:
  virtual ~SnapshotKeeper() = default;

  // The one that is there, if it can be used.
  virtual std::optional<Snapshot> load(std::size_t key_budget) = 0;
  // Whether one should be taken, of a shop with so many events behind it.
  virtual bool due(std::uint64_t events) = 0;
  virtual void store(Snapshot snapshot) = 0;
  // There will be no more: stores it if it is worth it, and waits until that is done.
  virtual void store_last(Snapshot snapshot) = 0;
};

class Writer {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::size_t queue = 10'000;                       // commands waiting, more are turned away
    std::size_t commit_events = 1'000;                // commands a turn
    std::size_t commit_bytes = 256 * 1024;            // NATS takes messages of 1 MB by default
    std::chrono::milliseconds deadline{5'000};        // for an answer, from submit() on
    std::chrono::milliseconds append_timeout{1'000};  // then the same bytes are sent again
    std::chrono::milliseconds idle_check{1'000};      // looks whether others appended
    std::size_t idempotency_keys = CommandKeys::default_budget;
  };

  // Where time and ids come from: the writer itself has neither.
  struct Sources {
    std::function<Timestamp()> now;
    std::function<CommitId()> new_commit_id;
  };

  enum class State { replaying, active, log_away, halted, stopped };

  struct Status {
    State state = State::replaying;
    std::string why;  // of log_away and halted
    Position position;
    std::size_t queued = 0;
    std::uint64_t commits = 0;
    std::uint64_t events = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t resends = 0;
    std::size_t keys = 0;  // idempotency keys and used quotes that are remembered
    std::size_t key_bytes = 0;
    std::int64_t key_window_ms = CommandKeys::longest_ms;
    struct Views {
      std::size_t rows = 0;
      std::size_t row_bytes = 0;  // of memory, garbage included
      std::size_t index_bytes = 0;
    };
    Views accounts, products, stock, purchases;
  };

  // What became of commands, and how long it took from submit() to their answers; and of commits.
  // By the index of the alternative in Command and in Refusal.
  struct CommandMeasures {
    Counter recorded, unchanged, repeated, offered;
    std::array<Counter, std::variant_size_v<Refusal>> refused;
    std::array<Counter, not_decided_count> not_decided;
    Histogram duration{bounds::latency_ns};  // of all but those turned away at the door
  };
  struct Measures {
    std::array<CommandMeasures, std::variant_size_v<Command>> commands;
    Histogram commit_events{bounds::commit_events};
    Histogram commit_bytes{bounds::commit_bytes};
    Histogram append_duration{bounds::latency_ns};  // until its fate was known
  };

  // What the log holds after a position.
  struct Backlog {
    std::uint64_t events = 0;
    Timestamp oldest;  // commit's time; meaningless without events
  };

  // Without a keeper, every start replays the log from its beginning.
  Writer(EventLog& log, Sources sources, Options options, SnapshotKeeper* snapshots = nullptr);
  Writer(EventLog& log, Sources sources) : Writer(log, std::move(sources), Options{}) {}
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Begins to replay the log into the shop, from the last snapshot on, and then takes turns.
  void start();

  // Hands a command over. Its answer is called exactly once.
  void submit(Submission submission);

  // Finishes the commands that are queued, up to their deadlines, and ends the thread.
  void stop();

  Status status() const;
  const Measures& measures() const { return measures_; }
  const Options& options() const { return options_; }

  // Of a projection that has reached this position. Exact for the last 65,536 commits, of those
  // that came after the snapshot that this run began with; before them events are taken to be
  // evenly spread, and the oldest of those commits is told.
  Backlog after(Position reached) const;

 private:
  struct Waiting {
    Submission submission;
    Clock::time_point deadline;
  };
  // A command that was decided in this turn, with its answer, held until the commit is in the log.
  struct Decided {
    Waiting waiting;
    Outcome outcome;
  };
  struct Turn {
    std::vector<Decided> decided;
    std::vector<std::string> events;  // encoded
    std::size_t bytes = 0;
    CommitId id;
    Timestamp committed_at;
  };
  enum class Fate { appended, conflict, abandoned };

  void run();
  void restore();
  Snapshot snapshot() const;
  bool replay(State meanwhile);
  void follow();
  void catch_up();
  void require_not_shorter(Position last) const;

  void watch_clock(Timestamp now);
  void gather();
  Turn decide_turn();
  void finish(Turn turn);
  Fate append(Turn& turn);
  Fate fate_of_refused(const CommitId& id);
  void answer_late(Turn& turn);

  void answer(Waiting& waiting, Outcome outcome, Clock::time_point now);
  void turn_away(NotDecided why);
  void drop_expired();

  void set_state(State state, std::string why = {});
  void halt(const std::string& why);
  // A commit that is in the log, and in the shop. REQUIRES: mutex_ is held.
  void note_commit(Position position, std::size_t events, Timestamp committed_at);
  void publish_position();
  bool is_halted() const;
  bool stopping() const;
  // Waits for work, a stop, or the time to pass. True when there is work.
  bool wait_for_work(std::chrono::milliseconds time);
  void pause(std::chrono::milliseconds time);

  EventLog& log_;
  const Sources sources_;
  const Options options_;
  SnapshotKeeper* const snapshots_;  // may be null

  // The writer thread's own.
  Shop shop_;
  bool is_restored_ = false;  // from a snapshot, or there is none
  Position position_;         // of the last commit in shop_
  CommitId commit_id_;
  Timestamp committed_at_;
  // What the clocks said when the wall clock was last looked at.
  std::optional<std::pair<Timestamp, Clock::time_point>> clocks_;
  Clock::time_point look_again_;  // whether others appended
  std::deque<Waiting> waiting_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> queue_;
  std::unordered_set<KeyHash, SecretHash> keys_in_flight_;
  bool stop_ = false;
  Status status_;
  // Of the last commits, each at its position modulo the size.
  struct RecentCommit {
    std::uint64_t events_until = 0;  // in the log, those of this commit included
    Timestamp committed_at;
  };
  std::vector<RecentCommit> recent_commits_;
  Position first_noted_;  // the oldest that there ever was
  Position noted_;        // the last of them

  Measures measures_;
  std::thread thread_;
};

// "log-away"
std::string_view to_string(Writer::State state);

}  // namespace jangbu
