#include "api/streams/event_feed.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/streams/catch_up.hpp"
#include "api/streams/tail.hpp"
#include "events/errors.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;
using namespace streams;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t history_page = 100;

constexpr auto poll = 20ms;  // the longest wait of a subscriber to be admitted
constexpr auto log_retry = 250ms;
constexpr auto history_retry = 1s;
constexpr auto beat_interval = 250ms;

// A subscriber that is not placed yet: the log, or its entity's history, has to be asked first.
struct Waiting {
  SubscriberPtr subscriber;
  Clock::time_point due = {};  // when to try again; max: its history is being read
  bool found = false;          // whether the history has shown an event so far
  std::string past = {};
};
using WaitingPtr = std::shared_ptr<Waiting>;

struct Answered {
  WaitingPtr waiting;
  HistoryPage page;
};

using Arrived = std::variant<WaitingPtr, Answered>;

std::string cannot_follow(const Subject& subject) {
  return "The " + subject.name + " cannot be followed now.";
}

}  // namespace

// What arrives for the feed's thread.
//
// Threads: put() and stop() from any.
class EventFeed::Inbox {
 public:
  // After stop(), does nothing and returns false.
  bool put(Arrived one) {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
    arrived_.push_back(std::move(one));
    changed_.notify_one();
    return true;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_one();
  }

  // Waits until something arrives; true after stop().
  bool wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [&] { return stop_ || !arrived_.empty(); });
    return stop_;
  }

  std::vector<Arrived> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(arrived_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrived> arrived_;
  bool stop_ = false;
};

// What the feed's thread does while there is a log to follow: it places new subscribers, and
// alternates between those that are live and those that are behind.
class EventFeed::Loop {
 public:
  Loop(EventLog& log, const Subject& subject, const Options& options,
       const std::shared_ptr<Inbox>& inbox)
      : log_(log), subject_(subject), options_(options), inbox_(inbox) {}

  void run();
  void end_all() const;

 private:
  void admit_arrived();
  void admit(const WaitingPtr& waiting, Position last);
  void begin_unplaced(const Waiting& waiting);
  void ask_history(const WaitingPtr& waiting, std::optional<EventId> page_after) const;
  void take_history(const Answered& answered);
  void place(const SubscriberPtr& subscriber);
  bool catch_up();
  void beat();
  void for_each(const std::function<void(Subscriber&)>& action) const;

  EventLog& log_;
  const Subject& subject_;
  const Options& options_;
  const std::shared_ptr<Inbox> inbox_;

  std::vector<WaitingPtr> waiting_;
  CatchUp behind_{log_, subject_};
  Tail tail_{log_, subject_};
  Position known_end_;  // of the log
  Clock::time_point next_beat_;
};

// --- The door ------------------------------------------------------------------------------------

EventFeed::EventFeed(EventLog& log, Subject subject, Options options)
    : subject_(std::move(subject)),
      options_(std::move(options)),
      places_(options_.most_subscribers),
      inbox_(std::make_shared<Inbox>()),
      thread_([this, &log] {
        ::pthread_setname_np(::pthread_self(), (subject_.name + "-feed").c_str());
        run(log);
      }) {}

EventFeed::~EventFeed() {
  stop();
}

void EventFeed::stop() {
  inbox_->stop();
  if (thread_.joinable()) thread_.join();
}

void EventFeed::subscribe(const http::Exchange& exchange, Interest interest,
                          std::optional<EventId> after, const Principal& who,
                          std::function<bool()> may_go_on) {
  Places::Place place = places_.take(who);
  if (!place)
    return turn_away(exchange,
                     "There are " + std::to_string(places_.most()) + " streams, or " +
                         std::to_string(places_.most_of_one()) +
                         " of them are yours, which is all that one may have. Come back later.");
  auto subscriber = std::make_shared<Subscriber>(exchange, std::move(interest), after,
                                                 std::move(may_go_on), std::move(place));
  if (!inbox_->put(std::make_shared<Waiting>(Waiting{.subscriber = std::move(subscriber)})))
    turn_away(exchange, "The server is stopping.");
}

