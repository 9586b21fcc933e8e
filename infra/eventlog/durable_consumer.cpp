#include "infra/eventlog/durable_consumer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "events/values.hpp"
#include "infra/ids.hpp"
#include "infra/json_tree.hpp"

namespace jangbu {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::chrono::nanoseconds pull_heartbeat = 5s;
constexpr std::chrono::nanoseconds pull_lifetime = 60s;
// Two missed heartbeats, plus some patience for a busy machine.
constexpr auto longest_pull_silence = 2 * pull_heartbeat + 500ms;
// The server sends the next message as soon as the one before is acknowledged, without another
// pull.
constexpr std::size_t messages_of_a_pull = 100;

// Consumers are paused until then, or until they are resumed.
constexpr const char* far_future = "2200-01-01T00:00:00Z";

// Marks a consumer whose first place has not been set, and says which it is: whoever meets it so
// sets the same.
constexpr const char* first_place_key = "jangbu-new";
// (`created` of a consumer would not tell: a server that was killed may begin it anew.)
constexpr const char* made_key = "jangbu-made";
constexpr const char* revision_key = "jangbu-revision";

DurableConsumer::State state_in(const json& answer) {
  DurableConsumer::State state{
      .undelivered = answer.value("num_pending", std::uint64_t{0}),
      .is_one_out = answer.value("num_ack_pending", 0) > 0,
      .is_redelivered = answer.value("num_redelivered", 0) > 0,
      .paused = answer.value("paused", false),
  };
  const json metadata = answer.at("config").value("metadata", json::object());
  for (const auto& [key, value] : metadata.items()) {
    if (key == revision_key)
      state.revision = value.get<std::string>();
    else if (key == made_key)
      state.made = value.get<std::string>();
    else if (!key.starts_with("_nats."))
      state.metadata.emplace(key, value.get<std::string>());
  }
  return state;
}

}  // namespace

DurableConsumer::DurableConsumer(JetStreamApi& api, Options options)
    : api_(api), options_(std::move(options)) {}

json DurableConsumer::call(const std::string& what, const json& body) const {
  json answer = api_.call("CONSUMER." + what + "." + options_.stream + "." + options_.name, body);
  require_done(answer);
  return answer;
}

void DurableConsumer::require_done(const json& answer) const {
  if (error_code(answer) != 0)
    throw Unavailable("consumer " + options_.name + " of stream " + options_.stream + ": " +
                      error_text(answer));
}

json DurableConsumer::config(const State& as) const {
  Metadata metadata = as.metadata;
  if (!as.revision.empty()) metadata[revision_key] = as.revision;
  if (!as.made.empty()) metadata[made_key] = as.made;
  return {{"name", options_.name},
          {"durable_name", options_.name},
          {"filter_subjects", options_.subjects},
          {"deliver_policy", "all"},  // only then may it be reset to any place
          {"ack_policy", "explicit"},
          {"ack_wait", std::chrono::nanoseconds(options_.ack_wait).count()},
          {"max_ack_pending", 1},
          {"max_deliver", -1},
          {"inactive_threshold", std::chrono::nanoseconds(options_.inactive_threshold).count()},
          {"metadata", metadata}};
}

DurableConsumer::State DurableConsumer::update(const State& as) {
  return state_in(call(
      "CREATE", {{"stream_name", options_.stream}, {"action", "update"}, {"config", config(as)}}));
}

// A new consumer is paused until it has been told where to begin, so that one whose maker died in
// between does not begin with everything there is.
DurableConsumer::State DurableConsumer::ensure() {
  const json stream = api_.call("STREAM.INFO." + options_.stream, nullptr);
  require_done(stream);
  const auto last = stream.at("state").at("last_seq").get<std::uint64_t>();
  json wanted = config({.metadata = {{first_place_key, std::to_string(last + 1)}},
                        .revision = options_.revision,
                        .made = to_string(new_id<EntityId>())});
  wanted["pause_until"] = far_future;
  const json answer =
      api_.call("CONSUMER.CREATE." + options_.stream + "." + options_.name,
                {{"stream_name", options_.stream}, {"action", "create"}, {"config", wanted}});
  if (error_code(answer) != api_error::consumer_exists) require_done(answer);
  State found = state();
  const auto first_place = found.metadata.extract(first_place_key);
  if (found.paused && first_place) {
    reset(std::stoull(first_place.mapped()));
    call("PAUSE", json::object());
  }
  if (found.revision != options_.revision) {
    // The revision last: should this process die in between, another one does it again.
    update(found);
    reset(0);
    found.revision = options_.revision;
  }
  State state = update(found);
  state.is_new = error_code(answer) == 0;
  return state;
}

