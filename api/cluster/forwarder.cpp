#include "api/cluster/forwarder.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/cluster/complaints.hpp"
#include "api/cluster/seal.hpp"
#include "api/cluster/subjects.hpp"
#include "events/errors.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "infra/ids.hpp"
#include "infra/log.hpp"

namespace jangbu::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using Outcome = ForwarderMachine::Outcome;

// How often to look whether there is a connection again.
constexpr std::chrono::milliseconds reconnected_by{50};

Problem cannot_talk(std::string why) {
  return {.type = problems::not_ready,
          .detail = std::move(why) + " Nothing was done.",
          .retry_after_s = 1};
}

}  // namespace

class Forwarder::Impl {
 public:
  Impl(NatsConnection& connection, Options options, std::function<Standing()> standing)
      : connection_(connection),
        options_(std::move(options)),
        standing_(std::move(standing)),
        inbox_("_INBOX." + to_string(options_.instance) + "."),
        machine_(options_.machine),
        answers_(connection, inbox_ + "*", [this](const NatsMessage& answer) { receive(*answer); }),
        thread_([this] {
          ::pthread_setname_np(::pthread_self(), "forwarder");
          run();
        }) {
    standing_changed();
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void standing_changed() {
    const std::lock_guard one_at_a_time(standing_mutex_);  // the last one to be heard is the last
    const Standing standing = standing_();
    active_ = standing.active;
    const std::lock_guard lock(mutex_);
    machine_.set_standing(standing, Clock::now());
    changed_.notify_one();
  }

  bool active() const { return active_; }

  void submit(ForwarderMachine::Request request) {
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      machine_.submit(std::move(request), Clock::now());
      wakes = has_to_wake();
    }
    if (wakes) changed_.notify_one();
  }

