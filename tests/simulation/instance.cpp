#include "tests/simulation/instance.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <variant>

#include "api/cluster/subjects.hpp"

namespace jangbu::simulation {

namespace {

constexpr Time to_server = 500us;  // and back
constexpr Time subscribing = 2ms;
constexpr Time read_timeout = 2s;
constexpr Time following = 10ms;
constexpr std::chrono::milliseconds deadline{5'000};
constexpr std::size_t most_queued = 40;
constexpr std::string_view subjects = "shop";
const std::string active_subject = cluster::active_subject(subjects);

template <class SomeId>
SomeId id(std::uint64_t number) {
  SomeId some{};
  for (std::size_t i = 0; i < 8; ++i)
    some.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return some;
}

// An answer names the outcome that it tells: what HTTP makes of it is not simulated.
http::Response response_of(std::deque<Outcome>& outcomes, Outcome outcome) {
  outcomes.push_back(std::move(outcome));
  return {.status = 200, .content_type = "outcome", .body = std::to_string(outcomes.size() - 1)};
}

Outcome outcome_of(const std::deque<Outcome>& outcomes, const http::Response& response) {
  if (response.content_type == "outcome") return outcomes.at(std::stoul(response.body));
  const bool is_unknown = response.body.find("outcome-unknown") != std::string::npos;
  return {{}, is_unknown ? NotDecided::outcome_unknown : NotDecided::not_ready};
}

}  // namespace

Instance::Instance(Surroundings around, Settings settings)
    : around_(std::move(around)),
      settings_(std::move(settings)),
      machine_(
          {.now = [this] { return wall(); },
           .new_commit_id = [this] { return id<CommitId>(++around_.ids); },
           .any_number = [this] { return static_cast<std::uint32_t>(around_.world.number()); }},
          {.self = settings_.author,
           .agreement = settings_.agreement,
           .never_claim = settings_.never_claim}) {}

// --- Time and threads ----------------------------------------------------------------------------

Instance::MachineTime Instance::steady() const {
  const auto since = static_cast<double>(around_.world.now().count()) * settings_.clock.rate;
  return MachineTime(std::chrono::hours(1)) + std::chrono::microseconds(std::llround(since));
}

Timestamp Instance::wall() const {
  return {1'772'357'400'000 + settings_.clock.offset_ms + around_.world.now().count() / 1'000};
}

void Instance::post(std::function<void()> what) {
  if (!is_alive_) return;
  if (is_stalled_)
    backlog_.push_back(std::move(what));
  else
    what();
}

void Instance::later(Time delay, std::function<void()> what) {
  around_.world.after(delay,
                      [self = shared_from_this(), what = std::move(what)] { self->post(what); });
}

void Instance::soon(std::function<void()> what) {
  later(around_.world.delay(around_.between_threads), std::move(what));
}

void Instance::stall(Time time) {
  if (!is_alive_ || is_stalled_) return;
  around_.world.note([&] { return name() + " stalls"; });
  is_stalled_ = true;
  around_.world.after(time, [self = shared_from_this(), number = ++stalls_] {
    if (number == self->stalls_) self->go_on();
  });
}

void Instance::go_on() {
  if (!is_alive_ || !std::exchange(is_stalled_, false)) return;
  around_.world.note([&] { return name() + " goes on"; });
  auto backlog = std::exchange(backlog_, {});
  for (std::size_t left = backlog.size(); left > 0; --left) {
    std::swap(backlog[around_.world.below(left)], backlog[left - 1]);
    if (is_alive_) backlog[left - 1]();
  }
}

void Instance::kill() {
  if (!is_alive_) return;
  around_.world.note([&] { return name() + " is killed"; });
  is_alive_ = false;
  around_.network.no_longer_listen(active_subject, *this);
  around_.network.no_longer_listen(forward_subject_, *this);
}

// --- The writer's shell --------------------------------------------------------------------------

void Instance::start(std::optional<Snapshot> snapshot) {
  around_.world.note([&] {
    return name() + " starts" +
           (snapshot ? " from a snapshot at " + std::to_string(snapshot->mark.position.value) : "");
  });
  if (snapshot) {
    seen_ = snapshot->mark.position;
    machine_.restore(*std::move(snapshot));
  }
  step();
  follow();
}

void Instance::submit(const Try& one, Respond respond) {
  Submission submission = around_.submission(one);
  submission.at = wall();
  submission.answer = [this, respond](Outcome outcome) {
    respond(response_of(around_.outcomes, std::move(outcome)));
  };
  const auto& key = submission.conditions.key;
  std::optional<NotDecided> refused;
  if (is_told_to_stop_ || !takes_commands_)
    refused = NotDecided::not_ready;
  else if (queued_ >= most_queued)
    refused = NotDecided::overloaded;
  else if (key && !keys_in_flight_.insert(key->key).second)
    refused = NotDecided::key_in_flight;
  if (refused) return submission.answer({machine_.position(), *refused});
  ++queued_;
  queue_.push_back({std::move(submission), steady() + deadline});
  if (queue_.size() == 1) soon([this] { step(); });
}

void Instance::step() {
  if (machine_.ended()) return;
  machine_.take(std::exchange(queue_, {}));
  if (is_told_to_stop_) machine_.stop();
  machine_.tick(steady());
  publish();
  if (machine_.ended()) return end();
  if (machine_.is_active() != is_listening_) {
    is_listening_ = machine_.is_active();
    later(around_.world.delay(subscribing), [this] {
      around_.network.no_longer_listen(active_subject, *this);
      if (is_listening_) around_.network.listen(active_subject, settings_.host, weak_from_this());
    });
  }
  if (const auto ask = machine_.take_ask()) talk(*ask);
  if (machine_.take_wish_for_another_server()) around_.network.use_another_server(settings_.host);
  if (const auto task = machine_.take_task()) perform(*task);
  wake();
}

void Instance::wake() {
  const auto& world = around_.world;
  const auto in = std::chrono::duration_cast<Time>(machine_.wakes_at() - steady());
  const Time at = world.now() + std::max<Time>(in, 1ms);
  if (wakes_at_ > world.now() && wakes_at_ <= at) return;
  wakes_at_ = at;
  later(at - world.now(), [this] { step(); });
}

void Instance::publish() {
  if (const auto status = machine_.status(); status.state == WriterMachine::State::halted)
    throw Violation(name() + " has halted: " + status.why);
  auto answers = machine_.take_answers();
  machine_.take_committed();
  const Standing standing = machine_.standing();
  const bool has_other_standing = standing != standing_;
  standing_ = standing;
  takes_commands_ = machine_.takes_commands();
  for (auto& answered : answers) {
    if (!answered.settled) continue;
    --queued_;
    if (const auto& key = answered.waiting.submission.conditions.key)
      keys_in_flight_.erase(key->key);
  }
  for (auto& answered : answers)
    if (auto answer = std::exchange(answered.waiting.submission.answer, nullptr))
      answer(std::move(answered.outcome));
  if (has_other_standing) standing_changed();
}

void Instance::end() {
  around_.world.note([&] { return name() + " has stopped"; });
  forwarder_.tick(cluster::ForwarderMachine::Time::max());
  for (auto& done : forwarder_.take_done())
    if (done.outcome != cluster::ForwarderMachine::Outcome::abandoned)
      done.answer(std::move(done.response));
  kill();
}

void Instance::hand_over() {
  post([this] {
    machine_.hand_over(steady(), [this](WriterMachine::HandOver how) {
      around_.world.note([&] {
        const auto* why = std::get_if<WriterMachine::NotHandedOver>(&how);
        return name() + (why ? " has not handed over: " + why->why
                             : " has handed over to " + std::get<Author>(how).name);
      });
    });
    step();
  });
}

void Instance::terminate() {
  is_stopping_ = true;
  post([this] { machine_.leave(); });
  hand_over();
  later(around_.world.between(0s, 1s), [this] {
    is_told_to_stop_ = true;
    step();
  });
}

// --- The log -------------------------------------------------------------------------------------

void Instance::perform(const LogTask& task) {
  is_performing_ = true;
  const std::uint64_t number = ++tasks_;
  std::visit([&](const auto& one) { perform(one, number); }, task);
}

void Instance::finish(std::uint64_t number, LogResult result) {
  if (!is_performing_ || number != tasks_) return;
  is_performing_ = false;
  appending_.reset();
  soon([this, result = std::move(result)] {
    machine_.done(steady(), result);
    publish();
    step();
  });
}

void Instance::perform(const AppendTask& task, std::uint64_t number) {
  auto& [world, log, network, submission, outcomes, ids, between_threads] = around_;
  world.note([&] {
    return name() + " appends " + to_string(task.id).substr(28) + " after " +
           std::to_string(task.expected.value);
  });
  appending_ = task;
  later(std::chrono::duration_cast<Time>(task.timeout),
        [this, number] { finish(number, AppendResult(NoAnswer{"no answer in time"})); });
  if (!network.is_connected(settings_.host) || network.is_lost()) return;
  // What was sent arrives, though its sender may be gone by then; and so may its answer.
  const auto acknowledge = [self = shared_from_this(), task](const AppendResult& result) {
    World& around = self->around_.world;
    const unsigned times = self->around_.network.is_lost() ? 0 : around.maybe(0.02) ? 2 : 1;
    for (unsigned i = 0; i < times; ++i)
      self->later(around.delay(to_server), [self, task, result] {
        if (!self->appending_ || self->appending_->id != task.id) return;
        const auto* appended = std::get_if<Appended>(&result);
        const bool is_elsewhere = appended && appended->position != task.expected.next();
        if (appended && !is_elsewhere) self->seen_ = std::max(self->seen_, appended->position);
        self->finish(self->tasks_,
                     is_elsewhere ? AppendResult(NoAnswer{"acknowledged elsewhere"}) : result);
      });
  };
  world.after(world.delay(to_server), [self = shared_from_this(), task, acknowledge] {
    const auto& there = self->around_;
    if (!there.network.is_connected(self->settings_.host)) return;
    there.log.arrive(there.network.side(self->settings_.host),
                     {task.expected, task.id, task.origin, task.payload}, acknowledge);
  });
}

void Instance::perform(const ReadTask& task, std::uint64_t number) {
  later(read_timeout, [this, number] { finish(number, LogAway{"no answer in time"}); });
  around_.world.after(around_.world.delay(to_server), [self = shared_from_this(), task, number] {
    auto& [world, log, network, submission, outcomes, ids, between_threads] = self->around_;
    if (!network.is_connected(self->settings_.host) || network.is_lost()) return;
    const auto there = log.read(network.side(self->settings_.host), task.position);
    if (!there || network.is_lost()) return;
    self->later(world.delay(to_server), [self, task, number, there] {
      if (*there) self->seen_ = std::max(self->seen_, task.position);
      self->finish(number, *there);
    });
  });
}

void Instance::perform(const EndTask&, std::uint64_t number) {
  later(read_timeout, [this, number] { finish(number, LogAway{"no answer in time"}); });
  around_.world.after(around_.world.delay(to_server), [self = shared_from_this(), number] {
    auto& [world, log, network, submission, outcomes, ids, between_threads] = self->around_;
    if (!network.is_connected(self->settings_.host) || network.is_lost()) return;
    const auto end = log.end(network.side(self->settings_.host));
    if (!end || network.is_lost()) return;
    self->later(world.delay(to_server), [self, number, end = *end] {
      // A leader that lacks what was there before is not believed for long.
      if (end < self->seen_)
        self->finish(number, LogAway{"the tail is missing"});
      else
        self->finish(number, LogEnd{end, self->around_.log.options().replicas});
    });
  });
}

// Reads what others append, as long as the machine wants it.
void Instance::follow() {
  later(around_.world.delay(following), [this] { follow(); });
  auto& [world, log, network, submission, outcomes, ids, between_threads] = around_;
  if (!machine_.follows() || !network.is_connected(settings_.host)) return;
  const Position until = log.readable(network.side(settings_.host));
  std::vector<DecodedCommit> commits;
  for (Position at = machine_.position().next(); at <= until && commits.size() < 50;
       at = at.next()) {
    commits.push_back(decode_with_place(log.at(at)));
  }
  if (commits.empty()) return;
  soon([this, commits = std::move(commits)]() mutable {
    if (!machine_.follows() || commits.front().position != machine_.position().next()) return;
    seen_ = std::max(seen_, commits.back().position);
    machine_.followed(steady(), commits);
    step();
  });
}

// --- Peers ---------------------------------------------------------------------------------------

void Instance::talk(const StandbyTells& tells) {
  const std::uint64_t question = ++questions_;
  const auto heard = [self = shared_from_this(), question](std::optional<ActiveTells> told) {
    self->post([self, question, told] {
      if (question != self->questions_) return;
      if (told)
        self->machine_.heard(self->steady(), *told);
      else
        self->machine_.heard_nobody(self->steady());
      self->step();
    });
  };
  Network& network = around_.network;
  network.publish(
      settings_.host, active_subject,
      [&network, host = settings_.host, tells, heard](Instance& active) {
        active.on_question(
            tells, [&network, host, heard, from = active.settings_.host](const ActiveTells& told) {
              network.answer(from, host, [heard, told] { heard(told); });
            });
      },
      [heard] { heard(std::nullopt); });
}

void Instance::on_question(const StandbyTells& tells,
                           std::function<void(const ActiveTells&)> answer) {
  post([this, tells, answer] {
    if (const auto told = machine_.asked(steady(), tells)) answer(*told);
    step();
  });
}

// --- Forwarding ----------------------------------------------------------------------------------

void Instance::ask(const Try& one, Answer answer) {
  post([this, one, answer] {
    const Respond respond = [this, answer](const http::Response& response) {
      answer(outcome_of(around_.outcomes, response));
    };
    if (standing_.active) return submit(one, respond);
    http::Request request;
    request.method = http::Method::post;
    request.target = "/commands";
    const std::string body = to_string(one);
    forwarder_.submit(
        {.item = cluster::request_item(
             {.service = "shop", .request = request, .body = body, .asker = *anyone()}),
         .answer = respond,
         .wanted = [] { return true; }},
        steady());
    pump();
  });
}

void Instance::standing_changed() {
  around_.world.note([&] {
    return name() +
           (standing_.active            ? " is active in "
            : standing_.term.value == 0 ? " knows of nobody active"
                                        : " knows " + standing_.name + " to be active in ") +
           (standing_.term.value == 0 ? "" : std::to_string(standing_.term.value));
  });
  forwarder_.set_standing(standing_, steady());
  pump();
  if (!standing_.active || standing_.term == received_term_) return;
  received_term_ = standing_.term;
  soon([this, term = standing_.term] {
    around_.network.no_longer_listen(forward_subject_, *this);
    forward_subject_ = cluster::forward_subject(subjects, term);
    around_.network.listen(forward_subject_, settings_.host, weak_from_this());
  });
}

void Instance::pump() {
  auto& [world, log, network, submission, outcomes, ids, between_threads] = around_;
  forwarder_.tick(steady());
  const bool is_away = !network.is_connected(settings_.host);
  while (auto out = is_away ? std::nullopt : forwarder_.next(steady(), wall())) {
    network.publish(
        settings_.host, cluster::forward_subject(subjects, out->term),
        [self = shared_from_this(), out = *out](Instance& active) {
          const std::size_t from = active.settings_.host;
          active.on_forwarded(
              out.term, to_string(self->settings_.author.id), out.number, out.bytes,
              [self, from, number = out.number](std::string bytes) {
                self->around_.network.answer(
                    from, self->settings_.host, [self, number, bytes = std::move(bytes)] {
                      self->post([self, number, bytes] { self->on_answer(number, bytes); });
                    });
              });
        },
        [self = shared_from_this(), number = out->number] {
          self->post([self, number] {
            self->forwarder_.not_taken(number, self->steady());
            self->pump();
          });
        });
  }
  for (auto& done : forwarder_.take_done()) done.answer(std::move(done.response));
  auto wake_at = forwarder_.wake_at();
  if (is_away && forwarder_.waiting() > 0) wake_at = steady() + 50ms;
  if (wake_at == cluster::ForwarderMachine::Time::max()) return;
  const auto in = std::chrono::duration_cast<Time>(wake_at - steady());
  const Time at = world.now() + std::max<Time>(in, 1ms);
  if (pumps_at_ > world.now() && pumps_at_ <= at) return;
  pumps_at_ = at;
  later(at - world.now(), [this] { pump(); });
}

void Instance::on_answer(std::uint64_t number, const std::string& bytes) {
  const auto read = cluster::read_message(bytes);
  const auto& message = std::get<cluster::Message>(read.value());
  if (const auto undone = message.members.find(":undone")) {
    if (*undone != "not-active") throw Violation("a message is refused: " + std::string(*undone));
    forwarder_.not_taken(number, steady());
  } else {
    forwarder_.answered(number, message, steady());
  }
  pump();
}

void Instance::on_forwarded(Position term, const std::string& sender, std::uint64_t number,
                            const std::string& bytes, std::function<void(std::string)> answer) {
  post([this, term, sender, number, bytes, answer] {
    const auto verdict = receiver_.receive(standing_, term, sender, number, bytes, wall());
    if (const auto* undone = std::get_if<cluster::ReceiverMachine::Undone>(&verdict))
      return answer(undone->answer);
    const auto* message = std::get_if<cluster::Message>(&verdict);
    if (!message) return;
    for (const cluster::Item& item : message->items) {
      const auto request = cluster::read_request(item);
      const auto one = parse_try(request.value().request.body);
      submit(one.value(), [answer, item = item.number](const http::Response& response) {
        cluster::MessageWriter writer({});
        writer.add(item, cluster::answer_item(response));
        answer(std::move(writer).take());
      });
    }
  });
}

}  // namespace jangbu::simulation
