#include "commands/writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "commands/ownership.hpp"
#include "events/errors.hpp"
#include "infra/log.hpp"
#include "infra/read_ahead.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t recent_commits = 65'536;

// Counts a result; one overload per kind.
struct Count {
  Writer::CommandMeasures& measures;

  void operator()(const Recorded&) const { measures.recorded.add(); }
  void operator()(const Unchanged&) const { measures.unchanged.add(); }
  void operator()(const Repeated&) const { measures.repeated.add(); }
  void operator()(const Offer&) const { measures.offered.add(); }
  void operator()(const Refusal& refusal) const { measures.refused[refusal.index()].add(); }
  void operator()(NotDecided why) const {
    measures.not_decided[static_cast<std::size_t>(why)].add();
  }
};

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

Writer::Writer(EventLog& log, Sources sources, Options options, SnapshotKeeper* snapshots)
    : log_(log),
      sources_(std::move(sources)),
      options_(options),
      snapshots_(snapshots),
      recent_commits_(recent_commits) {
  shop_.keys = CommandKeys(options_.idempotency_keys);
}

Writer::~Writer() {
  stop();
}

void Writer::start() {
  invariant(!thread_.joinable(), "a writer is started once");
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "writer");
    run();
  });
}

void Writer::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Writer::Status Writer::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

Writer::Backlog Writer::after(Position reached) const {
  std::lock_guard lock(mutex_);
  if (reached >= noted_) return {};
  const auto& last = recent_commits_[noted_.value % recent_commits];
  const std::uint64_t oldest = std::max(
      first_noted_.value, noted_.value - std::min<std::uint64_t>(noted_.value, recent_commits - 1));
  if (reached.value >= oldest) {
    const auto& first = recent_commits_[reached.next().value % recent_commits];
    const auto& before = recent_commits_[reached.value % recent_commits];
    return {last.events_until - before.events_until, first.committed_at};
  }
  const auto& kept = recent_commits_[oldest % recent_commits];
  const auto until = static_cast<double>(kept.events_until) * static_cast<double>(reached.value) /
                     static_cast<double>(oldest);
  return {last.events_until - static_cast<std::uint64_t>(until), kept.committed_at};
}

// --- Submitting ----------------------------------------------------------------------------------

void Writer::submit(Submission submission) {
  invariant(submission.asker != nullptr, "somebody asks, be it anyone()");
  std::optional<NotDecided> refused;
  Position position;
  {
    std::lock_guard lock(mutex_);
    position = status_.position;
    const auto& key = submission.conditions.key;
    const bool open = status_.state == State::active || status_.state == State::log_away;
    if (stop_ || !open) {
      refused = NotDecided::not_ready;
    } else if (status_.queued >= options_.queue) {
      refused = NotDecided::overloaded;
    } else if (key && !keys_in_flight_.insert(key->key).second) {
      refused = NotDecided::key_in_flight;
    } else {
      ++status_.queued;
      queue_.push_back({std::move(submission), Clock::now() + options_.deadline});
      if (queue_.size() > 1) return;  // the writer was already notified
    }
  }
  if (refused) {
    Count{measures_.commands[submission.command.index()]}(*refused);
    submission.answer({position, *refused});
  } else {
    work_.notify_one();
  }
}

void Writer::answer(Waiting& waiting, Outcome outcome, Clock::time_point now) {
  if (!waiting.submission.answer) return;  // already answered, with outcome_unknown
  CommandMeasures& measures = measures_.commands[waiting.submission.command.index()];
  std::visit(Count{measures}, outcome.result);
  measures.duration.observe(now - (waiting.deadline - options_.deadline));
  std::exchange(waiting.submission.answer, nullptr)(std::move(outcome));
}

// --- The thread ----------------------------------------------------------------------------------

void Writer::run() {
  if (replay(State::replaying)) {
    set_state(State::active);
    for (;;) {
      // Nothing is staged here: everything in the shop is in the log.
      if (snapshots_ &&
          snapshots_->due(recent_commits_[noted_.value % recent_commits].events_until))
        snapshots_->store(snapshot());
      const bool work = wait_for_work(options_.idle_check);
      if (!work && stopping()) break;
      if (Clock::now() >= look_again_) follow();
      if (is_halted()) break;
      if (work) {
        gather();
        finish(decide_turn());
      }
    }
  }
  if (!is_halted()) set_state(State::stopped);
  turn_away(NotDecided::not_ready);
  if (snapshots_ && is_restored_ && !is_halted()) snapshots_->store_last(snapshot());
}

