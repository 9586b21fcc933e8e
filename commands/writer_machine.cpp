#include "commands/writer_machine.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "commands/ownership.hpp"
#include "events/commit.hpp"
#include "events/errors.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

using Clock = WriterMachine::Clock;

// How long the log may leave an append without an answer before it is sent again. A replicated
// stream drops what is in flight when its leader changes, so there it is sent again sooner.
constexpr std::chrono::milliseconds append_timeout{1'000};
constexpr std::chrono::milliseconds replicated_append_timeout{300};
constexpr std::chrono::milliseconds longest_pause{500};
constexpr std::chrono::milliseconds retry_end{100};

// How long an append may go unanswered before another server is tried, and before this instance no
// longer answers to asks, so that another takes over.
constexpr auto try_another_server = 3s;
constexpr auto seems_dead = 5s;

// A cut-off leader of a replicated stream may answer where it ends for as long as this: nats-server
// holds no election within 4 s of the last heartbeat.
constexpr auto quorum_holds = 3s;

// ... but one may begin that long after a connection between servers broke, and then at once: this
// instance may not hear of it, since its own server does not. Whoever asks it over that connection
// is missed then.
constexpr auto standby_asks = 500ms;
constexpr auto standby_is_missed = 20s;

constexpr auto clocks_may_differ = 5s;
constexpr auto standby_is_there = 1s;
constexpr auto changes_count = 60s;
// After another instance took over: nobody to answer counts as silence for so long.
constexpr auto rest_after_losing = 10s;
constexpr auto rest_after_hand_over = 500ms;

// How long whoever asks for a hand-over waits for it: as long as commands do.
constexpr auto longest_hand_over = 5s;

// While anything may happen that no message tells.
constexpr std::chrono::milliseconds pulse{20};

// Turns a decision into a result. `event` is what was recorded, if anything, and `entity` is as
// that event left it.
struct ResultOf {
  using Result = decltype(Outcome::result);

  std::optional<EventId> event = {};
  EntityView entity = {};

  Result operator()(Event&&) { return Recorded{event.value(), std::move(entity)}; }
  // An event recorded for this command's own key comes first: later repeats will find that one.
  Result operator()(Repeated&& repeated) {
    return Repeated{event.value_or(repeated.event), repeated.purchase, repeated.unscoped};
  }
  template <class Other>
  Result operator()(Other&& other) {
    return std::forward<Other>(other);
  }
};

}  // namespace

WriterMachine::WriterMachine(Sources sources, Options options)
    : sources_(std::move(sources)), options_(std::move(options)) {
  shop_.keys = CommandKeys(options_.idempotency_keys);
}

void WriterMachine::restore(Snapshot snapshot) {
  shop_ = std::move(snapshot.shop);
  position_ = snapshot.mark.position;
  commit_id_ = snapshot.mark.commit;
  committed_at_ = snapshot.mark.committed_at;
}

Snapshot WriterMachine::snapshot(std::uint64_t events) const {
  return {{position_, commit_id_, committed_at_, events}, shop_};
}

void WriterMachine::take(std::deque<WaitingCommand> commands) {
  if (waiting_.empty()) {
    waiting_ = std::move(commands);
  } else {
    std::ranges::move(commands, std::back_inserter(waiting_));
  }
}

void WriterMachine::stop() {
  stopping_ = true;
}

void WriterMachine::tick(Time now) {
  ticked_at_ = now;
  drop_expired(now);
  if (turn_) answer_late(now);
  if (ended()) return turn_away(NotDecided::not_ready);
  if (handing_over_ && now >= hand_over_until_)
    end_hand_over(NotHandedOver{"the event log does not answer"});
  if (sending_ && now >= sending_->try_another_server) {
    sending_->try_another_server = now + try_another_server;
    wish_for_another_server_ = true;
  }
  if (!active_) {
    tick_standby(now);
  } else if (!is_busy_ && !task_ && !sending_) {
    tick_active(now);
  }
  if (sending_ && !is_busy_ && !task_) tick_sending(now);
}

WriterMachine::Time WriterMachine::wakes_at() const {
  const bool is_idle = active_ && !turn_ && waiting_.empty() && !handing_over_ && !stopping_;
  return is_idle && !is_busy_ ? look_again_ : ticked_at_ + pulse;
}

