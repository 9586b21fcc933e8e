// Server-sent events of what is in the log: all of it that a feed is about, to whoever listens, in
// the order of the log, without a gap and without a repeat. What a feed is about, and how it words
// it, is its Subject: delivery_feed.hpp and log_feed.hpp have one each.
//
// One thread follows the end of the log, for all subscribers: each event is read, decoded and put
// into words once, and its bytes are shared. A subscriber that resumes from further back is caught
// up by the same thread, between the rounds of the others and as fast as it reads, from the log, or
// for a single entity from its history; when it has come to where the others are, it joins them.
// Every subscriber knows the last event it was given, so nothing depends on when it joins.
//
// Nobody listens, nothing is read. Many listen to everything: what is sent to all of them together
// is paced, so that they come late rather than take the machine from the purchases.
//
// Threads: subscribe(), stop() and subscribers() from any; the rest is the feed's own thread.
// Ownership: the log, and what the subject's history asks, must outlive it. Errors: a browser comes
// back to a stream only after an answer of 200. So what passes (the log or the read model is away
// or behind) is waited for within the stream, and who cannot be served at all gets one that ends at
// once. Only what will never be there is refused.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/http/exchange.hpp"
#include "events/event_log.hpp"
#include "events/events.hpp"
#include "infra/json.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/tables/history.hpp"
#include "projections/views/store/hash_index.hpp"

namespace jangbu {

class EventFeed {
 public:
  struct Options {
    std::size_t most_subscribers = 2'000;         // more are turned away
    std::chrono::milliseconds heartbeat{15'000};  // a comment, when there was nothing to say
    // How far others know the log to go, which counts while it is away; from any thread.
    std::function<Position()> known_end = {};
  };

  // A part of an entity's history, as of a position; any thread may call back.
  using HistoryPage = QueryResult<Page<HistoryRow>>;
  using History = std::function<void(EntityId, From<EventId>, Position at_least,
                                     std::function<void(HistoryPage)>)>;

  // What a feed is about.
  struct Subject {
    std::string name;        // "deliveries", for the log of the process
    std::string event_name;  // what clients know its events by
    // What it tells of an event of the log; nothing where that is none of its business.
    std::function<std::optional<Json>(EventId, const RecordedEvent&)> data;
    History history;
    std::optional<http::ProblemType> not_found;  // for an entity without a history; none: it waits
  };

  // Which of it one subscriber wants.
  struct Interest {
    std::optional<EntityId> entity = {};  // none: all
    std::string type = {};                // wire name; empty: any

    bool all() const { return !entity && type.empty(); }
  };

  EventFeed(EventLog& log, Subject subject, Options options);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // Answers with the events of interest, after this one or from now on. 404 for an entity that is
  // not there, where the subject says so; 422 for an event that has not happened yet. Where that is
  // found out only after the stream has begun, it ends.
  void subscribe(http::Exchange exchange, Interest interest, std::optional<EventId> after);

  // Ends all streams, and turns new ones away.
  void stop();

  const std::string& name() const { return subject_.name; }
  std::size_t subscribers() const;
  std::size_t most_subscribers() const { return options_.most_subscribers; }

 private:
  using Clock = std::chrono::steady_clock;

  // A stream that was asked for. Counted while it is there.
  class Subscriber;
  using SubscriberPtr = std::shared_ptr<Subscriber>;
  struct Answered {
    SubscriberPtr subscriber;
    HistoryPage page;
  };
  // What comes to the feed's thread. It may outlive the feed in the hands of who still answers it.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::variant<SubscriberPtr, Answered>> arrived;
    bool stop = false;
    std::atomic<std::size_t> subscribers = 0;
  };
  // An event in words.
  struct Message {
    EventId id;
    EntityId entity;
    std::string_view type;
    std::string text;
  };
  using Batch = std::vector<Message>;  // of one round, or less

  void run();
  void serve();
  bool idle() const;
  bool wait(std::chrono::milliseconds time);  // for the inbox to have something; true at the end

  std::deque<std::variant<SubscriberPtr, Answered>> take_arrived();
  void admit();
  void admit(const SubscriberPtr& subscriber, Position last);
  void begin_unplaced(Subscriber& subscriber);
  void ask_history(const SubscriberPtr& subscriber, std::optional<EventId> page_after);
  void take_history(Answered&& answered);
  void begin(Subscriber& subscriber);
  void place(const SubscriberPtr& subscriber);
  void turn_away_arrived();
  void end(Subscriber& subscriber);
  void refuse(Subscriber& subscriber, http::Response why);

  void begin_tail_after(EventId id);
  std::chrono::milliseconds follow();
  void read_tail(std::chrono::milliseconds time);
  bool workers_are_busy() const;
  void send_to_live(const Batch& batch);
  bool catch_up();
  void beat();
  template <class Action>
  void for_each(Action action);
  void remove_gone();

  bool is_live_empty() const { return live_to_all_.empty() && live_to_one_.empty(); }
  std::string words_of(EventId id, const Json& data) const;
  template <class Wanted>
  void put_into_words(const StoredCommit& stored, Wanted wanted, Batch& batch) const;

  EventLog& log_;
  const Subject subject_;
  const Options options_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();

  // The thread's own. Whoever is live was given everything up to `tail_`.
  std::vector<SubscriberPtr> live_to_all_;  // of some type, or any
  std::unordered_map<EntityId, std::vector<SubscriberPtr>, SecretHash> live_to_one_;
  std::vector<SubscriberPtr> behind_;
  std::vector<SubscriberPtr> waiting_;  // for the log, or for the history of an entity
  Position known_end_;                  // of the log
  EventId tail_;
  std::unique_ptr<LogReader> tail_reader_;
  std::deque<Batch> tail_batches_;  // read, not yet sent
  EventId tail_read_;               // where tail_ is once they are sent
  Clock::time_point next_round_;
  std::unique_ptr<LogReader> past_reader_;
  Position past_next_;  // what it reads next
  Clock::time_point next_beat_;
  bool log_away_ = false;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace jangbu
