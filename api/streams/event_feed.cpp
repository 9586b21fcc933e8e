#include "api/streams/event_feed.hpp"

#include <pthread.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/http/limits.hpp"
#include "events/errors.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t batch_bytes = 64 * http::kib;
constexpr std::size_t tail_commits = 64;
constexpr std::size_t past_commits = 256;  // in one round, for those that are behind
constexpr std::size_t history_page = 100;
// Who was sent so much and has not read it is given no more of the past for now; nor, in the middle
// of a round, who has so much before it. Both are far from where a client is cut off.
constexpr std::size_t unread_past = 64 * http::kib;
constexpr std::size_t most_unread_past = 128 * http::kib;

constexpr auto poll = 20ms;  // how long a subscriber may wait to be admitted
constexpr auto log_retry = 250ms;
constexpr auto history_retry = 1s;
constexpr auto past_timeout = 500ms;
constexpr auto beat_interval = 250ms;

// What sending to everyone may take of the machine.
constexpr auto rest_per_send = 20us;
constexpr std::int64_t bytes_per_second = 64 * http::mib;

// After every event of this position.
EventId end_of(Position position) {
  return {position, std::numeric_limits<std::uint32_t>::max()};
}

// Where to read on for who has everything up to this event.
Position next_of(EventId after) {
  return after == end_of(after.position) ? after.position.next() : after.position;
}

http::Response stream_head(std::string body) {
  return {.status = 200,
          .content_type = "text/event-stream",
          .body = std::move(body),
          .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}};
}

// A stream that ends at once: after any other answer a browser would never come back.
void turn_away(const http::Exchange& exchange, std::string_view why) {
  exchange.stream_start(stream_head("retry: 10000\n: " + std::string(why) + "\n\n"));
  exchange.stream_end();
}

}  // namespace

class EventFeed::Subscriber {
 public:
  Subscriber(http::Exchange to, Interest of, std::optional<EventId> last_seen,
             std::shared_ptr<Inbox> counted_in)
      : exchange(std::move(to)),
        interest(std::move(of)),
        asked(last_seen),
        inbox_(std::move(counted_in)) {}
  ~Subscriber() { --inbox_->subscribers; }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // That nothing changed is no part of an entity's history, from which its past is told.
  bool wants(EntityId entity, std::string_view type) const {
    if (interest.entity && type == NothingChanged::wire.name) return false;
    return (!interest.entity || *interest.entity == entity) &&
           (interest.type.empty() || interest.type == type);
  }
  bool lacks(const Message& message) const {
    return message.id > after && wants(message.entity, message.type);
  }

  // The batch is in the order of the log, and so is what is given to one subscriber.
  void give(const Batch& batch) {
    std::string text;
    for (const Message& message : batch)
      if (lacks(message)) text += message.text;
    if (!text.empty()) write(http::StreamPiece(text));
    if (!batch.empty()) after = std::max(after, batch.back().id);
  }

  void write(const http::StreamPiece& piece) {
    gone = gone || !exchange.stream_write(piece);
    written = Clock::now();
  }

  std::size_t backlog() const {
    const auto backlog = exchange.stream_backlog();
    return backlog.posted + backlog.unread;
  }

  const http::Exchange exchange;
  const Interest interest;
  const std::optional<EventId> asked;  // none: from now on
  EventId after;                       // was given everything up to it
  bool begun = false;                  // the head of its answer was sent; `after` is settled
  bool gone = false;
  Clock::time_point written;
  Clock::time_point due;  // while it waits: when to try again

  // While the history of its entity is read.
  bool found = false;
  std::string past;

 private:
  const std::shared_ptr<Inbox> inbox_;
};

// --- The door ------------------------------------------------------------------------------------

EventFeed::EventFeed(EventLog& log, Subject subject, Options options)
    : log_(log), subject_(std::move(subject)), options_(options), thread_([this] {
        ::pthread_setname_np(::pthread_self(), (subject_.name + "-feed").c_str());
        run();
      }) {}

EventFeed::~EventFeed() {
  stop();
}

void EventFeed::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stop = true;
  }
  inbox_->changed.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::size_t EventFeed::subscribers() const {
  return inbox_->subscribers;
}

