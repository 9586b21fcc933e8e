// Those who resume from further back, and are given the past from the log until they have come to
// where the others are: as fast as each reads, those who are furthest behind first.
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
  // REQUIRES: a subscriber that has begun.
  void join(const SubscriberPtr& subscriber) { behind_.push_back(subscriber); }
  // All of them; the caller decides who is behind still.
  std::vector<SubscriberPtr> take();

  // Gives a part of the past, up to the commit at `end`, to those who are furthest behind and to
  // whoever meets them on the way. False when nobody can take more. Throws Unavailable.
  bool give(Position end);

  void for_each(const std::function<void(Subscriber&)>& action) const;
  void remove_gone();

 private:
  EventLog& log_;
  const Subject& subject_;
  std::vector<SubscriberPtr> behind_;
  std::unique_ptr<LogReader> reader_;
  Position next_;  // what it reads next
};

}  // namespace jangbu::streams