void EventFeed::run(EventLog& log) const {
  {
    Loop loop(log, subject_, options_, inbox_);
    try {
      loop.run();
    } catch (const std::exception& error) {
      log::critical("{} can no longer be followed: {}", subject_.name, error.what());
    }
    loop.end_all();
  }
  bool stopping = false;
  do {
    stopping = inbox_->wait(1h);
    for (const Arrived& one : inbox_->take())
      if (const auto* waiting = std::get_if<WaitingPtr>(&one))
        (*waiting)->subscriber->end(cannot_follow(subject_));
  } while (!stopping);
}

// --- The thread ----------------------------------------------------------------------------------

void EventFeed::Loop::run() {
  try {
    known_end_ = log_.last();
  } catch (const Unavailable&) {
    // known once the log is back
  }
  const auto is_idle = [this] {
    return waiting_.empty() && behind_.empty() && !tail_.has_listeners();
  };
  bool log_away = false;
  std::chrono::milliseconds rest = 0ms;
  while (!inbox_->wait(is_idle() ? 1h : rest)) {
    try {
      admit_arrived();
      const bool busy = catch_up();
      rest = tail_.has_listeners() ? tail_.follow(behind_.empty() ? poll : 1ms) : poll;
      if (busy) rest = 0ms;
      if (std::exchange(log_away, false)) log::info("{} are followed again", subject_.name);
    } catch (const Unavailable& away) {
      if (!std::exchange(log_away, true))
        log::warn("{} cannot be followed for now: {}", subject_.name, away.what());
      rest = log_retry;
    }
    beat();
  }
}

void EventFeed::Loop::end_all() const {
  for_each([&](Subscriber& subscriber) { subscriber.end(cannot_follow(subject_)); });
}

void EventFeed::Loop::for_each(const std::function<void(Subscriber&)>& action) const {
  tail_.for_each(action);
  behind_.for_each(action);
  for (const WaitingPtr& waiting : waiting_) action(*waiting->subscriber);
}

void EventFeed::Loop::beat() {
  const auto now = Clock::now();
  if (now < next_beat_) return;
  next_beat_ = now + std::min<std::chrono::milliseconds>(beat_interval, options_.heartbeat);
  for_each([&](Subscriber& subscriber) {
    // A client that has closed its side seldom still reads; if it does, it sees the stream end.
    if (!subscriber.gone() && subscriber.left()) subscriber.end(cannot_follow(subject_));
    subscriber.beat(options_.heartbeat);
  });
  tail_.remove_gone();
  behind_.remove_gone();
  std::erase_if(waiting_, [](const WaitingPtr& waiting) { return waiting->subscriber->gone(); });
}

// One round of catching up. While nobody follows the tail, the log's end may have moved on; the
// tail then begins at the current end, so that subscribers catch up at full speed as far as
// possible before they join the paced tail.
bool EventFeed::Loop::catch_up() {
  if (!behind_.give(tail_.read().position)) return false;
  if (!tail_.has_listeners()) tail_.begin_after(std::max(tail_.sent(), end_of(log_.last())));
  for (const SubscriberPtr& subscriber : behind_.take()) place(subscriber);
  return true;
}

// --- New subscribers -----------------------------------------------------------------------------

void EventFeed::Loop::admit_arrived() {
  for (Arrived& one : inbox_->take()) {
    if (const auto* answered = std::get_if<Answered>(&one))
      take_history(*answered);
    else
      waiting_.push_back(std::move(std::get<WaitingPtr>(one)));
  }
  const auto is_due = [now = Clock::now()](const WaitingPtr& one) { return one->due <= now; };
  if (std::ranges::none_of(waiting_, is_due)) return;
  Position last;  // read once; "now" begins here for all that asked before
  try {
    last = log_.last();
  } catch (const Unavailable&) {
    for (const WaitingPtr& waiting : waiting_) begin_unplaced(*waiting);
    throw;
  }
  known_end_ = last;
  for (const WaitingPtr& waiting : std::exchange(waiting_, {})) {
    if (is_due(waiting))
      admit(waiting, last);
    else
      waiting_.push_back(waiting);
  }
}

