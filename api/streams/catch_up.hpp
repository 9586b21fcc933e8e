// The subscribers that resume from further back. They are fed from the log until they reach the
// tail: each as fast as it reads, those furthest behind first.
//
// Threads: the feed's own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "api/streams/subscriber.hpp"

namespace jangbu::streams {

class CatchUp {
 public:
  CatchUp(EventLog& log, const Subject& subject) : log_(log), subject_(subject) {}

  bool empty() const { return behind_.empty(); }
  // REQUIRES: the subscriber has begun.
  void join(const SubscriberPtr& subscriber) { behind_.push_back(subscriber); }
  // Removes and returns all of them; the caller decides which are still behind.
  std::vector<SubscriberPtr> take();

  // Gives part of the past, up to the commit at `end`, to the subscribers that are furthest behind
  // and to those met on the way. False when none can take more. Throws Unavailable.
  bool give(Position end);

  void for_each(const std::function<void(Subscriber&)>& action) const;
  void remove_gone();

 private:
  EventLog& log_;
  const Subject& subject_;
  std::vector<SubscriberPtr> behind_;
  std::unique_ptr<LogReader> reader_;
  Position next_;  // the position to read next
};

}  // namespace jangbu::streams