std::optional<LogTask> WriterMachine::take_task() {
  if (!task_) return std::nullopt;
  is_busy_ = true;
  asked_from_ = position_;
  return std::exchange(task_, std::nullopt);
}

std::optional<StandbyTells> WriterMachine::take_ask() {
  if (!std::exchange(wants_ask_, false)) return std::nullopt;
  return StandbyTells{options_.self, known_.term, position_, is_eligible()};
}

bool WriterMachine::take_wish_for_another_server() {
  return std::exchange(wish_for_another_server_, false);
}

bool WriterMachine::follows() const {
  return !active_ && !sending_ && !ended() && !stopping_;
}

bool WriterMachine::takes_commands() const {
  return active_ && !handing_over_ && !ended();
}

Standing WriterMachine::standing() const {
  if (takes_commands()) return known_;
  if (active_ || nobody_since_ || state_ == State::claiming) return {};
  return known_;
}

// --- A turn --------------------------------------------------------------------------------------

void WriterMachine::tick_active(Time now) {
  if (turn_) return confirm_turn(now);
  if (!waiting_.empty()) return begin_turn(now);
  if (stopping_) {
    end_hand_over(NotHandedOver{"this instance stops"});
    return set_state(State::stopped);
  }
  if (handing_over_) return send_hand_over(now);
  if (now >= look_again_) want(EndTask{});
}

void WriterMachine::begin_turn(Time now) {
  watch_clock(now);
  turn_ = decide_turn();
  if (turn_->events.empty()) return confirm_turn(now);
  send(now, Purpose::turn, encode_commit(turn_->committed_at, turn_->events), turn_->committed_at);
}

WriterMachine::Turn WriterMachine::decide_turn() {
  Turn turn;
  turn.committed_at = std::max(sources_.now(), committed_at_);
  turn.decided.reserve(std::min(waiting_.size(), options_.commit_events));
  while (!waiting_.empty() && turn.decided.size() < options_.commit_events) {
    Submission& next = waiting_.front().submission;
    Decision decision = decide(shop_, next.command, next.conditions, *next.asker);
    std::optional<Event> event;
    if (auto* fact = std::get_if<Event>(&decision))
      event = std::move(*fact);
    else
      event = nothing_changed(shop_, next.conditions, *next.asker, decision);
    Outcome outcome{position_, NotDecided::not_ready};
    if (event) {
      RecordedEvent recorded{{.occurred_at = next.at,
                              .command_key = next.conditions.key,
                              .correlation = next.correlation,
                              .causation = {},
                              .actor = actor(shop_, *next.asker)},
                             *std::move(event)};
      if (leaves_key(recorded) && shop_.keys.full(turn.committed_at)) {
        outcome.result = NotDecided::keys_full;
      } else {
        std::string bytes = encode(recorded);
        if (turn.bytes + bytes.size() > options_.commit_bytes && !turn.events.empty()) break;
        const EventId id{position_.next(), static_cast<std::uint32_t>(turn.events.size())};
        EntityView entity = fold(shop_, std::move(recorded), id, turn.committed_at);
        outcome.result = std::visit(ResultOf{id, std::move(entity)}, std::move(decision));
        turn.bytes += bytes.size();
        turn.events.push_back(std::move(bytes));
      }
    } else {
      outcome.result = std::visit(ResultOf{}, std::move(decision));
    }
    turn.decided.push_back({std::move(waiting_.front()), std::move(outcome)});
    waiting_.pop_front();
  }
  return turn;
}

// What was decided without an event is true only if the log still ends where it was decided, asked
// after deciding. A replicated stream's leader counts only while it surely has its quorum.
void WriterMachine::confirm_turn(Time now) {
  const bool nobody_waits = std::ranges::none_of(turn_->decided, [](const Decided& decided) {
    return static_cast<bool>(decided.waiting.submission.answer);
  });
  if (nobody_waits) return drop_turn(NotDecided::not_ready);
  if (!trusts_leader(now))
    return send(now, Purpose::confirmation, encode_commit(turn_->committed_at, {}),
                turn_->committed_at);
  if (now >= end_at_) want(EndTask{});
}

