// Delivers the messages of one webhook: in their order, at least once, on a thread of its own.
//
// How far it is, is kept by NATS, in a durable consumer of the public stream named
// `webhook-<name>`, so that it outlives the process and several processes can share the work. So is
// whether the webhook is paused or off. What is only known here, and lost with the process, is why
// it is failing.
//
// An attempt that fails is repeated later and later (`delays`), and nothing overtakes its message:
// it is the endpoint that is failing, not the message. An answer that is about the message
// (`is_about_the_message`) parks it instead, and the next one is sent, unless that becomes a habit
// (`most_refusals`). 410 (Gone) switches the webhook off.
//
// Should somebody remove the consumer, or its stream, the webhook goes on behind the last event
// that this process has dealt with.
//
// Threads: members from any; those that ask NATS may wait for it, so they are not for HTTP workers.
// Ownership: the link outlives it. Errors: the thread waits while NATS, or the stream, is away;
// members that ask NATS throw Unavailable.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/webhooks/endpoint.hpp"
#include "api/webhooks/nats_link.hpp"
#include "api/webhooks/parked.hpp"
#include "api/webhooks/sender.hpp"
#include "events/measures.hpp"
#include "events/values.hpp"
#include "infra/eventlog/durable_consumer.hpp"
#include "infra/trouble.hpp"

namespace jangbu::webhook {

// The permanent refusals of a message. Other 4xx are about the endpoint, which would say so to all
// messages, or the moment.
bool is_about_the_message(long status);

class Courier {
 public:
  // So many messages in a row that were refused with one status are about the endpoint.
  static constexpr unsigned most_refusals = 20;
  static constexpr std::size_t most_parked_ids = 100;  // in a status

  struct Options {
    std::string log_stream = "SHOP";
    std::string public_stream = "SHOP_PUBLIC";
    std::string shop = "shop";
    unsigned replicas = 1;  // of the stream of parked events
    // Before the second attempt, the third …; the last one is repeated.
    std::vector<std::chrono::milliseconds> delays{std::chrono::seconds(5),  std::chrono::minutes(5),
                                                  std::chrono::minutes(30), std::chrono::hours(2),
                                                  std::chrono::hours(5),    std::chrono::hours(10)};
    // After this, an event that was given to a process which died is given to another.
    std::chrono::seconds ack_wait{30};
    Sender::Options sender = {};
  };

  // `waiting`: NATS or the stream is away.
  enum class State { active, failing, paused, off, waiting };

  struct Attempt {
    Outcome outcome;
    Timestamp at;  // its end
  };

  struct Status {
    State state = State::waiting;
    std::string reason = {};                // why it is not active
    std::optional<Timestamp> since = {};    // it is so, if known
    std::optional<Timestamp> next_attempt;  // while it is failing
    std::uint64_t pending = 0;              // messages that are not delivered
    std::size_t parked = 0;
    std::vector<EventId> parked_ids = {};        // of the first ones
    std::optional<Attempt> last = {};            // of this process
    std::optional<Timestamp> delivered_at = {};  // the last success of this process
  };

  struct Measures {
    Counter delivered, failed, parked;
    Histogram duration{bounds::latency_ns};  // of attempts
  };

  Courier(NatsLink& nats, Endpoint endpoint, Options options);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // Breaks off what is being sent, and gives the message back; after stop() nothing is sent.
  void request_stop() { thread_.request_stop(); }
  void stop() { thread_ = {}; }

  const Endpoint& endpoint() const { return endpoint_; }
  const Measures& measures() const { return measures_; }
  // As last heard of, which is some seconds ago at most unless NATS is away.
  Status status() const;

  // These ask NATS.
  Status refresh();
  void pause(const std::string& reason);
  // Also tries again at once, if it is failing, and parks what the endpoint refuses.
  void resume();
  // Goes on with the first event at or behind this one; nullopt when there is none, and it goes on
  // with the next one.
  std::optional<EventId> replay(EventId from);

  // Sends an event of type Test, now and past all others.
  Outcome test(const std::stop_token& stop) const;

 private:
  using Message = DurableConsumer::Message;
  using Subscription = DurableConsumer::Subscription;

  struct Failing {
    std::string reason;
    Timestamp since;
    Timestamp next_attempt;
    std::size_t attempts = 0;
  };

  struct Refusals {  // in a row
    long status = 0;
    unsigned count = 0;
  };

  DurableConsumer consumer_in(NatsLink::Ends& nats) const;
  Parked parked_in(NatsLink::Ends& nats) const;
  void run(const std::stop_token& stop);
  void deliver_all(const std::stop_token& stop, Trouble& trouble);
  void begin(NatsLink::Ends& nats);
  bool deliver(NatsLink::Ends& nats, Subscription& subscription, const Message& message,
               const std::stop_token& stop);
  bool try_deliver(NatsLink::Ends& nats, Subscription& subscription, const Message& message,
                   const std::stop_token& stop);
  bool may_be_parked(const Message& message) const;
  bool refuses_everything(const Outcome& outcome) const;
  void go_on_with(EventId next);
  void succeed(EventId id);
  void park(EventId id, const Outcome& outcome);
  void switch_off(NatsLink::Ends& nats, const Outcome& outcome);
  void fail(Subscription& subscription, const Message& message, const std::string& reason,
            std::chrono::milliseconds retry_after = {});
  Status refresh(NatsLink::Ends& nats);
  void wait(std::chrono::milliseconds time, const std::stop_token& stop);

  NatsLink& nats_;
  const Endpoint endpoint_;
  const Options options_;
  Measures measures_;

  // Of the thread:
  Sender sender_;
  std::string consumer_made_;   // of which consumer next_ is
  std::uint64_t sequence_ = 0;  // the highest one that was dealt with

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any stopped_;
  std::string waiting_ = "it is starting";  // for what; empty: for nothing
  std::optional<Failing> failing_;
  DurableConsumer::State consumer_;
  std::set<EventId> parked_;
  Refusals refusals_;
  std::optional<EventId> next_;  // the first event that may not be dealt with, once known
  std::optional<Attempt> last_;
  std::optional<Timestamp> delivered_at_;

  std::jthread thread_;  // last: it uses everything above
};

std::string_view to_string(Courier::State state);

}  // namespace jangbu::webhook