void EventFeed::subscribe(http::Exchange exchange, Interest interest,
                          std::optional<EventId> after) {
  if (++inbox_->subscribers > options_.most_subscribers) {
    --inbox_->subscribers;
    return turn_away(exchange, "There are " + std::to_string(options_.most_subscribers) +
                                   " streams, which is all. Come back later.");
  }
  auto subscriber = std::make_shared<Subscriber>(exchange, std::move(interest), after, inbox_);
  {
    const std::lock_guard lock(inbox_->mutex);
    if (!inbox_->stop) {
      inbox_->arrived.emplace_back(std::move(subscriber));
      inbox_->changed.notify_one();
      return;
    }
  }
  turn_away(exchange, "The server is stopping.");
}

// --- The thread ----------------------------------------------------------------------------------

void EventFeed::run() {
  try {
    try {
      known_end_ = log_.last();
    } catch (const Unavailable&) {
      // then it is known when it has come back
    }
    serve();
  } catch (const std::exception& error) {
    log::critical("{} can no longer be followed: {}", subject_.name, error.what());
  }
  for_each([this](Subscriber& subscriber) { end(subscriber); });
  live_to_all_.clear();
  live_to_one_.clear();
  behind_.clear();
  waiting_.clear();
  tail_reader_.reset();
  past_reader_.reset();
  while (!wait(1h)) turn_away_arrived();
  turn_away_arrived();
}

void EventFeed::serve() {
  std::chrono::milliseconds rest = 0ms;
  while (!wait(idle() ? 1h : rest)) {
    try {
      admit();
      const bool busy = catch_up();
      rest = follow();
      if (busy) rest = 0ms;
      if (std::exchange(log_away_, false)) log::info("{} are followed again", subject_.name);
    } catch (const Unavailable& away) {
      if (!std::exchange(log_away_, true))
        log::warn("{} cannot be followed for now: {}", subject_.name, away.what());
      rest = log_retry;
    }
    beat();
  }
}

bool EventFeed::idle() const {
  return is_live_empty() && behind_.empty() && waiting_.empty();
}

bool EventFeed::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(inbox_->mutex);
  inbox_->changed.wait_for(lock, time, [&] { return inbox_->stop || !inbox_->arrived.empty(); });
  return inbox_->stop;
}

std::deque<std::variant<EventFeed::SubscriberPtr, EventFeed::Answered>> EventFeed::take_arrived() {
  const std::lock_guard lock(inbox_->mutex);
  return std::exchange(inbox_->arrived, {});
}

void EventFeed::turn_away_arrived() {
  for (auto& one : take_arrived()) {
    const auto* answered = std::get_if<Answered>(&one);
    end(answered ? *answered->subscriber : *std::get<SubscriberPtr>(one));
  }
}

void EventFeed::end(Subscriber& subscriber) {
  if (subscriber.begun)
    subscriber.exchange.stream_end();
  else
    turn_away(subscriber.exchange, "The " + subject_.name + " cannot be followed now.");
}

// What can never be followed. A stream that has begun ends: who comes back to it is told why.
void EventFeed::refuse(Subscriber& subscriber, http::Response why) {
  if (subscriber.begun)
    subscriber.exchange.stream_end();
  else
    subscriber.exchange.respond(std::move(why));
}

// --- Who comes -----------------------------------------------------------------------------------

void EventFeed::admit() {
  for (auto& one : take_arrived()) {
    if (auto* answered = std::get_if<Answered>(&one))
      take_history(std::move(*answered));
    else
      waiting_.push_back(std::move(std::get<SubscriberPtr>(one)));
  }
  const auto is_due = [now = Clock::now()](const auto& one) { return one->due <= now; };
  if (std::ranges::none_of(waiting_, is_due)) return;
  Position last;  // asked for once: whoever asked before that begins there
  try {
    last = log_.last();
  } catch (const Unavailable&) {
    for (const SubscriberPtr& subscriber : waiting_) begin_unplaced(*subscriber);
    throw;
  }
  known_end_ = last;
  for (const SubscriberPtr& subscriber : std::exchange(waiting_, {})) {
    if (is_due(subscriber))
      admit(subscriber, last);
    else
      waiting_.push_back(subscriber);
  }
}