bool WriterMachine::trusts_leader(Time now) const {
  if (replicas_ == 1) return true;
  return now - quorum_at_ < quorum_holds &&
         std::ranges::none_of(standbys_, [&](const auto& standby) {
           return now - standby.second.seen > standby_asks;
         });
}

void WriterMachine::finish_turn() {
  for (Decided& decided : turn_->decided) {
    decided.outcome.position = position_;
    answers_.push_back({std::move(decided.waiting), std::move(decided.outcome)});
  }
  turn_.reset();
}

// Takes back what was staged.
void WriterMachine::drop_turn(NotDecided why) {
  if (!turn_) return;
  shop_.drop();
  for (Decided& decided : turn_->decided)
    answers_.push_back({std::move(decided.waiting), {position_, why}});
  turn_.reset();
}

// Answers the commands of this turn whose deadline has passed. Their keys stay in flight.
void WriterMachine::answer_late(Time now) {
  const NotDecided why =
      turn_->events.empty() ? NotDecided::not_ready : NotDecided::outcome_unknown;
  for (Decided& decided : turn_->decided) {
    Submission& submission = decided.waiting.submission;
    if (!submission.answer || decided.waiting.deadline > now) continue;
    WaitingCommand late{{.command = submission.command,
                         .conditions = {},
                         .at = submission.at,
                         .correlation = {},
                         .asker = submission.asker,
                         .answer = std::exchange(submission.answer, nullptr)},
                        decided.waiting.deadline};
    answers_.push_back({std::move(late), {position_, why}, false});
  }
}

void WriterMachine::drop_expired(Time now) {
  while (!waiting_.empty() && waiting_.front().deadline <= now) {
    answers_.push_back({std::move(waiting_.front()), {position_, NotDecided::overloaded}});
    waiting_.pop_front();
  }
}

void WriterMachine::turn_away(NotDecided why) {
  for (WaitingCommand& waiting : waiting_)
    answers_.push_back({std::move(waiting), {position_, why}});
  waiting_.clear();
}

// Warns when somebody set the wall clock, since keys are remembered by it. It does no more, because
// nothing here can tell whether the old time or the new one is right.
void WriterMachine::watch_clock(Time now) {
  constexpr auto worth_telling = 1min;
  const Timestamp wall = sources_.now();
  if (clocks_) {
    const auto jump =
        std::chrono::milliseconds(wall.ms - clocks_->first.ms) - (now - clocks_->second);
    if (std::chrono::abs(jump) > worth_telling)
      log::warn("the system's clock was set {} by {} s: see docs/operations.md, 'The clock'",
                jump > 0s ? "forward" : "back",
                std::chrono::duration_cast<std::chrono::seconds>(std::chrono::abs(jump)).count());
  }
  clocks_ = {wall, now};
}

// --- A commit on its way -------------------------------------------------------------------------

void WriterMachine::send(Time now, Purpose purpose, std::string payload, Timestamp committed_at,
                         std::optional<InstanceId> successor) {
  sending_ =
      Sending{.purpose = purpose,
              .task = {.expected = position_,
                       .id = sources_.new_commit_id(),
                       .origin = {options_.self, position_, successor},
                       .payload = std::make_shared<const std::string>(std::move(payload)),
                       .timeout = replicas_ > 1 ? replicated_append_timeout : append_timeout},
              .committed_at = committed_at,
              .began = now,
              .next_try = now,
              .try_another_server = now + try_another_server};
}

void WriterMachine::tick_sending(Time now) {
  // At the end nobody waits for the log any more.
  const bool nobody_waits =
      !turn_ || std::ranges::none_of(turn_->decided, [](const Decided& decided) {
        return static_cast<bool>(decided.waiting.submission.answer);
      });
  if (stopping_ && nobody_waits && sending_->pause > Sending{}.pause) {
    drop_turn(NotDecided::outcome_unknown);
    sending_.reset();
    return;
  }
  if (now < sending_->next_try) return;
  if (sending_->look) return want(ReadTask{position_.next()});
  if (sending_->sent) ++resends_;
  sending_->sent = true;
  want(sending_->task);
}

void WriterMachine::want(LogTask task) {
  task_ = std::move(task);
}

