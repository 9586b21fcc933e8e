// A durable pull consumer: the server remembers how far it is, and gives its messages to whoever
// pulls. It gives one message at a time (`max_ack_pending` 1): the next one only after this one has
// been acknowledged, so that the order holds across any number of pullers and processes.
//
// Threads: DurableConsumer from any; a Subscription belongs to one. Errors: Unavailable, also when
// the stream or the consumer does not exist.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/nats_connection.hpp"

namespace jangbu {

class DurableConsumer {
 public:
  using Metadata = std::map<std::string, std::string>;

  struct Options {
    std::string stream;
    std::string name;                   // letters, digits and '-'
    std::vector<std::string> subjects;  // of the messages it wants; at least one
    // A message that was neither acknowledged nor given back for this long is delivered again.
    std::chrono::seconds ack_wait{30};
    // Of what it is for. When it has changed, ensure() makes a message that waits for its next
    // delivery come at once, or not at all if its subject is wanted no more.
    std::string revision = {};
    // A consumer that nobody pulls from for this long is removed by the server.
    std::chrono::seconds inactive_threshold = std::chrono::hours(24 * 30);
  };

  struct State {
    std::uint64_t undelivered = 0;  // messages after the one that was delivered last
    bool is_one_out = false;        // one was delivered, and is not acknowledged
    bool is_redelivered = false;    // and not for the first time
    bool paused = false;
    Metadata metadata = {};  // as last given to pause()
    std::string revision = {};
    std::string made = {};  // unique: another one when it was removed and made anew
    bool is_new = false;    // ensure() has just made it

    std::uint64_t behind() const { return undelivered + (is_one_out ? 1 : 0); }
  };

  class Message {
   public:
    std::string_view payload() const { return jangbu::payload(*message_); }
    std::string_view subject() const { return natsMsg_GetSubject(message_.get()); }
    std::uint64_t sequence() const { return delivery_.stream_sequence; }
    std::uint64_t deliveries() const { return delivery_.deliveries; }  // including this one

   private:
    friend class DurableConsumer;
    explicit Message(NatsMessage message)
        : message_(std::move(message)), delivery_(delivery_of(*message_).value()) {}

    NatsMessage message_;
    Delivery delivery_;
  };

  class Subscription {
   public:
    // REQUIRES: no other subscription to the consumer on this connection.
    Subscription(NatsConnection& connection, const Options& consumer);

    // The next message, or none within the time.
    std::optional<Message> next(std::chrono::milliseconds timeout);

    // It has been dealt with: the next one may come.
    void acknowledge(const Message& message);
    // It has not, and shall be delivered again, after the delay at the earliest, by which no other
    // message overtakes it.
    void give_back(const Message& message, std::chrono::nanoseconds delay);

   private:
    void pull();
    void take_status(natsMsg& message);

    NatsConnection& connection_;
    const Options consumer_;
    NatsConnection::Mailbox mailbox_;
    std::deque<NatsMessage> arrived_;
    std::size_t wanted_ = 0;  // messages that the current pull may still bring
    NatsConnection::Clock::time_point heard_;
    NatsConnection::Clock::time_point pulled_;
  };

  DurableConsumer(JetStreamApi& api, Options options);

  // Makes sure that it exists and is as the options say. A new one begins with what is appended
  // from now on.
  State ensure();
  State state() const;

  // While it is paused nobody gets a message. `why` is shown to whoever asks for its state.
  void pause(const Metadata& why);
  void resume();

  // Goes on with the first message at or behind `sequence`, wherever it was; 0: with the first one
  // that is not acknowledged. What was delivered, and how often, is forgotten.
  void reset(std::uint64_t sequence);

  const Options& options() const { return options_; }

 private:
  nlohmann::json call(const std::string& what, const nlohmann::json& body) const;
  void require_done(const nlohmann::json& answer) const;
  void annotate(const Metadata& why);
  State update(const State& as);
  nlohmann::json config(const State& as) const;

  JetStreamApi& api_;
  const Options options_;
};

}  // namespace jangbu