void EventFeed::admit(const SubscriberPtr& subscriber, Position last) {
  if (subscriber->asked && subscriber->asked->position > last)
    return refuse(*subscriber, not_happened_yet(*subscriber->asked, last));
  if (!subscriber->begun) subscriber->after = subscriber->asked.value_or(end_of(last));
  // Nobody needs what lies between the last who listened and now.
  if (is_live_empty()) begin_tail_after(end_of(last));
  const bool has_past = subscriber->asked || subject_.not_found;
  if (!subscriber->interest.entity || !has_past) return place(subscriber);
  subscriber->due = Clock::time_point::max();
  waiting_.push_back(subscriber);
  ask_history(subscriber, std::nullopt);
}

// Begins where it will go on from once that is possible. Nobody can say where the log ends while it
// is away, so "now" is then where it was last known to end: what is recorded after the request
// comes later than that.
void EventFeed::begin_unplaced(Subscriber& subscriber) {
  if (subscriber.begun) return;
  if (options_.known_end) known_end_ = std::max(known_end_, options_.known_end());
  const bool is_admitted = subscriber.due == Clock::time_point::max();
  if (!is_admitted)
    subscriber.after = subscriber.asked.value_or(end_of(std::max(known_end_, tail_read_.position)));
  begin(subscriber);
}

// An entity's past is in its history: the log need not be searched for it. It is read from its
// beginning, since an entity without events is one that is not there.
void EventFeed::ask_history(const SubscriberPtr& subscriber, std::optional<EventId> page_after) {
  const Position at_least = subscriber->after.position;
  subject_.history(*subscriber->interest.entity, {.limit = history_page, .after = page_after},
                   at_least, [inbox = inbox_, subscriber](HistoryPage page) {
                     const std::lock_guard lock(inbox->mutex);
                     inbox->arrived.push_back(Answered{subscriber, std::move(page)});
                     inbox->changed.notify_one();
                   });
}

void EventFeed::take_history(Answered&& answered) {
  Subscriber& subscriber = *answered.subscriber;
  if (subscriber.gone) return;
  const auto* answer = std::get_if<Answer<Page<HistoryRow>>>(&answered.page);
  if (!answer) {  // the read model is away or behind, or a row is parked: all of it passes
    subscriber.found = false;
    subscriber.past.clear();
    subscriber.due = Clock::now() + history_retry;
    return begin(subscriber);
  }
  const auto& [page, position] = *answer;

  subscriber.found = subscriber.found || !page.items.empty();
  if (!subscriber.found && subject_.not_found) {
    std::erase(waiting_, answered.subscriber);
    return refuse(subscriber,
                  not_found(*subject_.not_found, to_string(*subscriber.interest.entity)));
  }
  bool all = !page.more;
  EventId reached = end_of(position);
  for (const HistoryRow& row : page.items) {
    const Event& event = row.recorded.event;
    if (row.id <= subscriber.after) continue;
    if (!subscriber.wants(entity_of(event).id, wire_type(event).name)) continue;
    if (const auto data = subject_.data(row.id, row.recorded))
      subscriber.past += words_of(row.id, *data);
    if (subscriber.past.size() < batch_bytes) continue;
    // More than it can be given at once: the log has the rest.
    reached = row.id;
    all = true;
    break;
  }
  if (!all) return ask_history(answered.subscriber, page.items.back().id);
  std::erase(waiting_, answered.subscriber);
  begin(subscriber);
  if (!subscriber.past.empty())
    subscriber.write(http::StreamPiece(std::exchange(subscriber.past, {})));
  subscriber.after = std::max(subscriber.after, reached);
  if (is_live_empty()) begin_tail_after(std::max(tail_, subscriber.after));
  place(answered.subscriber);
}

// The stream begins with the id of its beginning, so that who loses it before the first event comes
// back to the same place.
void EventFeed::begin(Subscriber& subscriber) {
  if (std::exchange(subscriber.begun, true)) return;
  http::Response head = stream_head("retry: 2000\nid: " + to_string(subscriber.after) + "\n\n");
  head.headers.emplace_back("Event-Position", std::to_string(subscriber.after.position.value));
  subscriber.exchange.stream_start(std::move(head));
  subscriber.written = Clock::now();
  if (!subscriber.exchange.head_only()) return;
  subscriber.exchange.stream_end();
  subscriber.gone = true;
}

// What was read of the end and is not sent yet holds only what somebody wanted who was live then.
// So who comes is behind as long as it lacks any of that.
void EventFeed::place(const SubscriberPtr& subscriber) {
  begin(*subscriber);
  if (subscriber->gone) return;
  if (subscriber->after < tail_read_)
    behind_.push_back(subscriber);
  else if (subscriber->interest.entity)
    live_to_one_[*subscriber->interest.entity].push_back(subscriber);
  else
    live_to_all_.push_back(subscriber);
}