void WriterMachine::done(Time now, LogResult result) {
  is_busy_ = false;
  if (ended()) return;
  if (const auto* corrupt = std::get_if<LogCorrupt>(&result)) return halt(corrupt->why);
  if (auto* away = std::get_if<LogAway>(&result)) return on_away(now, std::move(away->why));
  if (const auto* appended = std::get_if<AppendResult>(&result)) return on_append(now, *appended);
  if (const auto* end = std::get_if<LogEnd>(&result)) return on_end(now, *end);
  on_read(now, std::get<std::optional<StoredCommit>>(result));
}

void WriterMachine::on_away(Time now, std::string why) {
  set_state(active_ ? State::log_away : state_, std::move(why));
  end_at_ = look_again_ = now + retry_end;
  still_since_.reset();
  if (!sending_) return;
  sending_->next_try = now + sending_->pause;
  sending_->pause = std::min(2 * sending_->pause, longest_pause);
}

void WriterMachine::on_append(Time now, const AppendResult& result) {
  if (!sending_) return;
  if (std::holds_alternative<Appended>(result)) return settle_sent(now);
  if (const auto* none = std::get_if<NoAnswer>(&result)) return on_away(now, none->why);
  sending_->look = true;
}

// What is right after position().
void WriterMachine::on_read(Time now, const std::optional<StoredCommit>& there) {
  if (!there) {
    // It was refused at the end, or the end was further: either way it must be asked again.
    if (sending_) return want(EndTask{});
    return on_away(now, "the log's leader does not have what it said it has");
  }
  if (sending_ && there->id == sending_->task.id) return settle_sent(now);
  const bool was_active = std::exchange(active_, false);
  if (was_active) ++conflicts_;
  drop_turn(NotDecided::not_ready);
  turn_away(NotDecided::not_ready);
  sending_.reset();
  // Of another instance it is a claim. Its bytes are not looked at here: they may be a newer
  // build's.
  if (const auto& author = there->origin.author) {
    if (was_active) not_before_ = now + rest_after_losing;
    if (author->id != known_.instance) note_change(now);
  }
  if (was_active)
    log::warn("stepped down: {} appended at {}",
              there->origin.author ? there->origin.author->name : "another writer",
              there->position.value);
  end_hand_over(NotHandedOver{"another instance has taken over already"});
  follow_again(now);
}

void WriterMachine::on_end(Time now, const LogEnd& end) {
  if (end.position < asked_from_)  // a standby may have read on meanwhile
    return halt("the log ends at " + std::to_string(end.position.value) + ", but the commit at " +
                std::to_string(asked_from_.value) +
                " was there before: its tail was lost. Restore the log from a backup "
                "(docs/durability.md) and start again");
  replicas_ = end.replicas;
  if (sending_) {  // refused, although nothing is there
    sending_->look = false;
    return on_away(now, "the log refused an append at its end");
  }
  if (active_) {
    if (end.position > position_) return want(ReadTask{position_.next()});
    set_state(State::active);
    look_again_ = now + options_.idle_check;
    if (turn_ && trusts_leader(now)) finish_turn();
    return;
  }
  if (!end_at_start_) end_at_start_ = end.position;
  if (!is_caught_up_) return;
  if (end.position != position_ || position_ != life_until_) {
    nobody_since_.reset();
    still_since_.reset();
    wants_to_claim_ = false;
    life_until_ = position_;
    return;
  }
  if (!still_since_) still_since_ = now;
  if (wants_to_claim_ && is_eligible()) claim(now);
}

// The commit on its way is in the log.
void WriterMachine::settle_sent(Time now) {
  const Sending sent = *std::exchange(sending_, std::nullopt);
  position_ = position_.next();
  commit_id_ = sent.task.id;
  committed_at_ = sent.committed_at;
  quorum_at_ = sent.began;  // the answer may have waited for this process
  look_again_ = now + options_.idle_check;
  Committed committed{.position = position_, .committed_at = committed_at_};
  if (sent.purpose == Purpose::turn) {
    committed.events = turn_->events.size();
    committed.own = true;
    committed.bytes = turn_->bytes;
    committed.took = now - sent.began;
  }
  committed_.push_back(committed);
  shop_.keep(committed_at_);
  switch (sent.purpose) {
    case Purpose::turn:
    case Purpose::confirmation:
      set_state(State::active);
      return finish_turn();
    case Purpose::claim:
      return begin_term(now);
    case Purpose::hand_over:
      active_ = false;
      known_ = {};
      log::info("handed over at {}", position_.value);
      end_hand_over(standbys_[*sent.task.origin.successor].author);
      follow_again(now);
      ask_at_ = not_before_ = now + rest_after_hand_over;
      return;
  }
}

