// Server-sent events of what is in the log: all of it that a feed is about, to whoever listens, in
// the order of the log, without a gap and without a repeat. What a feed is about, and how it words
// it, is its Subject: delivery_feed.hpp and log_feed.hpp have one each.
//
// One thread follows the end of the log for all subscribers (tail.hpp): each event is read, decoded
// and put into words once, and its bytes are shared. A subscriber that resumes from further back is
// caught up by the same thread, between the rounds of the others, from the log (catch_up.hpp), or
// for a single entity from its history; when it has come to where the others are, it joins them.
// Every subscriber knows the last event it was given, so nothing depends on when it joins.
//
// Threads: subscribe(), stop() and subscribers() from any; the rest is the feed's own thread.
// Ownership: the log, and what the subject's history asks, must outlive it. Errors: a browser comes
// back to a stream only after an answer of 200. So what passes (the log or the read model is away
// or behind) is waited for within the stream, and who cannot be served at all gets one that ends at
// once. Only what will never be there is refused.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "api/http/exchange.hpp"
#include "api/streams/subject.hpp"
#include "api/streams/subscriber.hpp"

namespace jangbu {

class EventFeed {
 public:
  struct Options {
    std::size_t most_subscribers = 2'000;         // more are turned away
    std::chrono::milliseconds heartbeat{15'000};  // a comment, when there was nothing to say
    // How far others know the log to go, which counts while it is away; from any thread.
    std::function<Position()> known_end = {};
  };

  EventFeed(EventLog& log, streams::Subject subject, Options options);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // Answers with the events of interest, after this one or from now on. 404 for an entity that is
  // not there, where the subject says so; 422 for an event that has not happened yet. Where that is
  // found out only after the stream has begun, it ends.
  void subscribe(http::Exchange exchange, streams::Interest interest, std::optional<EventId> after);

  // Ends all streams, and turns new ones away.
  void stop();

  const std::string& name() const { return subject_.name; }
  std::size_t subscribers() const { return *subscribers_; }
  std::size_t most_subscribers() const { return options_.most_subscribers; }

 private:
  class Inbox;
  class Loop;

  void run(EventLog& log) const;

  const streams::Subject subject_;
  const Options options_;
  // Both outlive the feed in the hands of whoever still answers it.
  const std::shared_ptr<std::atomic<std::size_t>> subscribers_;
  const std::shared_ptr<Inbox> inbox_;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace jangbu
