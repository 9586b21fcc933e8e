#include "api/webhooks/courier.hpp"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

#include "api/answers/represent.hpp"
#include "api/webhooks/parked.hpp"
#include "events/errors.hpp"
#include "infra/base64.hpp"
#include "infra/eventlog/stored_message.hpp"
#include "infra/ids.hpp"
#include "infra/json.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"
#include "infra/sha256.hpp"
#include "infra/trouble.hpp"

namespace jangbu::webhook {

using namespace std::chrono_literals;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto look_again_after = 2s;  // at the consumer's state
constexpr auto moment = 200ms;         // a stop may take that long
// A message that was given back at a stop may not come back to this process, which still has a pull
// at the server: by then that will have ended.
constexpr auto until_gone = 1s;
constexpr long gone = 410;

// What the consumer's metadata say of a webhook that is not active.
constexpr const char* state_key = "jangbu-state";
constexpr const char* since_key = "jangbu-since";
constexpr const char* reason_key = "jangbu-reason";

DurableConsumer::Metadata why(Courier::State state, const std::string& reason) {
  return {{state_key, std::string(to_string(state))},
          {since_key, to_string(system_now())},
          {reason_key, reason}};
}

std::string value_of(const DurableConsumer::Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

// Of a message of the public stream. Throws Corrupt when somebody else put it there.
EventId event_of(std::string_view message, const std::string& stream, std::uint64_t sequence,
                 std::string_view subject) {
  const json event = parse_json_if_valid(message);
  if (event.is_object())
    if (const auto text = event.find("id"); text != event.end() && text->is_string())
      if (const auto id = parse_event_id(text->get<std::string>())) return *id;
  throw Corrupt("message " + std::to_string(sequence) + " of stream " + stream + ", subject " +
                std::string(subject) + ", is not an event of Jangbu: remove it, and resume");
}

// Changes when the endpoint does, and tells nobody a secret, which are random.
std::string revision_of(const Endpoint& endpoint) {
  std::string all;
  const auto add = [&](std::string_view part) {
    all.append(std::to_string(part.size())).append(":").append(part);
  };
  for (const auto& text : {endpoint.url, endpoint.authorities}) add(text);
  add(endpoint.allow_private ? "private" : "public");
  for (const std::string& type : endpoint.types) add(type);
  for (const std::string& secret : endpoint.secrets) add(secret);
  return to_base64(chars_of(sha256({all})));
}

std::vector<std::string> subjects_of(const Endpoint& endpoint, const std::string& shop) {
  if (endpoint.types.empty()) return {"jangbu." + shop + ".>"};
  std::vector<std::string> subjects;
  for (const std::string& type : endpoint.types)
    subjects.push_back("jangbu." + shop + ".*." + type);
  return subjects;
}

struct Place {
  std::uint64_t sequence = 0;
  std::optional<EventId> event;  // there; none at the stream's end
};

// The first event at or behind this one: the ids of a stream's messages ascend.
Place find_place(JetStreamApi& api, const std::string& stream, EventId from) {
  const auto checked = [&](const json& answer) {
    if (error_code(answer) == 0) return;
    throw Unavailable("stream " + stream + ": " + error_text(answer));
  };
  const json info = api.call("STREAM.INFO." + stream, nullptr);
  checked(info);
  auto begin = std::max<std::uint64_t>(info.at("state").at("first_seq").get<std::uint64_t>(), 1);
  Place found{.sequence = info.at("state").at("last_seq").get<std::uint64_t>() + 1};
  while (begin < found.sequence) {
    const std::uint64_t middle = begin + (found.sequence - begin) / 2;
    const json answer =
        api.call("STREAM.MSG.GET." + stream, {{"seq", middle}, {"next_by_subj", ">"}});
    if (error_code(answer) == api_error::message_not_found) {
      found.sequence = middle;
      continue;
    }
    checked(answer);
    const StoredMessage message(answer.at("message"));
    const EventId there = event_of(message.data, stream, message.sequence, message.subject);
    if (there >= from)
      found = {middle, there};
    else
      begin = message.sequence + 1;
  }
  return found;
}

}  // namespace

std::string_view to_string(Courier::State state) {
  switch (state) {
    case Courier::State::active:
      return "active";
    case Courier::State::failing:
      return "failing";
    case Courier::State::paused:
      return "paused";
    case Courier::State::off:
      return "off";
    case Courier::State::waiting:
      return "waiting";
  }
  return "";
}

bool is_about_the_message(long status) {
  constexpr long others[] = {401, 402, 403, 404, 405, 406, 407, 408, gone,
                             411, 415, 421, 423, 424, 425, 426, 429};
  return status >= 400 && status < 500 && std::ranges::count(others, status) == 0;
}

Courier::Courier(NatsLink& nats, Endpoint endpoint, Options options)
    : nats_(nats),
      endpoint_(std::move(endpoint)),
      options_(std::move(options)),
      sender_(endpoint_, options_.sender),
      thread_([this](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "webhook");
        run(stop);
      }) {}

