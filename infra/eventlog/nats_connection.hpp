// A connection to NATS over cnats, with a single inbox for all answers.
//
// A conversation creates a Mailbox, publishes with the mailbox's subject as the reply subject, and
// waits on the mailbox. Nothing is buffered while disconnected: publishing fails at once, and all
// waiters are notified; messages that were in flight may or may not have arrived. What others
// publish to a subject of their choice arrives in a Subscription.
//
// When nobody subscribes to a subject, the server says so at once: the answer is then a message for
// which natsMsg_IsNoResponders() is true (ADR-40).
//
// The connection is re-established automatically, whatever ended it: a server that went away, one
// that dropped the connection, credentials that it accepted before and now refuses. cnats would
// reconnect after some of these and give up for good after others, so its reconnection is disabled
// and a new connection is made here whenever one has ended. Until then why_away() has the cause,
// which is also logged: when it changes, and every minute.
//
// Threads: every member from any thread; a Mailbox belongs to one thread. One internal thread
// reconnects; cnats delivers on its own threads, one for the inbox and one for each Subscription.
// Ownership: mailboxes and subscriptions are destroyed before their connection. Errors:
// Unavailable.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "infra/handle.hpp"

namespace jangbu {

using NatsMessage = Handle<natsMsg, natsMsg_Destroy>;

class NatsConnection {
 public:
  using Clock = std::chrono::steady_clock;

  // Where the messages of one conversation arrive.
  class Mailbox {
   public:
    // How a wait ended. `lost`: the connection was lost since the mailbox was created; nothing that
    // was requested through it will arrive any more.
    enum class Event { messages, lost, timeout };

    // REQUIRES: a name that no other mailbox of the connection has. Messages from a JetStream
    // consumer arrive in the mailbox that has the consumer's name.
    Mailbox(NatsConnection& connection, std::string name);
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    std::string subject() const { return connection_.inbox_ + "." + name_; }

    // Appends the arrived messages to `to`; waits until `until` for the first one.
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

  // Hands over what is published to a subject (which may have wildcards), for as long as it exists.
  // It is renewed with every new connection; what is published in between is missed. If the server
  // does not permit it, that is logged, and nothing arrives.
  //
  // Threads: the handler is called on a thread of its own, with one message at a time.
  class Subscription {
   public:
    using Handler = std::function<void(NatsMessage)>;

    // While the handler is busy, up to `most_bytes` wait for it; what comes then is dropped, and
    // logged. REQUIRES: a handler that does not throw.
    Subscription(NatsConnection& connection, std::string subject, Handler handler,
                 std::size_t most_bytes = std::size_t{8} << 20);
    // Afterwards the handler is not called any more, nor is it running. REQUIRES: not called by the
    // handler.
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    friend class NatsConnection;

    // What cnats' threads know of it.
    struct Receiving {
      std::mutex mutex;
      Handler handler;  // null once it is destroyed
    };

    static void on_message(natsConnection*, natsSubscription*, natsMsg* message,
                           void* receiving) noexcept;
    static void on_ended(void* receiving) noexcept;

    void open(natsConnection* connection);

    NatsConnection& connection_;
    const std::string subject_;
    const int most_bytes_;
    const std::shared_ptr<Receiving> receiving_;
    Handle<natsSubscription, natsSubscription_Destroy> opened_;  // under the connection's lock
  };

  // When messages are sent: each at once, or all of about a millisecond together, which costs both
  // ends much less when there are many.
  enum class Sending { at_once, together };

  // Connects to one of the servers (comma-separated URLs), retrying for `wait`; credentials that
  // are refused at the start fail at once. `purpose` distinguishes this connection from others of
  // the process, in the log and in the server's list of connections.
  NatsConnection(const std::string& urls, std::string purpose, std::chrono::milliseconds wait,
                 Sending sending = Sending::at_once);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  // Hands a message over to be sent. The caller may reuse the message.
  void publish(natsMsg& message);
  void publish(const std::string& subject, std::string_view payload);
  void publish(const std::string& subject, const std::string& reply, std::string_view payload);

  // Publishes and waits for a single answer, which may be the server's that nobody subscribes.
  NatsMessage request(const std::string& subject, std::string_view payload,
                      std::chrono::milliseconds timeout);

  // Ends this connection, so that the next one is made, to any of the servers.
  void use_another_server();

  // Why there is no connection right now; empty while there is one.
  std::string why_away() const;
  // The server's last objection since `then` that did not end the connection, such as a subject
  // that the user may not publish to; it explains a missing answer. Empty: none.
  std::string complaint_since(Clock::time_point then) const;
  // How many times the connection was lost. When this changes, anything remembered about the server
  // must be checked again.
  std::uint64_t losses() const;
  std::string server_id() const;
  std::int64_t max_payload() const;
  // A globally unique name, made from the connection's inbox.
  std::string unique_name();

 private:
  // One connection of cnats, from creation to end.
  struct Link;
  using LinkPtr = std::shared_ptr<Link>;

  struct Failure {
    std::string why;
    bool refused = false;  // the user or password, or a permission that is needed
    bool bad_url = false;
  };

  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* link) noexcept;
  static void on_inbox_ended(void* link) noexcept;
  static void on_closed(natsConnection* connection, void* link) noexcept;
  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status,
                       void* link) noexcept;

  LinkPtr connect(std::chrono::milliseconds wait);
  LinkPtr try_connect(Failure& failure);  // null, with the reason, on failure
  void end(Link& link);
  LinkPtr current() const;  // throws Unavailable when there is none
  std::string unreachable(std::string_view why) const;

  void keep_connected();
  bool connect_again();
  LinkPtr wait_for_end();  // null: this object is being destroyed

  const std::vector<std::string> urls_;
  const std::string purpose_;
  const Sending sending_;
  const std::string servers_;  // for people: without credentials
  std::string inbox_;
  std::vector<std::string> discovered_;  // URLs announced by servers; used by the keeper only
  std::chrono::milliseconds pause_;      // before the next attempt; used by the keeper only

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // signals changes of a link or of closing_
  LinkPtr link_;                     // null while there is none
  std::string why_away_;             // the cause, while there is none
  std::map<std::string, Mailbox*, std::less<>> mailboxes_;
  std::set<Subscription*> subscriptions_;
  std::uint64_t losses_ = 0;
  std::uint64_t names_ = 0;
  bool closing_ = false;

  std::thread keeper_;  // last: it uses everything above
};

// The origin of a message sent by a consumer, parsed from its reply subject (ADR-15).
struct Delivery {
  std::string_view consumer;
  std::uint64_t deliveries = 0;  // of this message by this consumer, including this one
  std::uint64_t stream_sequence = 0;
};
std::optional<Delivery> delivery_of(const natsMsg& message);

// A message with `payload`, to which headers can be added. Throws Unavailable when out of memory.
NatsMessage make_message(const std::string& subject, const std::string& reply,
                         std::string_view payload);
// The value of a header; empty when it is absent. The view lives as long as the message.
std::string_view header(natsMsg& message, const char* name);
void set_header(natsMsg& message, const char* name, const std::string& value);
std::string_view payload(const natsMsg& message);

}  // namespace jangbu
