// One connection to NATS, over cnats, with one inbox for all that is sent to it.
//
// A conversation takes a Mailbox, gives its subject as the reply subject of what it publishes, and
// waits there. Nothing is kept while there is no connection: publishing fails at once, and
// everyone who waits is told; what was on its way may have arrived or not.
//
// The connection comes back by itself, whatever ended it: a server that went away, one that cut us
// off, credentials that it took before and refuses now. cnats would try again after some of these
// and give up for good after others; so it is told never to, and whenever a connection has ended, a
// new one is made here. Until then why_away() has the cause, which the log tells, too: when it
// changes, and every minute.
//
// Threads: every member from any thread; a Mailbox belongs to one. One thread of its own connects
// again; cnats delivers on threads of its own, which only hand messages over. Ownership: mailboxes
// end before their connection. Errors: Unavailable.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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

  // Connects to one of the servers (URLs, with commas between them), trying for `wait`; credentials
  // that are wrong from the start are not waited for. `purpose` tells this connection from others
  // of the process, in our log and among the server's connections.
  NatsConnection(const std::string& urls, std::string purpose, std::chrono::milliseconds wait);
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

  // Why there is no connection right now; empty while there is one.
  std::string why_away() const;
  // What the server has objected to since then without ending the connection, such as a subject
  // that the user may not publish to, for whoever got no answer. Empty: nothing.
  std::string complaint_since(Clock::time_point then) const;
  // How often the connection was lost. Who remembers something about the server looks again when
  // this has changed.
  std::uint64_t losses() const;
  std::string server_id() const;
  std::int64_t max_payload() const;
  // A name that no one else has, made from the connection's inbox.
  std::string unique_name();

 private:
  // One connection of cnats, from its making to its end.
  struct Link;
  using LinkPtr = std::shared_ptr<Link>;

  struct Failure {
    std::string why;
    bool refused = false;  // the user or password, or what that user needs
    bool bad_url = false;
  };

  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* link) noexcept;
  static void on_inbox_ended(void* link) noexcept;
  static void on_closed(natsConnection* connection, void* link) noexcept;
  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status,
                       void* link) noexcept;

  LinkPtr connect(std::chrono::milliseconds wait);
  LinkPtr try_connect(Failure& failure);  // null, with the reason, when it cannot be had
  void end(Link& link);
  LinkPtr current() const;  // throws Unavailable when there is none
  std::string unreachable(std::string_view why) const;

  void keep_connected();
  bool connect_again();
  LinkPtr wait_for_end();  // null: the end of all

  const std::vector<std::string> urls_;
  const std::string purpose_;
  const std::string servers_;  // for people: without credentials
  std::string inbox_;
  std::vector<std::string> discovered_;  // URLs that servers told; the keeper's own
  std::chrono::milliseconds pause_;      // before the next try; the keeper's own

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // of a link, or closing_
  LinkPtr link_;                     // null while there is none
  std::string why_away_;             // while there is none
  std::map<std::string, Mailbox*, std::less<>> mailboxes_;
  std::uint64_t losses_ = 0;
  std::uint64_t names_ = 0;
  bool closing_ = false;

  std::thread keeper_;  // last: it uses everything above
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
