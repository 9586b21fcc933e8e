// One stream of a feed: which events it wants, and how far it has been given them.
//
// Invariant: once begun, it has been given everything it wants up to `after`, in log order, each
// event once; `after` never goes back.
//
// Threads: the feed's own, except that any thread may destroy it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/exchange.hpp"
#include "api/streams/places.hpp"
#include "api/streams/subject.hpp"

namespace jangbu::streams {

// Which events one subscriber wants.
struct Interest {
  std::optional<EntityId> entity = {};                // none: all
  std::string type = {};                              // wire name; empty: any
  std::optional<std::vector<AccountId>> buyers = {};  // whose purchases; none: everybody's

  bool all() const { return !entity && type.empty() && !buyers; }
};

// Answers with a stream that ends at once: after any other answer a browser would never reconnect.
void turn_away(const http::Exchange& exchange, std::string_view why);

class Subscriber {
 public:
  using Clock = std::chrono::steady_clock;

  // `may_go_on`: called now and then; once it says false, the stream ends. Has the place until it
  // is destroyed.
  Subscriber(http::Exchange exchange, Interest interest, std::optional<EventId> asked,
             std::function<bool()> may_go_on, Places::Place place);
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  const Interest& interest() const { return interest_; }
  std::optional<EventId> asked() const { return asked_; }  // client's last event; none: from now on
  EventId after() const { return after_; }
  bool begun() const { return begun_; }
  bool gone() const { return gone_; }  // nothing written to it will arrive

  bool wants(const About& what) const;
  bool lacks(const Message& message) const;

  // Sets where it will begin. No effect once it has begun.
  void place_after(EventId id);
  // Sends the head of the response, once.
  void begin();

  // Sends what it wants and lacks of the batch.
  void give(const Batch& batch);
  // Sends everything it wants from `after` through `last`; the piece is shared with other
  // subscribers.
  void give(const http::StreamPiece& piece, EventId last);
  // Records that there was nothing for it up to this event.
  void advance(EventId to);
  // Sends a comment if nothing was sent for this long.
  void beat(std::chrono::milliseconds interval);

  // The client has left, or is no longer let in.
  bool left() const { return exchange_.client_left() || !may_go_on_(); }
  std::size_t backlog() const;    // unread bytes
  bool waits_for_worker() const;  // the server itself has not finished with the last piece

  // Ends the stream; one that has not begun says why.
  void end(std::string_view why);
  // The request can never be served. A stream that has begun ends; the client learns why when it
  // reconnects.
  void refuse(http::Response why);

 private:
  void write(const http::StreamPiece& piece);

  const http::Exchange exchange_;
  const Interest interest_;
  const std::optional<EventId> asked_;
  const std::function<bool()> may_go_on_;
  const Places::Place place_;
  EventId after_;
  bool begun_ = false;
  bool gone_ = false;
  Clock::time_point written_;
};

using SubscriberPtr = std::shared_ptr<Subscriber>;

}  // namespace jangbu::streams