Courier::~Courier() = default;

DurableConsumer Courier::consumer_in(NatsLink::Ends& nats) const {
  return DurableConsumer(nats.api, {.stream = options_.public_stream,
                                    .name = "webhook-" + endpoint_.name,
                                    .subjects = subjects_of(endpoint_, options_.shop),
                                    .ack_wait = options_.ack_wait,
                                    .revision = revision_of(endpoint_)});
}

Parked Courier::parked_in(NatsLink::Ends& nats) const {
  return Parked(nats, options_.log_stream, options_.replicas, endpoint_.name);
}

// --- The thread ----------------------------------------------------------------------------------

void Courier::run(const std::stop_token& stop) {
  Trouble trouble("webhook " + endpoint_.name);
  while (!stop.stop_requested()) try {
      deliver_all(stop, trouble);
    } catch (const std::exception& error) {
      {
        const std::lock_guard lock(mutex_);
        waiting_ = error.what();
      }
      wait(trouble.failed(error.what()), stop);
    }
}

void Courier::deliver_all(const std::stop_token& stop, Trouble& trouble) {
  const auto nats = nats_.get();
  // First: begin() may make a message come by a pull of the webhook as it was before.
  Subscription subscription(nats->connection, consumer_in(*nats).options());
  begin(*nats);
  refresh(*nats);
  for (auto look_at = Clock::now() + look_again_after; !stop.stop_requested();) {
    if (Clock::now() >= look_at) {
      if (refresh(*nats).state == State::active) trouble.over();
      look_at = Clock::now() + look_again_after;
    }
    const auto message = subscription.next(moment);
    if (message && deliver(*nats, subscription, *message, stop)) trouble.over();
  }
  if (const auto message = subscription.next(0ms)) subscription.give_back(*message, until_gone);
}

// Makes sure of the consumer. One that is not the one of before goes on where that was.
void Courier::begin(NatsLink::Ends& nats) {
  DurableConsumer consumer = consumer_in(nats);
  const DurableConsumer::State found = consumer.ensure();
  std::optional<EventId> next;
  {
    const std::lock_guard lock(mutex_);
    next = next_;
  }
  if (next && found.made != consumer_made_) {
    consumer.reset(find_place(nats.api, options_.public_stream, *next).sequence);
    log::warn("webhook {} goes on with event {}: its consumer was removed, and is made anew",
              endpoint_.name, to_string(*next));
    sequence_ = 0;  // the stream may be another one, too
  } else if (found.is_new) {
    log::warn(
        "webhook {} begins with what is published from now on; earlier events are not sent, unless "
        "you replay them: jangbu webhooks replay {} --from ID",
        endpoint_.name, endpoint_.name);
  }
  consumer_made_ = found.made;
}

