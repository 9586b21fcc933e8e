// The end of the log, read and serialised once for all live subscribers.
//
// Invariants: every live subscriber has been given everything up to `sent`. What was read beyond
// it, up to `read`, is waiting to be sent, and holds only what was wanted by the subscribers live
// at the time: so no subscriber may join that lacks anything before `read`.
//
// While nobody listens, nothing is read. Sending to many subscribers of everything is paced, so
// that they fall behind rather than take the machine from the purchases.
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

  // REQUIRES: no listeners.
  void begin_after(EventId id);
  // REQUIRES: the subscriber has begun, and has everything up to read().
  void join(const SubscriberPtr& subscriber);

  // Reads more, waiting at most this long, or sends a batch. Returns for how long there is nothing
  // more to do. REQUIRES: at least one listener. Throws Unavailable.
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
  std::vector<SubscriberPtr> to_all_;  // to all entities, of one type or any
  std::unordered_map<EntityId, std::vector<SubscriberPtr>, SecretHash> to_one_;
  std::unique_ptr<LogReader> reader_;
  std::deque<Batch> batches_;  // read, not yet sent
  EventId sent_;
  EventId read_;
  Clock::time_point next_round_;
};

}  // namespace jangbu::streams