// --- Who is active -------------------------------------------------------------------------------

void WriterMachine::begin_term(Time now) {
  active_ = true;
  term_ = position_;
  ++claims_;
  note_change(now);
  known_ = {true, term_, options_.self.id, options_.self.name, committed_at_};
  nobody_since_.reset();
  standbys_.clear();
  clocks_.reset();
  end_at_ = now;
  set_state(State::active);
}

// Another instance's commit is in the log: this one is a standby now.
void WriterMachine::follow_again(Time now) {
  set_state(State::standby);
  known_ = {};
  is_caught_up_ = false;
  end_at_start_.reset();
  end_at_ = ask_at_ = now;
  sign_of_life(now);
}

bool WriterMachine::is_eligible() const {
  return is_caught_up_ && why_no_candidate().empty() && !stopping_ && !ended();
}

std::string WriterMachine::why_no_candidate() const {
  if (leaving_) return "it is stopping";
  return options_.never_claim ? "it was started with --never-claim" : no_candidate_;
}

void WriterMachine::sign_of_life(Time now) {
  life_at_ = now;
  life_until_ = position_;
  nobody_since_.reset();
  still_since_.reset();
  wants_to_claim_ = false;
  random_wait_ =
      Duration(sources_.any_number() % static_cast<std::uint32_t>(options_.ask_every.count()));
}

// After two changes of the active instance within a minute, in which this one did not hear who was
// active, longer and longer silence is needed: else two that cannot hear each other would take
// turns.
WriterMachine::Duration WriterMachine::patience(Time now) const {
  const auto lately =
      std::ranges::count_if(changes_, [&](Time change) { return now - change < changes_count; });
  Duration patience = options_.silence;
  for (auto i = lately; i > 1 && patience < options_.long_silence; --i) patience *= 2;
  return std::min(patience, std::max(options_.silence, options_.long_silence));
}

void WriterMachine::note_change(Time now) {
  changes_.push_back(now);
  while (now - changes_.front() >= changes_count) changes_.pop_front();
}

void WriterMachine::tick_standby(Time now) {
  if (stopping_) {
    turn_away(NotDecided::not_ready);
    sending_.reset();  // a claim whose fate nobody waits for
    return set_state(State::stopped);
  }
  turn_away(NotDecided::not_ready);
  if (sending_) return;  // claiming
  const bool is_free = !is_busy_ && !task_;
  if (!is_caught_up_) {
    if (!end_at_start_ && is_free && now >= end_at_) want(EndTask{});
    if (!end_at_start_ || position_ < *end_at_start_) return;
    is_caught_up_ = true;
    set_state(State::standby);
    sign_of_life(now);
  }
  if (now >= ask_at_) {
    wants_ask_ = true;
    ask_at_ = now + options_.ask_every;
  }
  if (!is_eligible() || !is_free) return;
  const auto silence = now - life_at_;
  if (silence >= patience(now) + random_wait_ && still_since_ &&
      now - *still_since_ >= options_.silence && position_ == life_until_)
    return claim(now);
  if (now >= end_at_ && (wants_to_claim_ || silence >= 2 * options_.ask_every)) {
    end_at_ = now + options_.ask_every;
    want(EndTask{});
  }
}

void WriterMachine::claim(Time now) {
  wants_to_claim_ = false;
  set_state(State::claiming);
  const Timestamp committed_at = std::max(sources_.now(), committed_at_);
  send(now, Purpose::claim, encode_commit(committed_at, {}), committed_at);
}

void WriterMachine::heard_nobody(Time now) {
  if (active_ || !is_caught_up_ || sending_) return;
  if (!nobody_since_) {
    nobody_since_ = now;
    life_until_ = position_;
    ask_at_ = now + options_.nobody_for;
  } else if (now - *nobody_since_ >= options_.nobody_for && now >= not_before_) {
    wants_to_claim_ = true;
    end_at_ = now;
  }
}

