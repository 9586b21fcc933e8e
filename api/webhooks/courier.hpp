// Delivers the messages of one webhook: in their order, at least once, on a thread of its own.
//
// How far it is, is kept by NATS, in a durable consumer of the public stream named
// `webhook-<name>`, so that it outlives the process and several processes can share the work. So is
// whether the webhook is paused or off. What is only known here, and lost with the process, is why
// it is failing.
//
// An attempt that fails is repeated later and later (`delays`), and nothing overtakes its message:
// it is the endpoint that is failing, not the message. An answer that is about the message
// (`is_about_the_message`) parks it instead, and the next one is sent. 410 (Gone) switches the
// webhook off.
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

// The permanent refusals of a message; other 4xx are about the endpoint or the moment.
bool is_about_the_message(long status);

class Courier {
 public:
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
    std::set<EventId> parked = {};
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
  // Also tries again at once, if it is failing.
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
  };

  DurableConsumer consumer_in(NatsLink::Ends& nats) const;
  Parked parked_in(NatsLink::Ends& nats) const;
  void run(const std::stop_token& stop);
  void deliver_all(const std::stop_token& stop, Trouble& trouble);
  void deliver(Subscription& subscription, const Message& message, const std::stop_token& stop);
  void succeed(EventId id);
  void park(EventId id, std::string_view message, const Outcome& outcome);
  void switch_off(const Outcome& outcome);
  std::chrono::milliseconds fail(const Outcome& outcome, std::uint64_t attempts);
  void wait(std::chrono::milliseconds time, const std::stop_token& stop);

  NatsLink& nats_;
  const Endpoint endpoint_;
  const Options options_;
  Sender sender_;  // of the thread
  Measures measures_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any stopped_;
  std::string waiting_ = "it is starting";  // for what; empty: for nothing
  std::optional<Failing> failing_;
  DurableConsumer::State consumer_;
  std::set<EventId> parked_;
  std::optional<Attempt> last_;
  std::optional<Timestamp> delivered_at_;

  std::jthread thread_;  // last: it uses everything above
};

std::string_view to_string(Courier::State state);

}  // namespace jangbu::webhook
