#include "commands/writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "events/errors.hpp"
#include "infra/read_ahead.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t recent_commits = 65'536;

// How long to wait for the log before looking whether that is still wanted.
constexpr auto read_timeout = 100ms;
constexpr std::size_t most_read = 256;
constexpr auto pause_while_away = 500ms;

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

// Does what the machine wants of the log.
struct Perform {
  EventLog& log;

  LogResult operator()(const AppendTask& task) const {
    return log.append(task.expected, {task.id, *task.payload, task.origin}, task.timeout);
  }
  LogResult operator()(const ReadTask& task) const { return log.read(task.position); }
  LogResult operator()(const EndTask&) const { return LogEnd{log.last(), log.replicas()}; }
};

}  // namespace

Writer::Writer(EventLog& log, Sources sources, Options options, SnapshotKeeper* snapshots,
               Peers* peers)
    : log_(log),
      options_(std::move(options)),
      snapshots_(snapshots),
      peers_(peers),
      machine_(std::move(sources), options_.machine),
      recent_commits_(recent_commits) {}

Writer::~Writer() {
  stop();
}

void Writer::start() {
  invariant(!writer_.joinable(), "a writer is started once");
  const auto named = [this](const char* name, void (Writer::*body)()) {
    return std::thread([this, name, body] {
      ::pthread_setname_np(::pthread_self(), name);
      (this->*body)();
    });
  };
  follower_ = named("follower", &Writer::follow);
  if (peers_) talker_ = named("peers", &Writer::talk);
  writer_ = named("writer", &Writer::run);
}

void Writer::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  poke_writer();
  if (writer_.joinable()) writer_.join();
}

Writer::Status Writer::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