// --- Who is live ---------------------------------------------------------------------------------

// As a server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html
std::string EventFeed::words_of(EventId id, const Json& data) const {
  return "id: " + to_string(id) + "\nevent: " + subject_.event_name + "\ndata: " + data.text() +
         "\n\n";
}

template <class Wanted>
void EventFeed::put_into_words(const StoredCommit& stored, Wanted wanted, Batch& batch) const {
  const Commit commit = decode(stored);
  std::uint32_t index = 0;
  for (const RecordedEvent& recorded : commit.events) {
    const EventId id{stored.position, index++};
    const EntityId entity = entity_of(recorded.event).id;
    const std::string_view type = wire_type(recorded.event).name;
    if (!wanted(entity, type)) continue;
    if (const auto data = subject_.data(id, recorded))
      batch.push_back({id, entity, type, words_of(id, *data)});
  }
}

// What was read for those who were live before does not hold what others want.
void EventFeed::begin_tail_after(EventId id) {
  tail_reader_.reset();
  tail_batches_.clear();
  tail_ = tail_read_ = id;
}

// How long the thread may rest now.
std::chrono::milliseconds EventFeed::follow() {
  if (is_live_empty()) {
    begin_tail_after(tail_);
    return poll;
  }
  const auto now = Clock::now();
  if (now < next_round_) return std::chrono::ceil<std::chrono::milliseconds>(next_round_ - now);
  if (tail_batches_.empty()) read_tail(behind_.empty() ? poll : 1ms);
  if (tail_batches_.empty()) return 0ms;
  if (workers_are_busy()) return 1ms;
  const Batch batch = std::move(tail_batches_.front());
  tail_batches_.pop_front();
  send_to_live(batch);
  tail_ = tail_batches_.empty() ? tail_read_ : batch.back().id;
  return 0ms;
}

void EventFeed::read_tail(std::chrono::milliseconds time) {
  if (!tail_reader_) tail_reader_ = log_.read_from(next_of(tail_));
  const auto wanted = [this](const EntityId& entity, std::string_view type) {
    return live_to_one_.contains(entity) ||
           std::ranges::any_of(live_to_all_, [&](const SubscriberPtr& subscriber) {
             return subscriber->wants(entity, type);
           });
  };
  Batch batch;
  std::size_t size = 0;
  for (const StoredCommit& stored : tail_reader_->next(tail_commits, time)) {
    Batch messages;
    put_into_words(stored, wanted, messages);
    for (Message& message : messages) {
      size += message.text.size();
      batch.push_back(std::move(message));
      if (size < batch_bytes) continue;
      tail_batches_.push_back(std::exchange(batch, {}));
      size = 0;
    }
    tail_read_ = end_of(stored.position);
  }
  if (!batch.empty()) tail_batches_.push_back(std::move(batch));
  if (tail_batches_.empty()) tail_ = tail_read_;
}

// Until the workers have taken the last batch, what waits for a subscriber says nothing about how
// fast that one reads.
bool EventFeed::workers_are_busy() const {
  return std::ranges::any_of(live_to_all_, [](const SubscriberPtr& subscriber) {
    return !subscriber->gone && !subscriber->exchange.client_gone() &&
           subscriber->exchange.stream_backlog().posted > 0;
  });
}

void EventFeed::send_to_live(const Batch& batch) {
  if (!live_to_all_.empty()) {
    std::string text;
    for (const Message& message : batch) text += message.text;
    const http::StreamPiece whole(text);
    for (const SubscriberPtr& subscriber : live_to_all_) {
      if (subscriber->interest.all() && subscriber->after < batch.front().id) {
        subscriber->write(whole);
        subscriber->after = batch.back().id;
      } else {
        subscriber->give(batch);
      }
    }
    const auto sends = static_cast<std::int64_t>(live_to_all_.size());
    const auto bytes = sends * static_cast<std::int64_t>(text.size());
    next_round_ = Clock::now() + sends * rest_per_send +
                  std::chrono::microseconds(bytes * 1'000'000 / bytes_per_second);
  }
  for (const Message& message : batch) {
    const auto listening = live_to_one_.find(message.entity);
    if (listening == live_to_one_.end()) continue;
    const http::StreamPiece piece(message.text);
    for (const SubscriberPtr& subscriber : listening->second) {
      if (!subscriber->lacks(message)) continue;
      subscriber->write(piece);
      subscriber->after = message.id;
    }
  }
}