void WriterMachine::heard(Time now, const ActiveTells& tells) {
  if (active_ || sending_) return;
  // Who is active knows best in which term. Whoever began with a snapshot may have taken its
  // confirmation for a claim.
  if (tells.term < known_.term && tells.author.id != known_.instance) return;
  known_ = {false, tells.term, tells.author.id, tells.author.name, tells.since};
  sign_of_life(now);
  changes_.clear();  // they hear each other
  not_before_ = now;
  const auto differs = std::chrono::milliseconds(std::abs(sources_.now().ms - tells.now.ms));
  // An answer may be old, when this process was stopped; the next one is not.
  const bool differed = std::exchange(clocks_differ_, differs > clocks_may_differ);
  std::string why;
  if (tells.agreement != options_.agreement)
    why = "it is configured otherwise than " + tells.author.name +
          ", which is active: --idempotency-keys, the quote secret and access control must be the "
          "same everywhere (docs/cluster.md)";
  else if (clocks_differ_ && differed)
    why = "its clock and that of " + tells.author.name + ", which is active, differ by " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(differs).count()) + " s";
  set_candidate(std::move(why));
}

void WriterMachine::heard_stranger(Time now) {
  if (active_ || sending_) return;
  known_ = {};
  sign_of_life(now);
  set_candidate(
      "the active instance has another cluster secret, or another version of jangbu: the quote "
      "secret, or --cluster-secret, must be the same everywhere (docs/cluster.md)");
}

// Empty: it may take over.
void WriterMachine::set_candidate(std::string why_not) {
  if (!why_not.empty() && no_candidate_.empty())
    log::warn("this instance will not take over: {}", why_not);
  no_candidate_ = std::move(why_not);
}

std::optional<ActiveTells> WriterMachine::asked(Time now, const StandbyTells& tells) {
  if (!active_ || tells.author.id == options_.self.id) return std::nullopt;
  standbys_[tells.author.id] = {tells.author, tells.position, tells.eligible, now};
  std::erase_if(standbys_,
                [&](const auto& standby) { return now - standby.second.seen > standby_is_missed; });
  if (tells.term > term_) look_again_ = now;  // this one was deposed, and does not know yet
  const auto unanswered = sending_ ? now - sending_->began : Clock::duration(0);
  if (unanswered >= seems_dead) return std::nullopt;
  return ActiveTells{.author = options_.self,
                     .term = term_,
                     .since = known_.since,
                     .position = position_,
                     .unanswered = std::chrono::duration_cast<Duration>(unanswered),
                     .agreement = options_.agreement,
                     .now = sources_.now()};
}

void WriterMachine::followed(Time now, std::span<DecodedCommit> commits) {
  if (!follows() || commits.empty()) return;
  bool is_successor = false;
  for (DecodedCommit& read : commits) {
    invariant(read.position == position_.next(), "the log is read without a gap");
    const std::size_t events = read.commit.events.size();
    const auto& author = read.origin.author;
    is_successor = false;
    if (read.origin.is_void_at(read.position)) {
      ++void_commits_;
      log::critical(
          "the commit at {} is void: it was decided at {}. The log's fence was broken "
          "(docs/durability.md)",
          read.position.value, read.origin.decided_at->value);
    } else if (read.origin.successor) {
      known_ = {};
      is_successor = *read.origin.successor == options_.self.id;
    } else if (author && author->id != known_.instance) {
      known_ = {false, events == 0 ? read.position : Position{}, author->id, author->name,
                read.commit.committed_at};
      if (is_caught_up_) note_change(now);
    }
    // A void commit has no time of its own.
    committed_at_ = read.commit.committed_at = std::max(committed_at_, read.commit.committed_at);
    fold(shop_, read.commit, read.position);
    position_ = read.position;
    commit_id_ = read.id;
    committed_.push_back({.position = position_, .events = events, .committed_at = committed_at_});
  }
  sign_of_life(now);
  if (!why_.empty()) set_state(state_);
  if (is_successor && is_eligible()) {
    wants_to_claim_ = true;
    end_at_ = now;
  }
}

