// The single writer: the one thread that decides commands and appends their events.
//
// It works in turns. A turn takes the queued commands, decides them against the shop, staging their
// events, and appends these as one commit that expects the log to end where the shop does. While
// that append is in flight, the next turn's commands gather, so commits grow with the load and one
// fsync pays for many commands. docs/writer.md describes this with its failure cases.
//
// Threads: submit(), status(), after() and stop() from any thread. Answers are called on the
// writer's thread, or within submit() when it turns the command away; they must not block.
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
#include "commands/principal.hpp"
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

// The command was not decided, or its outcome is not known.
enum class NotDecided {
  not_ready,        // replaying, halted or stopping: nothing was done
  overloaded,       // the queue is full, or the command waited too long: nothing was done
  key_in_flight,    // a command with this idempotency key is being carried out
  outcome_unknown,  // sent to the log, which did not answer in time: repeat it with the same key
  keys_full,        // there is no room to remember its key: nothing was done
};
inline constexpr std::size_t not_decided_count = 5;

struct Outcome {
  Position position;  // at which the result holds; a recorded event is there
  std::variant<Recorded, Unchanged, Repeated, Offer, Refusal, NotDecided> result;
};

struct Submission {
  Command command;
  Conditions conditions;
  Timestamp at;
  std::string correlation;
  Asker asker;
  std::function<void(Outcome)> answer;
};

// Keeps the writer's shop from one run to the next, so that a start need not replay the whole log.
//
// Threads: called on the writer's thread. due() and store() must not block it: store() only starts
// the work.
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

  struct Options {
    std::size_t queue = 10'000;                       // waiting commands; more are turned away
    std::size_t commit_events = 1'000;                // commands per turn
    std::size_t commit_bytes = 256 * 1024;            // NATS takes messages of 1 MB by default
    std::chrono::milliseconds deadline{5'000};        // for an answer, counted from submit()
    std::chrono::milliseconds append_timeout{1'000};  // then the same bytes are sent again
    std::chrono::milliseconds idle_check{1'000};      // how often to check whether others appended
    std::size_t idempotency_keys = CommandKeys::default_budget;
  };

  // Where timestamps and ids come from; the writer makes neither itself.
  struct Sources {
    std::function<Timestamp()> now;
    std::function<CommitId()> new_commit_id;
  };

  enum class State { replaying, active, log_away, halted, stopped };

  struct Status {
    State state = State::replaying;
    std::string why;  // why the log is away, or why the writer halted
    Position position;
    std::size_t queued = 0;
    std::uint64_t commits = 0;
    std::uint64_t events = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t resends = 0;
    std::size_t keys = 0;  // remembered idempotency keys and used quotes
    std::size_t key_bytes = 0;
    std::int64_t key_window_ms = CommandKeys::longest_ms;
    struct Views {
      std::size_t rows = 0;
      std::size_t row_bytes = 0;  // of memory, garbage included
      std::size_t index_bytes = 0;
    };
    Views accounts, owners, products, stock, purchases;
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

  // Without a keeper, every start replays the log from its beginning.
  Writer(EventLog& log, Sources sources, Options options, SnapshotKeeper* snapshots = nullptr);
  Writer(EventLog& log, Sources sources) : Writer(log, std::move(sources), Options{}) {}
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Starts the thread: it replays the log into the shop, from the last snapshot on, and then takes
  // turns.
  void start();

  // Hands over a command. Its answer is called exactly once. REQUIRES: it has an asker.
  void submit(Submission submission);

  // Finishes the queued commands, up to their deadlines, and ends the thread.
  void stop();

  Status status() const;
  const Measures& measures() const { return measures_; }
  const Options& options() const { return options_; }

  // The backlog of a projection that has reached this position. Exact for the last 65,536 commits,
  // as far as they came after the snapshot that this run started from; before that, events are
  // assumed to be evenly spread, and `oldest` is the time of the oldest commit still known.
  Backlog after(Position reached) const;

 private:
  struct Waiting {
    Submission submission;
    Clock::time_point deadline;
  };
  // A command decided in this turn, with its answer, which is held back until the commit is in the
  // log.
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
  // Notes a commit that is in the log and in the shop. REQUIRES: mutex_ is held.
  void note_commit(Position position, std::size_t events, Timestamp committed_at);
  void publish_position();
  bool is_halted() const;
  bool stopping() const;
  // Waits for work, for stop(), or until the time has passed. True when there is work.
  bool wait_for_work(std::chrono::milliseconds time);
  void pause(std::chrono::milliseconds time);

  EventLog& log_;
  const Sources sources_;
  const Options options_;
  SnapshotKeeper* const snapshots_;  // may be null

  // Used by the writer's thread only.
  Shop shop_;
  bool is_restored_ = false;  // from a snapshot, or there is none to restore
  Position position_;         // of the last commit in shop_
  CommitId commit_id_;
  Timestamp committed_at_;
  // Both clocks' readings when the wall clock was last checked.
  std::optional<std::pair<Timestamp, Clock::time_point>> clocks_;
  Clock::time_point look_again_;  // for commits that others appended
  std::deque<Waiting> waiting_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> queue_;
  std::unordered_set<KeyHash, SecretHash> keys_in_flight_;
  bool stop_ = false;
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
  std::thread thread_;
};

// "log-away"
std::string_view to_string(Writer::State state);

}  // namespace jangbu