DurableConsumer::State DurableConsumer::state() const {
  return state_in(call("INFO", nullptr));
}

void DurableConsumer::annotate(const Metadata& why) {
  State as = state();
  as.metadata = why;
  as.revision = options_.revision;
  update(as);
}

void DurableConsumer::pause(const Metadata& why) {
  call("PAUSE", {{"pause_until", far_future}});
  annotate(why);
}

void DurableConsumer::resume() {
  call("PAUSE", json::object());
  annotate({});
}

void DurableConsumer::reset(std::uint64_t sequence) {
  call("RESET", {{"seq", sequence}});
}

// -------------------------------------------------------------------------------------------------

DurableConsumer::Subscription::Subscription(NatsConnection& connection, const Options& consumer)
    : connection_(connection), consumer_(consumer), mailbox_(connection, consumer.name) {}

std::optional<DurableConsumer::Message> DurableConsumer::Subscription::next(
    std::chrono::milliseconds timeout) {
  using Clock = NatsConnection::Clock;
  using Event = NatsConnection::Mailbox::Event;
  const auto until = Clock::now() + timeout;
  for (;;) {
    while (!arrived_.empty()) {
      NatsMessage message = std::move(arrived_.front());
      arrived_.pop_front();
      if (!delivery_of(*message)) {
        take_status(*message);
        continue;
      }
      if (wanted_ > 0) --wanted_;
      return Message(std::move(message));
    }
    if (wanted_ == 0) pull();
    if (Clock::now() >= until) return std::nullopt;
    const auto silent =
        std::chrono::time_point_cast<Clock::duration>(heard_ + longest_pull_silence);
    switch (mailbox_.wait(std::min(until, silent), arrived_)) {
      case Event::messages:
        heard_ = Clock::now();
        break;
      case Event::lost:
        throw Unavailable("the connection to NATS was lost");
      case Event::timeout:
        if (Clock::now() >= silent)
          throw Unavailable("NATS sends no heartbeat for consumer " + consumer_.name);
    }
  }
}

void DurableConsumer::Subscription::pull() {
  connection_.publish("$JS.API.CONSUMER.MSG.NEXT." + consumer_.stream + "." + consumer_.name,
                      mailbox_.subject(),
                      json_text(json{{"batch", messages_of_a_pull},
                                     {"expires", pull_lifetime.count()},
                                     {"idle_heartbeat", pull_heartbeat.count()}}));
  heard_ = pulled_ = NatsConnection::Clock::now();
  wanted_ = messages_of_a_pull;
}

// ADR-37: 100 is a heartbeat, 404 and 408 end a pull, everything else says that the consumer is not
// what it was.
void DurableConsumer::Subscription::take_status(natsMsg& message) {
  const std::string_view status = header(message, "Status");
  if (status == "100") return;
  // The end of a pull before this one, which had brought all of its messages.
  if (status == "408" && NatsConnection::Clock::now() < pulled_ + pull_lifetime - 1s) return;
  wanted_ = 0;
  if (status == "404" || status == "408") return;
  throw Unavailable("pulling from consumer " + consumer_.name + ": " + std::string(status) + " " +
                    std::string(header(message, "Description")));
}

void DurableConsumer::Subscription::acknowledge(const Message& message) {
  connection_.publish(natsMsg_GetReply(message.message_.get()), "+ACK");
}

void DurableConsumer::Subscription::give_back(const Message& message,
                                              std::chrono::nanoseconds delay) {
  connection_.publish(
      natsMsg_GetReply(message.message_.get()),
      delay.count() > 0 ? "-NAK " + json_text(json{{"delay", delay.count()}}) : "-NAK");
}

}  // namespace jangbu