  const Measures& measures() const { return measures_; }
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return machine_.bytes();
  }

 private:
  using Dones = std::vector<ForwarderMachine::Done>;

  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      machine_.tick(Clock::now());
      auto out = next();
      Dones done = machine_.take_done();
      if (out || !done.empty()) {
        lock.unlock();
        if (out) send(*out);
        give(std::move(done));
        lock.lock();
        continue;
      }
      sleeps_until_ = is_away_ ? Clock::now() + reconnected_by : machine_.wake_at();
      if (sleeps_until_ == Clock::time_point::max())
        changed_.wait(lock);
      else
        changed_.wait_until(lock, sleeps_until_);
      sleeps_until_ = {};
    }
    machine_.tick(ForwarderMachine::Time::max());
    Dones rest = machine_.take_done();
    lock.unlock();
    give(std::move(rest));
  }

  // Whether the thread sleeps, and for too long. The caller has to wake it then; nobody else needs
  // to. REQUIRES: the lock is held.
  bool has_to_wake() {
    if (is_away_ || machine_.wake_at() >= sleeps_until_) return false;
    sleeps_until_ = {};
    return true;
  }

  // While there is no connection, nothing leaves the queue: what is handed to cnats and not sent
  // could not be told from what was sent.
  std::optional<ForwarderMachine::Outgoing> next() {
    is_away_ = machine_.waiting() > 0 && !connection_.why_away().empty();
    if (is_away_) return std::nullopt;
    return machine_.next(Clock::now(), system_now());
  }

  void send(const ForwarderMachine::Outgoing& out) {
    const std::string subject = forward_subject(options_.subjects, out.term);
    const std::string reply = inbox_ + std::to_string(out.number);
    try {
      connection_.publish(subject, reply,
                          seal(options_.secret, question_context(subject, reply), out.bytes));
    } catch (const Unavailable& away) {
      // It may have been sent, at least in part.
      log::debug("forwarded commands may be lost: {}", away.what());
    }
  }

  // On a thread of cnats.
  void receive(natsMsg& answer) {
    const std::string_view subject = natsMsg_GetSubject(&answer);
    std::uint64_t number = 0;
    std::from_chars(subject.data() + inbox_.size(), subject.data() + subject.size(), number);
    Dones done;
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      take(number, subject, answer);
      done = machine_.take_done();
      wakes = has_to_wake();
    }
    if (wakes) changed_.notify_one();
    give(std::move(done));
  }

  // REQUIRES: the lock is held.
  void take(std::uint64_t number, std::string_view subject, natsMsg& answer) {
    const auto now = Clock::now();
    if (natsMsg_IsNoResponders(&answer)) return machine_.not_taken(number, now);
    const auto bytes = open(options_.secret, answer_context(subject), payload(answer));
    if (!bytes)
      return complaints_.warn(
          "an answer to forwarded commands is not from this cluster: --cluster-secret (or, without "
          "one, the quote secret) must be the same at all instances");
    const auto read = read_message(*bytes);
    if (!read) return complaints_.warn("an answer to forwarded commands cannot be read");
    if (const auto* other = std::get_if<OtherVersion>(&*read))
      return refuse(number, "The active instance forwards commands in version " +
                                std::to_string(other->version) +
                                " of the format, and this one in " +
                                std::to_string(format_version) +
                                ": they are releases that do not work together.");
    const auto& message = std::get<Message>(*read);
    const auto undone = message.members.find(":undone");
    if (!undone) return machine_.answered(number, message, now);
    if (*undone == "not-active") return machine_.not_taken(number, now);
    if (*undone == "clock")
      return refuse(number,
                    "The clock of this instance and that of the active one differ by more than "
                    "30 seconds: set them.");
    refuse(number, "The active instance does not take forwarded commands of this one: " +
                       std::string(*undone) + ".");
  }

  // REQUIRES: the lock is held.
  void refuse(std::uint64_t number, const std::string& why) {
    complaints_.warn(why);
    machine_.refused(number, cannot_talk(why), Clock::now());
  }

  void give(Dones done) {
    for (auto& one : done) {
      measures_.outcomes[static_cast<std::size_t>(one.outcome)].add();
      if (one.outcome == Outcome::answered) measures_.duration.observe(one.took);
      if (one.outcome != Outcome::abandoned) one.answer(std::move(one.response));
    }
  }

  NatsConnection& connection_;
  const Options options_;
  const std::function<Standing()> standing_;
  const std::string inbox_;
  Complaints complaints_;
  Measures measures_;
  std::mutex standing_mutex_;
  std::atomic<bool> active_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ForwarderMachine machine_;
  bool is_away_ = false;            // as last seen by the thread, while there was something to send
  Clock::time_point sleeps_until_;  // the thread; the past: it is awake, or being woken
  bool stop_ = false;
  NatsConnection::Subscription answers_;
  std::thread thread_;  // last: it uses everything above
};

Forwarder::Forwarder(NatsConnection& connection, Options options,
                     std::function<Standing()> standing)
    : impl_(std::make_unique<Impl>(connection, std::move(options), std::move(standing))) {}

Forwarder::~Forwarder() = default;

void Forwarder::standing_changed() {
  impl_->standing_changed();
}

bool Forwarder::decides_here() const {
  return impl_->active();
}

void Forwarder::forward(const RequestParts& request, const http::Exchange& exchange) {
  exchange.note_forwarded();
  impl_->submit(
      {.item = request_item(request),
       .answer = [exchange](http::Response response) { exchange.respond(std::move(response)); },
       .wanted = [exchange] { return !exchange.client_gone(); }});
}

void Forwarder::forward(const RequestParts& request, std::function<void(http::Response)> answer) {
  impl_->submit(
      {.item = request_item(request), .answer = std::move(answer), .wanted = [] { return true; }});
}

const Forwarder::Measures& Forwarder::measures() const {
  return impl_->measures();
}

std::size_t Forwarder::bytes() const {
  return impl_->bytes();
}

std::string_view to_string(ForwarderMachine::Outcome outcome) {
  static constexpr std::array<std::string_view, ForwarderMachine::outcome_count> words{
      "answered", "overloaded", "not-active", "refused", "unknown", "abandoned"};
  return words.at(static_cast<std::size_t>(outcome));
}

}  // namespace jangbu::cluster