// True when the message has been dealt with.
bool Courier::deliver(NatsLink::Ends& nats, Subscription& subscription, const Message& message,
                      const std::stop_token& stop) {
  try {
    return try_deliver(nats, subscription, message, stop);
  } catch (const std::exception& error) {
    fail(subscription, message, error.what());
    return false;
  }
}

bool Courier::try_deliver(NatsLink::Ends& nats, Subscription& subscription, const Message& message,
                          const std::stop_token& stop) {
  const EventId id =
      event_of(message.payload(), options_.public_stream, message.sequence(), message.subject());
  go_on_with(id);
  const Outcome outcome = sender_.post(to_string(id), message.payload(), stop);
  if (outcome.kind == Outcome::Kind::stopped) {
    subscription.give_back(message, until_gone);
    return false;
  }
  measures_.duration.observe(outcome.took);
  {
    const std::lock_guard lock(mutex_);
    last_ = {outcome, system_now()};
  }
  if (outcome.delivered()) {
    if (may_be_parked(message)) parked_in(nats).remove(id);
    subscription.acknowledge(message);
    succeed(id);
  } else if (is_about_the_message(outcome.status) && !refuses_everything(outcome)) {
    parked_in(nats).add(id, message.payload());
    subscription.acknowledge(message);
    park(id, outcome);
  } else if (outcome.status == gone) {
    switch_off(nats, outcome);
    subscription.give_back(message, 0ms);
    return false;
  } else {
    const bool knows_when = outcome.status == 429 || outcome.status == 503;
    fail(subscription, message,
         refuses_everything(outcome)
             ? std::to_string(most_refusals) + " events in a row are parked, and " +
                   describe(outcome) + " again; resume parks more"
             : describe(outcome),
         knows_when ? outcome.retry_after : 0s);
    return false;
  }
  go_on_with({id.position, id.index + 1});
  sequence_ = std::max(sequence_, message.sequence());
  return true;
}

// Another process may have parked it since we last looked; then it comes because of a replay.
bool Courier::may_be_parked(const Message& message) const {
  const std::lock_guard lock(mutex_);
  return !parked_.empty() || message.sequence() <= sequence_;
}

bool Courier::refuses_everything(const Outcome& outcome) const {
  const std::lock_guard lock(mutex_);
  return refusals_.status == outcome.status && refusals_.count >= most_refusals;
}

void Courier::go_on_with(EventId next) {
  const std::lock_guard lock(mutex_);
  next_ = next;
}

void Courier::succeed(EventId id) {
  measures_.delivered.add();
  bool was_failing = false;
  {
    const std::lock_guard lock(mutex_);
    delivered_at_ = system_now();
    was_failing = std::exchange(failing_, std::nullopt).has_value();
    parked_.erase(id);
    refusals_ = {};
  }
  if (was_failing) log::info("webhook {} takes events again", endpoint_.name);
}

void Courier::park(EventId id, const Outcome& outcome) {
  measures_.parked.add();
  log::warn("webhook {} refuses event {}, which is parked: {}", endpoint_.name, to_string(id),
            describe(outcome));
  const std::lock_guard lock(mutex_);
  failing_.reset();
  parked_.insert(id);
  if (refusals_.status != outcome.status) refusals_ = {.status = outcome.status};
  ++refusals_.count;
}

void Courier::switch_off(NatsLink::Ends& nats, const Outcome& outcome) {
  consumer_in(nats).pause(why(State::off, describe(outcome)));
  measures_.failed.add();
  log::warn("webhook {} is off, since {}; `jangbu webhooks resume {}` switches it on again",
            endpoint_.name, describe(outcome), endpoint_.name);
  refresh(nats);
}

