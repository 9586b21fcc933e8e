// The writer without its threads: a state machine that is handed messages, time and random numbers,
// and says what it wants of the log and of other instances. `Writer` runs it on real threads, and
// tests/simulation runs many of them at once; both run exactly this code.
//
// Of all instances on one log, one is active: it decides commands, in turns (writer.hpp), and
// appends their events. The others are standbys: they fold the log and wait. The log is the only
// authority on who is active. A term begins with a claim, a commit without events, and ends when
// another instance's commit is found where the active one wanted to append. Every append is fenced,
// so two instances can never both be right; all that is agreed on elsewhere (asking, silence,
// hand-over) only keeps them out of each other's way. docs/cluster.md and docs/writer.md describe
// the protocol.
//
// Threads: one at a time. Times are those of a steady clock, which the caller reads.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "commands/peers.hpp"
#include "commands/submission.hpp"
#include "events/event_log.hpp"
#include "infra/read_ahead.hpp"
#include "projections/views/shop.hpp"
#include "projections/views/snapshot.hpp"

namespace jangbu {

// What the machine wants of the log. It wants one thing at a time, and waits for its result.
struct AppendTask {
  Position expected;
  CommitId id;
  Origin origin;
  std::shared_ptr<const std::string> payload;
  std::chrono::milliseconds timeout;  // then the same is sent again
};
struct ReadTask {
  Position position;
};
struct EndTask {};  // where the log ends, according to the stream's leader
using LogTask = std::variant<AppendTask, ReadTask, EndTask>;

struct LogEnd {
  Position position;
  unsigned replicas = 1;
};
// The log cannot be reached, or does not say.
struct LogAway {
  std::string why;
};
// The log cannot be trusted.
struct LogCorrupt {
  std::string why;
};
using LogResult =
    std::variant<AppendResult, std::optional<StoredCommit>, LogEnd, LogAway, LogCorrupt>;

class WriterMachine {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using Duration = std::chrono::milliseconds;

