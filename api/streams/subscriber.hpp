// One stream of a feed: which events it wants, and how far it was given them.
//
// Invariant: once begun, it was given everything that it wants up to `after`, in the order of the
// log, each once; `after` never goes back.
//
// Threads: the feed's own, except that any may be the last to let go of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/exchange.hpp"
#include "api/streams/subject.hpp"

namespace jangbu::streams {

// Which events one subscriber wants.
struct Interest {
  std::optional<EntityId> entity = {};  // none: all
  std::string type = {};                // wire name; empty: any

  bool all() const { return !entity && type.empty(); }
};

// A stream that ends at once: after any other answer a browser would never come back.
void turn_away(const http::Exchange& exchange, std::string_view why);

class Subscriber {
 public:
  using Clock = std::chrono::steady_clock;

  // It is one of `counted_in` for as long as it is there, and no longer.
  Subscriber(http::Exchange exchange, Interest interest, std::optional<EventId> asked,
             std::shared_ptr<std::atomic<std::size_t>> counted_in);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  const Interest& interest() const { return interest_; }
  std::optional<EventId> asked() const { return asked_; }  // what it has already; none: from now on
  EventId after() const { return after_; }
  bool begun() const { return begun_; }
  bool gone() const { return gone_; }  // nothing it is given will arrive

  bool wants(EntityId entity, std::string_view type) const;
  bool lacks(const Message& message) const;

  // Where it will begin. No effect on one that has begun.
  void place_after(EventId id);
  // Sends the head of the answer, once.
  void begin();

  // What of the batch it wants and lacks.
  void give(const Batch& batch);
  // Everything it wants from where it is to this event, which others are given, too.
  void give(const http::StreamPiece& piece, EventId last);
  // There was nothing for it up to this event.
  void advance(EventId to);
  // A comment, where there was nothing to say for so long.
  void beat(std::chrono::milliseconds interval);

  bool left() const { return exchange_.client_left(); }
  std::size_t backlog() const;    // bytes that it has not read
  bool waits_for_worker() const;  // the server itself is not done with the last piece

  // Ends the stream; one that has not begun says why.
  void end(std::string_view why);
  // What it asks for can never be had. A stream that has begun ends: a client that comes back to it
  // is told why.
  void refuse(http::Response why);

 private:
  void write(const http::StreamPiece& piece);

  const http::Exchange exchange_;
  const Interest interest_;
  const std::optional<EventId> asked_;
  const std::shared_ptr<std::atomic<std::size_t>> counted_in_;
  EventId after_;
  bool begun_ = false;
  bool gone_ = false;
  Clock::time_point written_;
};

using SubscriberPtr = std::shared_ptr<Subscriber>;

}  // namespace jangbu::streams
