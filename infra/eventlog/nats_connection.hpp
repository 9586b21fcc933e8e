// One connection to NATS, over cnats, with one inbox for all that is sent to it.
//
// A conversation takes a Mailbox, gives its subject as the reply subject of what it publishes, and
// waits there. Nothing is kept while there is no connection: publishing fails at once, and
// everyone who waits is told; what was on its way may have arrived or not. The connection comes
// back by itself.
//
// Threads: every member from any thread; a Mailbox belongs to one. cnats delivers on threads of its
// own, which only hand messages over. Ownership: mailboxes end before their connection.
// Errors: Unavailable.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "infra/handle.hpp"

namespace jangbu {

using NatsMessage = Handle<natsMsg, natsMsg_Destroy>;

class NatsConnection {
 public:
  using Clock = std::chrono::steady_clock;

  // Where the messages of one conversation arrive.
  class Mailbox {
   public:
    // What a wait ended with. `lost`: the connection was lost since the mailbox was made; nothing
    // that was asked for through it will come any more.
    enum class Event { messages, lost, timeout };

    // REQUIRES a name that no other mailbox of the connection has. What a JetStream consumer sends
    // arrives in the mailbox that has the consumer's name.
    Mailbox(NatsConnection& connection, std::string name);
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    std::string subject() const { return connection_.inbox_ + "." + name_; }

    // Moves what arrived to the end of `to`, waiting for the first of it.
    Event wait(Clock::time_point until, std::deque<NatsMessage>& to);

   private:
    friend class NatsConnection;

    NatsConnection& connection_;
    const std::string name_;
    // Under the connection's lock:
    std::condition_variable changed_;
    std::deque<NatsMessage> arrived_;
    bool lost_ = false;
  };

  // Connects to one of the servers (URLs, with commas between them), trying for `wait`.
  NatsConnection(const std::string& urls, std::chrono::milliseconds wait);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  // Hands a message to the operating system. The message may be used again.
  void publish(natsMsg& message);
  void publish(const std::string& subject, std::string_view payload);
  void publish(const std::string& subject, const std::string& reply, std::string_view payload);

  // Publishes and waits for the one answer.
  NatsMessage request(const std::string& subject, std::string_view payload,
                      std::chrono::milliseconds timeout);

  bool connected() const;
  // How often the connection was lost. Who remembers something about the server looks again when
  // this has changed.
  std::uint64_t losses() const;
  std::string server_id() const;
  std::int64_t max_payload() const;
  // A name that no one else has, made from the connection's inbox.
  std::string unique_name();

 private:
  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self) noexcept;
  static void on_subscription_ended(void* self) noexcept;
  static void on_disconnected(natsConnection*, void* self) noexcept;
  static void on_reconnected(natsConnection*, void* self) noexcept;
  static void on_closed(natsConnection*, void* self) noexcept;
  static void on_error(natsConnection*, natsSubscription*, natsStatus status, void* self) noexcept;

  void connect(const std::string& urls, std::chrono::milliseconds wait);
  void subscribe();
  void close();

  std::string servers_;  // for people: without credentials
  std::string inbox_;
  Handle<natsConnection, natsConnection_Destroy> connection_;
  Handle<natsSubscription, natsSubscription_Destroy> subscription_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::string, Mailbox*, std::less<>> mailboxes_;
  std::uint64_t losses_ = 0;
  std::uint64_t names_ = 0;
  bool closing_ = false;
  bool closed_ = false;
  bool subscription_ended_ = false;
};

// Where a message that a consumer sent comes from: its reply subject tells (ADR-15).
struct Delivery {
  std::string_view consumer;
  std::uint64_t stream_sequence = 0;
};
std::optional<Delivery> delivery_of(const natsMsg& message);

// The message that carries `payload`; headers can be added to it. Throws Unavailable without
// memory.
NatsMessage make_message(const std::string& subject, const std::string& reply,
                         std::string_view payload);
// The value of a header, empty when it is not there. The view lives as long as the message.
std::string_view header(natsMsg& message, const char* name);
void set_header(natsMsg& message, const char* name, const std::string& value);
std::string_view payload(const natsMsg& message);

}  // namespace jangbu