void WriterMachine::follow_failed(LogAway away) {
  if (follows()) set_state(state_, std::move(away.why));
}

void WriterMachine::follow_failed(const LogCorrupt& corrupt) {
  if (follows()) halt(corrupt.why);
}

void WriterMachine::hand_over(Time now, std::function<void(HandOver)> done) {
  if (handing_over_) return done(NotHandedOver{"it is being handed over already"});
  if (!active_) return done(NotHandedOver{"this instance is not active"});
  handing_over_ = std::move(done);
  hand_over_until_ = now + longest_hand_over;
  if (!successor(now)) end_hand_over(no_successor(now));
}

void WriterMachine::leave() {
  leaving_ = true;
}

// The standby that has got furthest, of those that can take over; null: there is none.
const WriterMachine::Standby* WriterMachine::successor(Time now) const {
  const Standby* best = nullptr;
  for (const auto& [id, standby] : standbys_)
    if (standby.eligible && now - standby.seen <= standby_is_there &&
        (!best || standby.position > best->position))
      best = &standby;
  return best;
}

WriterMachine::NotHandedOver WriterMachine::no_successor(Time now) const {
  const bool is_any_there = std::ranges::any_of(standbys_, [&](const auto& standby) {
    return now - standby.second.seen <= standby_is_there;
  });
  return {is_any_there ? "no other instance can take over now: their readiness tells why"
                       : "no other instance is there"};
}

void WriterMachine::send_hand_over(Time now) {
  const Standby* to = successor(now);
  if (!to) return end_hand_over(no_successor(now));
  const Timestamp committed_at = std::max(sources_.now(), committed_at_);
  send(now, Purpose::hand_over, encode_commit(committed_at, {}), committed_at, to->author.id);
}

void WriterMachine::end_hand_over(HandOver how) {
  if (handing_over_) std::exchange(handing_over_, nullptr)(std::move(how));
}

// --- State ---------------------------------------------------------------------------------------

void WriterMachine::set_state(State state, std::string why) {
  if (state_ == state && why_ == why) return;
  if (!why.empty()) log::warn("the log does not answer: {}", why);
  if (state == State::active) log::info("the writer is active at {}", position_.value);
  if (state == State::standby && state_ != state)
    log::info("the writer is a standby at {}", position_.value);
  state_ = state;
  why_ = std::move(why);
}

void WriterMachine::halt(const std::string& why) {
  log::critical("the writer has halted, commands are refused: {}", why);
  drop_turn(turn_ && !turn_->events.empty() ? NotDecided::outcome_unknown : NotDecided::not_ready);
  turn_away(NotDecided::not_ready);
  sending_.reset();
  task_.reset();
  active_ = false;
  known_ = {};
  end_hand_over(NotHandedOver{"the writer has halted: " + why});
  state_ = State::halted;
  why_ = why;
}

WriterMachine::Status WriterMachine::status() const {
  const auto views = [](const auto& table) {
    return Status::Views{table.size(), table.row_bytes(), table.index_bytes()};
  };
  return {.state = state_,
          .why = why_.empty() && !active_ ? why_no_candidate() : why_,
          .position = position_,
          .standing = standing(),
          .is_candidate = active_ || is_eligible(),
          .conflicts = conflicts_,
          .resends = resends_,
          .claims = claims_,
          .void_commits = void_commits_,
          .keys = shop_.keys.size(),
          .key_bytes = shop_.keys.bytes(),
          .key_window_ms = shop_.keys.window_ms(committed_at_),
          .accounts = views(shop_.accounts),
          .owners = views(shop_.owners),
          .products = views(shop_.products),
          .stock = views(shop_.stock),
          .purchases = views(shop_.purchases)};
}

std::string_view to_string(WriterMachine::State state) {
  using State = WriterMachine::State;
  switch (state) {
    case State::replaying:
      return "replaying";
    case State::standby:
      return "standby";
    case State::claiming:
      return "claiming";
    case State::active:
      return "active";
    case State::log_away:
      return "log-away";
    case State::halted:
      return "halted";
    case State::stopped:
      return "stopped";
  }
  return "";
}

}  // namespace jangbu