// Starts from the snapshot instead of an empty shop. The gate has checked that it belongs to this
// log, but another process may have replaced it since.
void Writer::restore() {
  if (is_restored_) return;
  log_.last();  // throws while the log is away, before anything is loaded
  if (auto last = snapshots_ ? snapshots_->load(options_.idempotency_keys) : std::nullopt) {
    if (const auto wrong = contradiction(last->mark, log_)) throw Corrupt(*wrong);
    const SnapshotMark& mark = last->mark;
    shop_ = std::move(last->shop);
    position_ = mark.position;
    commit_id_ = mark.commit;
    committed_at_ = mark.committed_at;
    std::lock_guard lock(mutex_);
    first_noted_ = noted_ = position_;
    recent_commits_[position_.value % recent_commits] = {mark.events, mark.committed_at};
    publish_position();
  }
  is_restored_ = true;
}

Snapshot Writer::snapshot() const {
  const auto& last = recent_commits_[noted_.value % recent_commits];
  return {{position_, commit_id_, committed_at_, last.events_until}, shop_};
}

// Folds what the log holds and the shop does not, waiting for the log if necessary; `meanwhile` is
// the state while it is away. False when this cannot be done, or is no longer wanted.
bool Writer::replay(State meanwhile) {
  for (;;) {
    try {
      restore();
      catch_up();
      return true;
    } catch (const Unavailable& away) {
      set_state(meanwhile, away.what());
      gather();
      if (stopping() && waiting_.empty()) return false;
      pause(500ms);
    } catch (const Corrupt& corrupt) {
      halt(corrupt.what());
      return false;
    }
  }
}

// Folds what others appended while this writer did not.
void Writer::follow() {
  look_again_ = Clock::now() + options_.idle_check;
  try {
    catch_up();
    set_state(State::active);
  } catch (const Unavailable& away) {
    set_state(State::log_away, away.what());
  } catch (const Corrupt& corrupt) {
    halt(corrupt.what());
  }
}

// What the log acknowledged must still be in it.
void Writer::require_not_shorter(Position last) const {
  if (last < position_)
    throw Corrupt("the log ends at " + std::to_string(last.value) + ", but the commit at " +
                  std::to_string(position_.value) +
                  " was there before: its tail was lost. Restore the log from a backup "
                  "(docs/durability.md) and start again");
}

void Writer::catch_up() {
  const Position last = log_.last();
  require_not_shorter(last);
  if (last == position_) return;
  ReadAhead reader(log_, position_, last);
  while (position_ < last) {
    for (DecodedCommit& read : reader.next(1s)) {
      invariant(read.position == position_.next(), "the log is read without a gap");
      committed_at_ = read.commit.committed_at;
      const std::size_t events = read.commit.events.size();
      fold(shop_, std::move(read.commit), read.position);
      position_ = read.position;
      commit_id_ = read.id;
      std::lock_guard lock(mutex_);
      note_commit(position_, events, committed_at_);
    }
    gather();  // so that deadlines are kept, however much there is to read
    if (stopping() && waiting_.empty()) return;
  }
  std::lock_guard lock(mutex_);
  publish_position();
}

void Writer::note_commit(Position position, std::size_t events, Timestamp committed_at) {
  const auto& before = recent_commits_[noted_.value % recent_commits];
  recent_commits_[position.value % recent_commits] = {before.events_until + events, committed_at};
  noted_ = position;
}

// REQUIRES: mutex_ is held.
void Writer::publish_position() {
  status_.position = position_;
  status_.keys = shop_.keys.size();
  status_.key_bytes = shop_.keys.bytes();
  status_.key_window_ms = shop_.keys.window_ms(committed_at_);
  const auto views = [](const auto& table) {
    return Status::Views{table.size(), table.row_bytes(), table.index_bytes()};
  };
  status_.accounts = views(shop_.accounts);
  status_.owners = views(shop_.owners);
  status_.products = views(shop_.products);
  status_.stock = views(shop_.stock);
  status_.purchases = views(shop_.purchases);
}

