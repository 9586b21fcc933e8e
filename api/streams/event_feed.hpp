// Server-sent events from the log: everything a feed is about, for all subscribers, in log order,
// without gaps or repeats. A feed's Subject says what it is about and how its events are worded:
// delivery_feed.hpp and log_feed.hpp each have one.
//
// One thread follows the end of the log for all subscribers (tail.hpp): each event is read, decoded
// and serialised once, and its bytes are shared. A subscriber that resumes from further back is
// caught up by the same thread, between the rounds of the others: from the log (catch_up.hpp), or
// for a single entity from its history. When it has reached the others, it joins them. Every
// subscriber knows the last event it was given, so it does not matter when it joins.
//
// Threads: subscribe(), stop() and subscribers() from any; the rest is the feed's own thread.
// Ownership: the log, and whatever the subject's history queries, must outlive the feed. Errors: a
// browser reconnects only after an answer of 200. So temporary failures (the log or the read model
// is away or behind) are waited out within the stream, and a client that cannot be served at all
// gets a stream that ends at once. Only what can never be served is refused.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "api/http/exchange.hpp"
#include "api/streams/places.hpp"
#include "api/streams/subject.hpp"
#include "api/streams/subscriber.hpp"

namespace jangbu {

class EventFeed {
 public:
  struct Options {
    std::size_t most_subscribers = 2'000;         // a quarter of them each (places.hpp)
    std::chrono::milliseconds heartbeat{15'000};  // a comment after this much silence
    // The end of the log as known to other parts, used while the log is away; called from any
    // thread.
    std::function<Position()> known_end = {};
  };

  EventFeed(EventLog& log, streams::Subject subject, Options options);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // Answers with the events of interest, after this one or from now on. 404 for an entity that does
  // not exist, if the subject says so; 422 for an event that has not happened yet. If that turns
  // out only after the stream has begun, the stream ends. It also ends once `may_go_on` says false;
  // that is called several times a second, on the feed's thread. `who` takes one of the places.
  void subscribe(
      const http::Exchange& exchange, streams::Interest interest, std::optional<EventId> after,
      const Principal& who = *anyone(), std::function<bool()> may_go_on = [] { return true; });

  // Ends all streams, and turns away new ones.
  void stop();

  const std::string& name() const { return subject_.name; }
  std::size_t subscribers() const { return places_.taken(); }
  std::size_t most_subscribers() const { return places_.most(); }

 private:
  class Inbox;
  class Loop;

  void run(EventLog& log) const;

  const streams::Subject subject_;
  const Options options_;
  streams::Places places_;
  const std::shared_ptr<Inbox> inbox_;  // may outlive the feed, held by history queries in flight
  std::thread thread_;                  // last: it uses everything above
};

}  // namespace jangbu