// --- Who is behind -------------------------------------------------------------------------------

// Gives a part of the past to those who are furthest behind, and to whoever meets them on the way.
// False when there is nobody who can take more.
bool EventFeed::catch_up() {
  std::vector<SubscriberPtr> ready;
  for (const SubscriberPtr& subscriber : behind_) {
    if (!subscriber->gone && !subscriber->exchange.client_left() &&
        subscriber->backlog() < unread_past)
      ready.push_back(subscriber);
  }
  if (ready.empty()) {
    if (behind_.empty()) past_reader_.reset();
    return false;
  }
  const Position from = next_of((*std::ranges::min_element(ready, {}, [](const auto& subscriber) {
                                  return subscriber->after;
                                }))->after);
  if (!past_reader_ || past_next_ != from) {
    past_reader_ = log_.read_from(from);
    past_next_ = from;
  }

  const auto wanted = [&](const EntityId& entity, std::string_view type) {
    return std::ranges::any_of(
        ready, [&](const SubscriberPtr& subscriber) { return subscriber->wants(entity, type); });
  };
  Batch batch;
  std::size_t size = 0;
  const auto give = [&] {
    // Who still has the last part to read gets this one another time.
    std::erase_if(ready, [](const SubscriberPtr& subscriber) {
      return subscriber->backlog() >= most_unread_past;
    });
    for (const SubscriberPtr& subscriber : ready) subscriber->give(batch);
    batch.clear();
  };
  for (std::size_t commits = 0; commits < past_commits && past_next_ <= tail_read_.position;
       ++commits) {
    const auto read = past_reader_->next(1, past_timeout);
    if (read.empty()) break;
    Batch messages;
    put_into_words(read.front(), wanted, messages);
    bool full = false;
    for (Message& message : messages) {
      size += message.text.size();
      batch.push_back(std::move(message));
      if (size < batch_bytes) continue;
      give();
      size = 0;
      full = true;
    }
    past_next_ = read.front().position.next();
    if (full) break;
  }
  give();
  const EventId reached = end_of({past_next_.value - 1});
  for (const SubscriberPtr& subscriber : ready)
    subscriber->after = std::max(subscriber->after, reached);
  // The end may have moved on where nobody follows it: they are to come as close as they can before
  // they are given what comes at its own pace.
  if (is_live_empty()) begin_tail_after(std::max(tail_, end_of(log_.last())));
  for (const SubscriberPtr& subscriber : std::exchange(behind_, {})) place(subscriber);
  return true;
}

// --- All of them ---------------------------------------------------------------------------------

template <class Action>
void EventFeed::for_each(Action action) {
  for (const auto& subscriber : live_to_all_) action(*subscriber);
  for (const auto& [entity, subscribers] : live_to_one_)
    for (const auto& subscriber : subscribers) action(*subscriber);
  for (const auto& subscriber : behind_) action(*subscriber);
  for (const auto& subscriber : waiting_) action(*subscriber);
}

void EventFeed::beat() {
  const auto now = Clock::now();
  if (now < next_beat_) return;
  next_beat_ = now + std::min<std::chrono::milliseconds>(beat_interval, options_.heartbeat);
  static const http::StreamPiece heartbeat(":\n\n");
  for_each([&](Subscriber& subscriber) {
    // Who has closed its side seldom listens any more; it is told that this is the end.
    if (!subscriber.gone && subscriber.exchange.client_left()) {
      end(subscriber);
      subscriber.gone = true;
    }
    if (subscriber.begun && now >= subscriber.written + options_.heartbeat)
      subscriber.write(heartbeat);
  });
  remove_gone();
}

void EventFeed::remove_gone() {
  const auto is_gone = [](const SubscriberPtr& subscriber) { return subscriber->gone; };
  std::erase_if(live_to_all_, is_gone);
  std::erase_if(behind_, is_gone);
  std::erase_if(waiting_, is_gone);
  for (auto listening = live_to_one_.begin(); listening != live_to_one_.end();) {
    std::erase_if(listening->second, is_gone);
    listening = listening->second.empty() ? live_to_one_.erase(listening) : std::next(listening);
  }
}

}  // namespace jangbu