// --- A turn --------------------------------------------------------------------------------------

// Warns when somebody set the wall clock, since keys are remembered by it. It does no more, because
// nothing here can tell whether the old time or the new one is right.
void Writer::watch_clock(Timestamp now) {
  constexpr auto worth_telling = 1min;
  const auto steady = Clock::now();
  if (clocks_) {
    const auto jump =
        std::chrono::milliseconds(now.ms - clocks_->first.ms) - (steady - clocks_->second);
    if (std::chrono::abs(jump) > worth_telling)
      log::warn("the system's clock was set {} by {} s: see docs/operations.md, 'The clock'",
                jump > 0s ? "forward" : "back",
                std::chrono::duration_cast<std::chrono::seconds>(std::chrono::abs(jump)).count());
  }
  clocks_ = {now, steady};
}

// Moves submitted commands to the writer's own queue.
void Writer::gather() {
  std::deque<Waiting> fresh;
  {
    std::lock_guard lock(mutex_);
    fresh.swap(queue_);
  }
  if (waiting_.empty()) {
    waiting_ = std::move(fresh);
  } else {
    std::move(fresh.begin(), fresh.end(), std::back_inserter(waiting_));
  }
  drop_expired();
}

Writer::Turn Writer::decide_turn() {
  Turn turn;
  const Timestamp now = sources_.now();
  watch_clock(now);
  turn.committed_at = std::max(now, committed_at_);
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

// Appends what the turn decided and only then answers, or takes the turn back.
void Writer::finish(Turn turn) {
  const auto began = Clock::now();
  const Fate fate = turn.events.empty() ? Fate::appended : append(turn);
  if (fate == Fate::appended && !turn.events.empty()) {
    measures_.commit_events.observe(turn.events.size());
    measures_.commit_bytes.observe(turn.bytes);
    measures_.append_duration.observe(Clock::now() - began);
  }
  switch (fate) {
    case Fate::appended:
      if (!turn.events.empty()) {
        shop_.keep(turn.committed_at);
        position_ = position_.next();
        commit_id_ = turn.id;
        committed_at_ = turn.committed_at;
        look_again_ = Clock::now() + options_.idle_check;
      }
      break;
    case Fate::conflict:
      shop_.drop();
      for (auto decided = turn.decided.rbegin(); decided != turn.decided.rend(); ++decided)
        waiting_.push_front(std::move(decided->waiting));
      if (replay(State::log_away)) set_state(State::active);
      return;
    case Fate::abandoned:
      shop_.drop();
      for (Decided& decided : turn.decided) decided.outcome.result = NotDecided::outcome_unknown;
      break;
  }
  {
    std::lock_guard lock(mutex_);
    publish_position();
    status_.queued -= turn.decided.size();
    if (fate == Fate::appended && !turn.events.empty()) {
      ++status_.commits;
      status_.events += turn.events.size();
      note_commit(position_, turn.events.size(), committed_at_);
    }
    for (const Decided& decided : turn.decided)
      if (const auto& key = decided.waiting.submission.conditions.key)
        keys_in_flight_.erase(key->key);
  }
  const auto now = Clock::now();
  for (Decided& decided : turn.decided) {
    decided.outcome.position = position_;
    answer(decided.waiting, std::move(decided.outcome), now);
  }
}

// Sends the turn's commit until the log says what became of it. That the next position is still
// free proves nothing, since an earlier publish may yet land there: the very same bytes are sent
// again until they, or another commit, are in the log.
Writer::Fate Writer::append(Turn& turn) {
  turn.id = sources_.new_commit_id();
  const std::string payload = encode_commit(turn.committed_at, turn.events);
  for (auto wait = 10ms;; wait = std::min(2 * wait, 500ms)) {
    const AppendResult result = log_.append(position_, {turn.id, payload}, options_.append_timeout);
    if (std::holds_alternative<Appended>(result)) {
      set_state(State::active);
      return Fate::appended;
    }
    if (std::holds_alternative<WrongSequence>(result)) {
      try {
        const Fate fate = fate_of_refused(turn.id);
        set_state(State::active);
        return fate;
      } catch (const Unavailable& away) {
        set_state(State::log_away, away.what());
      } catch (const Corrupt& corrupt) {
        halt(corrupt.what());
        return Fate::abandoned;
      }
    } else {
      set_state(State::log_away, std::get<NoAnswer>(result).why);
    }
    answer_late(turn);
    if (stopping() && std::ranges::none_of(turn.decided, [](const Decided& decided) {
          return static_cast<bool>(decided.waiting.submission.answer);
        }))
      return Fate::abandoned;
    pause(wait);
    std::lock_guard lock(mutex_);
    ++status_.resends;
  }
}

// A commit is already where ours should be: ours from an earlier attempt, or another writer's.
Writer::Fate Writer::fate_of_refused(const CommitId& id) {
  const auto there = log_.read(position_.next());
  if (there && there->id == id) return Fate::appended;
  if (there) {
    log::warn("another writer appended at {}: deciding again", there->position.value);
    std::lock_guard lock(mutex_);
    ++status_.conflicts;
    return Fate::conflict;
  }
  require_not_shorter(log_.last());
  throw Unavailable("the log refused an append at its end");
}

// While the log does not answer: answers the commands whose deadline has passed, in this turn and
// in the queue behind it.
void Writer::answer_late(Turn& turn) {
  const auto now = Clock::now();
  for (Decided& decided : turn.decided)
    if (decided.waiting.deadline <= now)
      answer(decided.waiting, {position_, NotDecided::outcome_unknown}, now);
  gather();
}

void Writer::drop_expired() {
  const auto now = Clock::now();
  std::vector<Waiting> expired;
  while (!waiting_.empty() && waiting_.front().deadline <= now) {
    expired.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (expired.empty()) return;
  {
    std::lock_guard lock(mutex_);
    status_.queued -= expired.size();
    for (const Waiting& waiting : expired)
      if (const auto& key = waiting.submission.conditions.key) keys_in_flight_.erase(key->key);
  }
  for (Waiting& waiting : expired) answer(waiting, {position_, NotDecided::overloaded}, now);
}

// Answers everything that still waits, once no more turns will be taken.
void Writer::turn_away(NotDecided why) {
  {
    std::lock_guard lock(mutex_);
    std::move(queue_.begin(), queue_.end(), std::back_inserter(waiting_));
    queue_.clear();
    keys_in_flight_.clear();
    status_.queued = 0;
  }
  const auto now = Clock::now();
  for (Waiting& waiting : waiting_) answer(waiting, {position_, why}, now);
  waiting_.clear();
}

// --- State ---------------------------------------------------------------------------------------

void Writer::set_state(State state, std::string why) {
  std::lock_guard lock(mutex_);
  if (status_.state == state && status_.why == why) return;
  if (!why.empty()) log::warn("the log does not answer: {}", why);
  if (state == State::active) log::info("the writer is active at {}", position_.value);
  status_.state = state;
  status_.why = std::move(why);
}

void Writer::halt(const std::string& why) {
  log::critical("the writer has halted, commands are refused: {}", why);
  std::lock_guard lock(mutex_);
  status_.state = State::halted;
  status_.why = why;
}

bool Writer::is_halted() const {
  std::lock_guard lock(mutex_);
  return status_.state == State::halted;
}

bool Writer::stopping() const {
  std::lock_guard lock(mutex_);
  return stop_;
}

bool Writer::wait_for_work(std::chrono::milliseconds time) {
  if (!waiting_.empty()) return true;
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, time, [this] { return stop_ || !queue_.empty(); });
  return !queue_.empty();
}

void Writer::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, time, [] { return false; });
}

std::string_view to_string(Writer::State state) {
  switch (state) {
    case Writer::State::replaying:
      return "replaying";
    case Writer::State::active:
      return "active";
    case Writer::State::log_away:
      return "log-away";
    case Writer::State::halted:
      return "halted";
    case Writer::State::stopped:
      return "stopped";
  }
  return "";
}

}  // namespace jangbu