void EventFeed::Loop::admit(const WaitingPtr& waiting, Position last) {
  Subscriber& subscriber = *waiting->subscriber;
  const std::optional<EventId> asked = subscriber.asked();
  if (asked && asked->position > last) return subscriber.refuse(not_happened_yet(*asked, last));
  subscriber.place_after(asked.value_or(end_of(last)));
  // Without listeners, nobody needs the events since the last one left.
  if (!tail_.has_listeners()) tail_.begin_after(end_of(last));
  const bool has_past = asked || subject_.not_found;
  if (!subscriber.interest().entity || !has_past) return place(waiting->subscriber);
  waiting->due = Clock::time_point::max();
  waiting_.push_back(waiting);
  ask_history(waiting, std::nullopt);
}

// Begins the stream at the place where it will continue once the log is back. Meanwhile nobody can
// say where the log ends, so "now" is its last known end: whatever is recorded after the request
// comes later than that.
void EventFeed::Loop::begin_unplaced(const Waiting& waiting) {
  Subscriber& subscriber = *waiting.subscriber;
  if (subscriber.begun()) return;
  if (options_.known_end) known_end_ = std::max(known_end_, options_.known_end());
  const bool is_admitted = waiting.due == Clock::time_point::max();
  if (!is_admitted)
    subscriber.place_after(
        subscriber.asked().value_or(end_of(std::max(known_end_, tail_.read().position))));
  subscriber.begin();
}

// An entity's past is in its history, so the log need not be searched for it. The history is read
// from its beginning, because an entity without events does not exist.
void EventFeed::Loop::ask_history(const WaitingPtr& waiting,
                                  std::optional<EventId> page_after) const {
  const Subscriber& subscriber = *waiting->subscriber;
  subject_.history(*subscriber.interest().entity, {.limit = history_page, .after = page_after},
                   subscriber.after().position, [inbox = inbox_, waiting](HistoryPage page) {
                     inbox->put(Answered{waiting, std::move(page)});
                   });
}

void EventFeed::Loop::take_history(const Answered& answered) {
  const WaitingPtr& waiting = answered.waiting;
  Subscriber& subscriber = *waiting->subscriber;
  if (subscriber.gone()) return;
  const auto* answer = std::get_if<Answer<Page<HistoryRow>>>(&answered.page);
  if (!answer) {  // the read model is away or behind, or a row is parked: all temporary
    waiting->found = false;
    waiting->past.clear();
    waiting->due = Clock::now() + history_retry;
    return subscriber.begin();
  }
  const auto& [page, position] = *answer;

  waiting->found = waiting->found || !page.items.empty();
  if (!waiting->found && subject_.not_found) {
    std::erase(waiting_, waiting);
    return subscriber.refuse(
        not_found(*subject_.not_found, to_string(*subscriber.interest().entity)));
  }
  bool all = !page.more;
  EventId reached = end_of(position);
  for (const HistoryRow& row : page.items) {
    const Event& event = row.recorded.event;
    if (row.id <= subscriber.after()) continue;
    if (!subscriber.wants(about(event))) continue;
    if (const auto data = subject_.data(row.id, row.recorded, std::nullopt))
      waiting->past += words_of(subject_, row.id, *data);
    if (waiting->past.size() < batch_bytes) continue;
    // More than one batch: the log has the rest.
    reached = row.id;
    all = true;
    break;
  }
  if (!all) return ask_history(waiting, page.items.back().id);
  std::erase(waiting_, waiting);
  subscriber.begin();
  if (!waiting->past.empty()) subscriber.give(http::StreamPiece(waiting->past), reached);
  subscriber.advance(reached);
  if (!tail_.has_listeners()) tail_.begin_after(std::max(tail_.sent(), subscriber.after()));
  place(waiting->subscriber);
}

// A subscriber that lacks anything the tail has already read is behind.
void EventFeed::Loop::place(const SubscriberPtr& subscriber) {
  subscriber->begin();
  if (subscriber->gone()) return;
  if (subscriber->after() < tail_.read())
    behind_.join(subscriber);
  else
    tail_.join(subscriber);
}

}  // namespace jangbu