// Gives the message back for later. It counts how often it failed, since the server also counts
// deliveries to a process that was stopped; but begins again when those do, after a resume.
void Courier::fail(Subscription& subscription, const Message& message, const std::string& reason,
                   std::chrono::milliseconds retry_after) {
  std::size_t attempts = 1;
  {
    const std::lock_guard lock(mutex_);
    if (failing_) attempts = std::min<std::size_t>(failing_->attempts + 1, message.deliveries());
  }
  const auto& delays = options_.delays;
  const auto delay =
      std::max(delays[std::clamp<std::size_t>(attempts, 1, delays.size()) - 1], retry_after);
  subscription.give_back(message, delay);
  measures_.failed.add();
  const Timestamp now = system_now();
  const std::lock_guard lock(mutex_);
  if (!failing_) {
    failing_.emplace().since = now;
    log::warn("webhook {} is failing: {}", endpoint_.name, reason);
  }
  failing_->reason = reason;
  failing_->next_attempt = {now.ms + delay.count()};
  failing_->attempts = attempts;
}

void Courier::wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, stop, time, [] { return false; });
}

// --- For others ----------------------------------------------------------------------------------

Courier::Status Courier::status() const {
  const std::lock_guard lock(mutex_);
  Status status{.pending = consumer_.behind(),
                .parked = parked_.size(),
                .last = last_,
                .delivered_at = delivered_at_};
  std::ranges::copy(parked_ | std::views::take(most_parked_ids),
                    std::back_inserter(status.parked_ids));
  if (!waiting_.empty()) {
    status.reason = waiting_;
  } else if (consumer_.paused) {
    status.state = value_of(consumer_.metadata, state_key) == to_string(State::off) ? State::off
                                                                                    : State::paused;
    status.reason = value_of(consumer_.metadata, reason_key);
    status.since = parse_timestamp(value_of(consumer_.metadata, since_key));
  } else if (failing_) {
    status.state = State::failing;
    status.reason = failing_->reason;
    status.since = failing_->since;
    status.next_attempt = failing_->next_attempt;
  } else if (consumer_.is_redelivered) {
    status.state = State::failing;
    status.reason = "an attempt failed before this process started, or in another one";
  } else {
    status.state = State::active;
  }
  return status;
}

Courier::Status Courier::refresh() {
  return refresh(*nats_.get());
}

Courier::Status Courier::refresh(NatsLink::Ends& nats) {
  const DurableConsumer::State state = consumer_in(nats).state();
  std::set<EventId> parked_now = parked_in(nats).list();
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
    consumer_ = state;
    parked_ = std::move(parked_now);
    if (!state.is_one_out) failing_.reset();  // another process was luckier, or a replay forgot it
  }
  return status();
}

void Courier::pause(const std::string& reason) {
  const auto nats = nats_.get();
  consumer_in(*nats).pause(why(State::paused, reason));
  refresh(*nats);
}

// The reset makes the server look for messages at once.
void Courier::resume() {
  {
    const std::lock_guard lock(mutex_);
    refusals_ = {};
  }
  const auto nats = nats_.get();
  DurableConsumer consumer = consumer_in(*nats);
  consumer.resume();
  consumer.reset(0);
  refresh(*nats);
}

std::optional<EventId> Courier::replay(EventId from) {
  const auto nats = nats_.get();
  const Place place = find_place(nats->api, options_.public_stream, from);
  consumer_in(*nats).reset(place.sequence);
  go_on_with(from);
  refresh(*nats);
  return place.event;
}

Outcome Courier::test(const std::stop_token& stop) const {
  const std::string id = "test." + to_string(new_id<EntityId>());
  const Json event{{"specversion", "1.0"},
                   {"id", id},
                   {"source", cloud_event_source(options_.shop)},
                   {"type", "Test"},
                   {"time", to_string(system_now())},
                   {"datacontenttype", "application/json"},
                   {"data", Json{{"webhook", endpoint_.name}}}};
  return Sender(endpoint_, options_.sender).post(id, event.text(), stop);
}

}  // namespace jangbu::webhook