  struct Options {
    std::size_t commit_events = 1'000;      // commands per turn
    std::size_t commit_bytes = 256 * 1024;  // NATS takes messages of 1 MB by default
    Duration idle_check{1'000};             // how often to check whether others appended
    std::size_t idempotency_keys = CommandKeys::default_budget;

    Author self;
    std::string agreement;     // a digest of what must be the same everywhere
    bool never_claim = false;  // for maintenance

    Duration ask_every{250};
    Duration nobody_for{100};  // nobody was there to answer, twice, so long apart: claim
    Duration silence{1'500};   // no answer for so long: claim, after up to ask_every more
    Duration long_silence{10'000};
  };

  // Where timestamps, ids and chance come from.
  struct Sources {
    std::function<Timestamp()> now;
    std::function<CommitId()> new_commit_id;
    std::function<std::uint32_t()> any_number;
  };

  enum class State { replaying, standby, claiming, active, log_away, halted, stopped };

  struct Status {
    State state = State::replaying;
    std::string why;  // why the log is away, why it is no candidate, or why it halted
    Position position;
    Standing standing;
    bool is_candidate = false;  // it is active, or would take over
    std::uint64_t conflicts = 0;
    std::uint64_t resends = 0;
    std::uint64_t claims = 0;        // that succeeded
    std::uint64_t void_commits = 0;  // folded since the start
    std::size_t keys = 0;            // remembered idempotency keys and used quotes
    std::size_t key_bytes = 0;
    std::int64_t key_window_ms = CommandKeys::longest_ms;
    struct Views {
      std::size_t rows = 0;
      std::size_t row_bytes = 0;  // of memory, garbage included
      std::size_t index_bytes = 0;
    };
    Views accounts, owners, products, stock, purchases;
  };

  // A command's answer. The answer function is empty when the command was answered before, at its
  // deadline: now its fate is settled.
  struct Answered {
    WaitingCommand waiting;
    Outcome outcome;
    bool settled = true;  // false: only its time is up
  };
  // A commit that is in the log and in the shop.
  struct Committed {
    Position position;
    std::size_t events = 0;
    Timestamp committed_at;
    bool own = false;       // by this machine's turn, with its size and the time it took
    std::size_t bytes = 0;  // of its events
    Clock::duration took{0};
  };
  // How a hand-over ended: with a successor, or why there is none.
  struct NotHandedOver {
    std::string why;
  };
  using HandOver = std::variant<Author, NotHandedOver>;

  WriterMachine(Sources sources, Options options);

  // --- What happens ---
  // Begins with this instead of an empty shop. REQUIRES: nothing else has happened.
  void restore(Snapshot snapshot);
  // Time passes. Also called after anything else has happened: it is here that decisions are made.
  void tick(Time now);
  // Takes these commands. REQUIRES: takes_commands(), or they are answered with not_ready.
  void take(std::deque<WaitingCommand> commands);
  // The result of the task that was taken last.
  void done(Time now, LogResult result);
  // What a reader of the log found, right after position(). A time that went back is put right in
  // place. REQUIRES: follows().
  void followed(Time now, std::span<DecodedCommit> commits);
  void follow_failed(LogAway away);
  void follow_failed(const LogCorrupt& corrupt);
  // From other instances.
  std::optional<ActiveTells> asked(Time now, const StandbyTells& tells);
  void heard(Time now, const ActiveTells& tells);
  void heard_nobody(Time now);
  // Somebody is active, and shares no secret with this instance: they cannot follow each other.
  void heard_stranger(Time now);
  // Hands the term over to a standby that has caught up, once what was taken is decided. If there
  // is none, `done` is called at once; otherwise within 5 s, and a hand-over that is on its way
  // then may still succeed.
  void hand_over(Time now, std::function<void(HandOver)> done);
  // It is about to stop: it takes over no more. If it is active, it stays so until it hands over.
  void leave();
  // Decides what was taken, up to its deadlines, and ends.
  void stop();

  // --- What it wants ---
  std::optional<LogTask> take_task();
  bool has_task() const { return task_.has_value(); }
  std::optional<StandbyTells> take_ask();
  // When an append has been without an answer for long, and again and again.
  bool take_wish_for_another_server();
  bool follows() const;
  // The next moment at which tick() may have something to do; any time before will do, too.
  Time wakes_at() const;

  // --- What came of it ---
  bool is_active() const { return active_; }
  bool takes_commands() const;
  bool ended() const { return state_ == State::stopped || state_ == State::halted; }
  Position position() const { return position_; }
  Standing standing() const;
  Status status() const;
  std::vector<Answered> take_answers() { return std::exchange(answers_, {}); }
  std::vector<Committed> take_committed() { return std::exchange(committed_, {}); }
  // Whether the shop is exactly what the log holds up to position().
  bool at_rest() const { return !turn_; }
  // REQUIRES: at_rest(). `events`: in the log up to position().
  Snapshot snapshot(std::uint64_t events) const;

 private:
  // A command decided in this turn, with its answer, which is held back until what it rests on is
  // certain.
  struct Decided {
    WaitingCommand waiting;
    Outcome outcome;
  };
  struct Turn {
    std::vector<Decided> decided;
    std::vector<std::string> events;  // encoded
    std::size_t bytes = 0;
    Timestamp committed_at;
  };
  // A commit on its way into the log. That the next position is still free proves nothing, since
  // an earlier publish may yet land there: the very same bytes are sent again until they, or
  // another commit, are in the log.
  enum class Purpose { turn, confirmation, claim, hand_over };
  struct Sending {
    Purpose purpose;
    AppendTask task;
    Timestamp committed_at;
    Time began;
    Time next_try;
    Duration pause{10};
    bool sent = false;
    bool look = false;  // refused: what is there must be read
    Time try_another_server;
  };
  struct Standby {
    Author author;
    Position position;
    bool eligible = false;
    Time seen;
  };

  void tick_active(Time now);
  void tick_standby(Time now);
  void tick_sending(Time now);

  void send(Time now, Purpose purpose, std::string payload, Timestamp committed_at,
            std::optional<InstanceId> successor = {});
  void want(LogTask task);
  void on_append(Time now, const AppendResult& result);
  void on_read(Time now, const std::optional<StoredCommit>& there);
  void on_end(Time now, const LogEnd& end);
  void on_away(Time now, std::string why);
  void settle_sent(Time now);
  void begin_term(Time now);
  void follow_again(Time now);

  Turn decide_turn();
  void begin_turn(Time now);
  void confirm_turn(Time now);
  bool trusts_leader(Time now) const;
  void finish_turn();
  void drop_turn(NotDecided why);
  void answer_late(Time now);
  void drop_expired(Time now);
  void turn_away(NotDecided why);
  void watch_clock(Time now);

  bool is_eligible() const;
  std::string why_no_candidate() const;
  void set_candidate(std::string why_not);
  void sign_of_life(Time now);
  const Standby* successor(Time now) const;
  NotHandedOver no_successor(Time now) const;
  void send_hand_over(Time now);
  void end_hand_over(HandOver how);
  void claim(Time now);
  Duration patience(Time now) const;
  void note_change(Time now);

  void set_state(State state, std::string why = {});
  void halt(const std::string& why);

  const Sources sources_;
  const Options options_;

  State state_ = State::replaying;
  std::string why_;
  bool leaving_ = false;
  bool stopping_ = false;

  Shop shop_;
  Position position_;  // of the last commit in shop_
  CommitId commit_id_;
  Timestamp committed_at_;

  std::deque<WaitingCommand> waiting_;
  std::optional<Turn> turn_;
  std::optional<Sending> sending_;
  std::optional<LogTask> task_;
  bool is_busy_ = false;  // a task was taken, and its result is not there yet
  Position asked_from_;   // position() when it was taken

  Time ticked_at_;

  // While it is active.
  bool active_ = false;
  Position term_;
  unsigned replicas_ = 1;
  Time quorum_at_;   // there was a quorum then, or later: what was sent then was acknowledged
  Time look_again_;  // for commits that others appended
  std::map<InstanceId, Standby> standbys_;
  std::function<void(HandOver)> handing_over_;
  Time hand_over_until_;

  // While it is not.
  Standing known_;  // who is active
  bool is_caught_up_ = false;
  std::optional<Position> end_at_start_;
  Time life_at_;         // when the active instance last showed a sign of life
  Position life_until_;  // where the log ended then
  std::optional<Time> nobody_since_;
  std::optional<Time> still_since_;  // the leader has said since then that the log does not move
  bool wants_to_claim_ = false;      // as soon as the leader says that the log does not move
  Duration random_wait_{0};
  Time ask_at_;
  Time end_at_;
  Time not_before_;  // no claim because of nobody, after another has just taken over from this one
  std::deque<Time> changes_;  // of the active instance, lately, and since it was heard
  bool wants_ask_ = false;
  bool wish_for_another_server_ = false;
  std::string no_candidate_;  // why it does not claim
  bool clocks_differ_ = false;

  // Both clocks' readings when the wall clock was last checked.
  std::optional<std::pair<Timestamp, Time>> clocks_;

  std::uint64_t conflicts_ = 0;
  std::uint64_t resends_ = 0;
  std::uint64_t claims_ = 0;
  std::uint64_t void_commits_ = 0;
  std::vector<Answered> answers_;
  std::vector<Committed> committed_;
};

// "log-away"
std::string_view to_string(WriterMachine::State state);

}  // namespace jangbu
