// What a feed is about, and how events of the log become server-sent events.
//
// Threads: plain values. The functions of a Subject are called on the feed's thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"
#include "events/event_log.hpp"
#include "events/events.hpp"
#include "infra/json.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/tables/history.hpp"

namespace jangbu::streams {

// Part of an entity's history, as of a position; the callback may come from any thread.
using HistoryPage = QueryResult<Page<HistoryRow>>;
using History = std::function<void(EntityId, From<EventId>, Position at_least,
                                   std::function<void(HistoryPage)>)>;

struct Subject {
  std::string name;        // "deliveries", for the process's own log
  std::string event_name;  // the event type that clients see
  // The data of an event in the log; nothing if the feed is not about it. Who appended its commit
  // is not known of an event that was read in a history.
  std::function<std::optional<Json>(EventId, const RecordedEvent&, const std::optional<Author>&)>
      data;
  History history;
  std::optional<http::ProblemType> not_found;  // for an entity without a history; none: it waits
};

// What an event is about, by which subscribers choose.
struct About {
  EntityId entity;
  std::string_view type;
  std::optional<AccountId> buyer;  // of a purchase's events
};
About about(const Event& event);

// A serialised event.
struct Message {
  EventId id;
  About about;
  std::string text;
};

// Messages that are sent together, in log order.
struct Batch {
  std::vector<Message> messages;
  std::size_t bytes = 0;
};

inline constexpr std::size_t batch_bytes = 64 * 1024;  // a batch of this size is full

// Whether any subscriber wants events about this.
using Wanted = std::function<bool(const About&)>;

std::string words_of(const Subject& subject, EventId id, const Json& data);

// Appends the wanted events of a commit to the batches: to the last one until it is full, then to
// new ones.
void put_into_words(const Subject& subject, const StoredCommit& stored, const Wanted& wanted,
                    std::deque<Batch>& batches);

// The id after every event of this position.
inline EventId end_of(Position position) {
  return {position, std::numeric_limits<std::uint32_t>::max()};
}

// The position to read next after this event.
inline Position next_of(EventId after) {
  return after == end_of(after.position) ? after.position.next() : after.position;
}

}  // namespace jangbu::streams