Standing Writer::standing() const {
  std::lock_guard lock(mutex_);
  return status_.standing;
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

// --- Commands ------------------------------------------------------------------------------------

void Writer::submit(Submission submission) {
  invariant(submission.asker != nullptr, "somebody asks, be it anyone()");
  std::optional<NotDecided> refused;
  bool wakes = false;
  Position position;
  {
    std::lock_guard lock(mutex_);
    position = status_.position;
    const auto& key = submission.conditions.key;
    if (stop_ || !takes_commands_) {
      refused = NotDecided::not_ready;
    } else if (status_.queued >= options_.queue) {
      refused = NotDecided::overloaded;
    } else if (key && !keys_in_flight_.insert(key->key).second) {
      refused = NotDecided::key_in_flight;
    } else {
      ++status_.queued;
      queue_.push_back({std::move(submission), Clock::now() + options_.deadline});
      // Otherwise the writer was already notified, or will be.
      wakes = queue_.size() == 1 && gatherings_ == 0;
    }
  }
  if (refused) {
    Count{measures_.commands[submission.command.index()]}(*refused);
    submission.answer({position, *refused});
  } else if (wakes) {
    work_.notify_one();
  }
}

Writer::Gathering::Gathering(Writer& writer) : writer_(writer) {
  const std::lock_guard lock(writer_.mutex_);
  ++writer_.gatherings_;
}

Writer::Gathering::~Gathering() {
  {
    const std::lock_guard lock(writer_.mutex_);
    if (--writer_.gatherings_ > 0 || writer_.queue_.empty()) return;
  }
  writer_.work_.notify_one();
}

void Writer::hand_over(std::function<void(HandOver)> done) {
  {
    Lock machine(running_);
    machine_.hand_over(Clock::now(), std::move(done));
    step(machine);
  }
  poke_writer();
}

void Writer::leave(std::function<void(HandOver)> done) {
  {
    const Lock machine(running_);
    machine_.leave();
  }
  hand_over(std::move(done));
}

void Writer::answer(WriterMachine::Answered& answered, Clock::time_point now) {
  Submission& submission = answered.waiting.submission;
  if (!submission.answer) return;  // already answered, at its deadline
  CommandMeasures& measures = measures_.commands[submission.command.index()];
  std::visit(Count{measures}, answered.outcome.result);
  measures.duration.observe(now - (answered.waiting.deadline - options_.deadline));
  std::exchange(submission.answer, nullptr)(std::move(answered.outcome));
}

// --- Running the machine -------------------------------------------------------------------------

// Hands the machine what has gathered, and lets it decide. REQUIRES: the machine is locked; it is
// unlocked for a while.
void Writer::step(Lock& machine) {
  std::deque<WaitingCommand> fresh;
  bool stop = false;
  {
    std::lock_guard lock(mutex_);
    if (gatherings_ == 0 || stop_) fresh.swap(queue_);
    stop = stop_;
  }
  machine_.take(std::move(fresh));
  if (stop) machine_.stop();
  machine_.tick(Clock::now());
  publish(machine);
}

// Tells what has come of it. Like step().
void Writer::publish(Lock& machine) {
  auto answers = machine_.take_answers();
  const auto committed = machine_.take_committed();
  bool has_other_standing = false;
  bool starts_to_follow = false;
  {
    std::lock_guard lock(mutex_);
    const Standing before = status_.standing;
    static_cast<WriterMachine::Status&>(status_) = machine_.status();
    has_other_standing = status_.standing != before;
    takes_commands_ = machine_.takes_commands();
    starts_to_follow = is_restored_ && machine_.follows() && !follows_;
    follows_ = is_restored_ && machine_.follows();
    for (const auto& commit : committed) {
      note_commit(commit.position, commit.events, commit.committed_at);
      if (!commit.own) continue;
      ++status_.commits;
      status_.events += commit.events;
    }
    for (const auto& answered : answers) {
      if (!answered.settled) continue;
      --status_.queued;
      if (const auto& key = answered.waiting.submission.conditions.key)
        keys_in_flight_.erase(key->key);
    }
  }
  if (starts_to_follow) following_.notify_one();
  if (has_other_standing && peers_) peers_->wake();
  if (!has_other_standing && answers.empty() && committed.empty()) return;
  machine.unlock();
  for (const auto& commit : committed) {
    if (!commit.own) continue;
    measures_.commit_events.observe(commit.events);
    measures_.commit_bytes.observe(commit.bytes);
    measures_.append_duration.observe(commit.took);
  }
  const auto now = Clock::now();
  for (auto& answered : answers) answer(answered, now);
  if (has_other_standing && changed_) changed_();
  machine.lock();
}

// Nothing is staged when it is at rest: everything in the shop is in the log.
void Writer::take_snapshot_if_due() {
  if (!snapshots_ || !is_restored_ || machine_.ended() || !machine_.at_rest()) return;
  const std::uint64_t events = recent_commits_[noted_.value % recent_commits].events_until;
  if (snapshots_->due(events)) snapshots_->store(machine_.snapshot(events));
}

// REQUIRES: mutex_ is held.
void Writer::note_commit(Position position, std::size_t events, Timestamp committed_at) {
  const auto& before = recent_commits_[noted_.value % recent_commits];
  recent_commits_[position.value % recent_commits] = {before.events_until + events, committed_at};
  noted_ = position;
}

// There is a task, or an end, that another thread brought about.
void Writer::poke_writer() {
  {
    std::lock_guard lock(mutex_);
    poked_ = true;
  }
  work_.notify_one();
}

bool Writer::stopping() const {
  std::lock_guard lock(mutex_);
  return stop_;
}

// --- The writer's thread -------------------------------------------------------------------------

void Writer::run() {
  Lock machine(running_);
  if (!restore(machine)) machine_.stop();
  for (;;) {
    take_snapshot_if_due();
    step(machine);
    if (machine_.ended()) break;
    if (!peers_ && machine_.take_ask()) {
      machine_.heard_nobody(Clock::now());
      continue;
    }
    if (const auto task = machine_.take_task()) {
      machine.unlock();
      LogResult result = perform(*task);
      machine.lock();
      machine_.done(Clock::now(), std::move(result));
      publish(machine);
      continue;
    }
    const auto until = machine_.wakes_at();
    machine.unlock();
    {
      Lock lock(mutex_);
      work_.wait_until(lock, until,
                       [this] { return poked_ || (!queue_.empty() && gatherings_ == 0); });
      poked_ = false;
    }
    machine.lock();
  }
  const bool is_whole = is_restored_ && machine_.status().state != State::halted;
  machine.unlock();
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  following_.notify_one();
  follower_.join();
  if (peers_) {
    peers_->wake();
    talker_.join();
  }
  if (snapshots_ && is_whole)
    snapshots_->store_last(
        machine_.snapshot(recent_commits_[noted_.value % recent_commits].events_until));
}

LogResult Writer::perform(const LogTask& task) {
  try {
    return std::visit(Perform{log_}, task);
  } catch (const Unavailable& away) {
    return LogAway{away.what()};
  } catch (const Corrupt& corrupt) {
    return LogCorrupt{corrupt.what()};
  }
}

// Starts from the snapshot instead of an empty shop, once the log is there. The gate has checked
// that the snapshot belongs to this log, but another process may have replaced it since. False when
// the writer is stopped first.
bool Writer::restore(Lock& machine) {
  while (!stopping()) {
    try {
      log_.last();  // throws while the log is away, before anything is loaded
      auto last = snapshots_ ? snapshots_->load(options_.machine.idempotency_keys) : std::nullopt;
      if (last) {
        if (const auto wrong = contradiction(last->mark, log_)) throw Corrupt(*wrong);
        const SnapshotMark mark = last->mark;
        machine_.restore(*std::move(last));
        std::lock_guard lock(mutex_);
        first_noted_ = noted_ = mark.position;
        recent_commits_[noted_.value % recent_commits] = {mark.events, mark.committed_at};
      }
      is_restored_ = true;
      return true;
    } catch (const Unavailable& away) {
      machine_.follow_failed(LogAway{away.what()});
    } catch (const Corrupt& corrupt) {
      machine_.follow_failed(LogCorrupt{corrupt.what()});
      return true;
    }
    publish(machine);
    machine.unlock();
    {
      Lock lock(mutex_);
      work_.wait_for(lock, pause_while_away, [this] { return stop_; });
    }
    machine.lock();
  }
  return false;
}

// --- The follower's thread -----------------------------------------------------------------------

void Writer::follow() {
  for (;;) {
    {
      Lock lock(mutex_);
      following_.wait(lock, [this] { return follows_ || ended_; });
      if (ended_) return;
    }
    std::variant<std::monostate, LogAway, LogCorrupt> failure;
    try {
      read_on();
    } catch (const Unavailable& away) {
      failure = LogAway{away.what()};
    } catch (const Corrupt& corrupt) {
      failure = LogCorrupt{corrupt.what()};
    }
    if (failure.index() == 0) continue;
    {
      Lock machine(running_);
      if (auto* away = std::get_if<LogAway>(&failure)) machine_.follow_failed(std::move(*away));
      if (auto* corrupt = std::get_if<LogCorrupt>(&failure)) machine_.follow_failed(*corrupt);
      publish(machine);
    }
    poke_writer();
    Lock lock(mutex_);
    following_.wait_for(lock, pause_while_away, [this] { return ended_; });
  }
}

// Hands over what others append, as long as the machine wants it. What is far behind is decoded
// ahead of its folding.
void Writer::read_on() {
  Position from;
  {
    Lock machine(running_);
    from = machine_.position();
  }
  const Position last = log_.last();
  if (last.value >= from.value + ReadAhead::worth_a_thread) {
    ReadAhead ahead(log_, from, last);
    while (from < last) {
      const auto commits = ahead.next(read_timeout);
      if (!commits.empty()) from = commits.back().position;
      if (!followed(commits)) return;
    }
    return;
  }
  const auto reader = log_.read_from(from.next());
  for (;;) {
    std::vector<DecodedCommit> commits;
    for (const StoredCommit& stored : reader->next(most_read, read_timeout))
      commits.push_back(decode_with_place(stored));
    if (!followed(commits)) return;
  }
}

// False when the machine wants no more of this.
bool Writer::followed(std::span<DecodedCommit> commits) {
  Lock machine(running_);
  if (!machine_.follows()) return false;
  if (commits.empty()) return true;
  if (commits.front().position != machine_.position().next()) return false;
  machine_.followed(Clock::now(), commits);
  step(machine);
  take_snapshot_if_due();
  const bool has_task = machine_.has_task();
  machine.unlock();
  if (has_task) poke_writer();
  return true;
}

// --- The peers' thread ---------------------------------------------------------------------------

void Writer::talk() {
  Lock machine(running_);
  bool is_listening = false;
  for (;;) {
    step(machine);
    if (machine_.ended()) break;
    const bool has_task = machine_.has_task();
    const bool is_active = machine_.is_active();
    const auto ask = machine_.take_ask();
    const bool wishes = machine_.take_wish_for_another_server();
    const auto until = machine_.wakes_at();
    machine.unlock();
    if (has_task) poke_writer();
    if (is_active != is_listening) peers_->listen(is_listening = is_active);
    if (wishes) log_.use_another_server();
    if (ask) peers_->ask(*ask);
    const auto arrived = peers_->next(until);
    machine.lock();
    if (!arrived) continue;
    const auto now = Clock::now();
    if (arrived->asked) {
      if (const auto tells = machine_.asked(now, *arrived->asked)) arrived->answer(*tells);
    } else if (arrived->heard) {
      machine_.heard(now, *arrived->heard);
    } else if (arrived->not_understood) {
      machine_.heard_stranger(now);
    } else {
      machine_.heard_nobody(now);
    }
  }
  machine.unlock();
  peers_->listen(false);
}

}  // namespace jangbu
