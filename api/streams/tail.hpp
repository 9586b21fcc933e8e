// The end of the log, read and put into words once for all who listen to it live.
//
// Invariants: whoever is live was given everything up to `sent`. What was read beyond it, up to
// `read`, waits to be sent, and holds only what somebody wanted who was live when it was read: so
// nobody joins who lacks anything before `read`.
//
// Nobody listens, nothing is read. Many listen to everything: what is sent to all of them together
// is paced, so that they come late rather than take the machine from the purchases.
//
// Threads: the feed's own.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "api/streams/subscriber.hpp"
#include "projections/views/store/hash_index.hpp"

namespace jangbu::streams {

class Tail {
 public:
  Tail(EventLog& log, const Subject& subject) : log_(log), subject_(subject) {}

  bool has_listeners() const { return !to_all_.empty() || !to_one_.empty(); }
  EventId sent() const { return sent_; }
  EventId read() const { return read_; }

  // REQUIRES: nobody listens.
  void begin_after(EventId id);
  // REQUIRES: a subscriber that has begun, and has everything up to read().
  void join(const SubscriberPtr& subscriber);

  // Reads more, waiting for it at most so long, or sends a batch. How long there is no more to do.
  // REQUIRES: somebody listens. Throws Unavailable.
  std::chrono::milliseconds follow(std::chrono::milliseconds patience);

  void for_each(const std::function<void(Subscriber&)>& action) const;
  void remove_gone();

 private:
  using Clock = std::chrono::steady_clock;

  void read_more(std::chrono::milliseconds patience);
  bool workers_are_busy() const;
  void send(const Batch& batch);

  EventLog& log_;
  const Subject& subject_;
  std::vector<SubscriberPtr> to_all_;  // of some type, or any
  std::unordered_map<EntityId, std::vector<SubscriberPtr>, SecretHash> to_one_;
  std::unique_ptr<LogReader> reader_;
  std::deque<Batch> batches_;  // read, not yet sent
  EventId sent_;
  EventId read_;
  Clock::time_point next_round_;
};

}  // namespace jangbu::streams
