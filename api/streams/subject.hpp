// What a feed is about, and how what is in the log becomes server-sent events of it.
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

// A part of an entity's history, as of a position; any thread may call back.
using HistoryPage = QueryResult<Page<HistoryRow>>;
using History = std::function<void(EntityId, From<EventId>, Position at_least,
                                   std::function<void(HistoryPage)>)>;

struct Subject {
  std::string name;        // "deliveries", for the log of the process
  std::string event_name;  // what clients know its events by
  // What it says of an event of the log; nothing where that is none of its business.
  std::function<std::optional<Json>(EventId, const RecordedEvent&)> data;
  History history;
  std::optional<http::ProblemType> not_found;  // for an entity without a history; none: it waits
};

// An event in words.
struct Message {
  EventId id;
  EntityId entity;
  std::string_view type;
  std::string text;
};

// What is sent at once, in the order of the log.
struct Batch {
  std::vector<Message> messages;
  std::size_t bytes = 0;
};

inline constexpr std::size_t batch_bytes = 64 * 1024;  // a batch of this size is full

// Whether anybody wants events of this entity and type.
using Wanted = std::function<bool(EntityId, std::string_view type)>;

std::string words_of(const Subject& subject, EventId id, const Json& data);

// Puts what is wanted of a commit behind what is in the batches: into the last one until it is
// full, and then into new ones.
void put_into_words(const Subject& subject, const StoredCommit& stored, const Wanted& wanted,
                    std::deque<Batch>& batches);

// After every event of this position.
inline EventId end_of(Position position) {
  return {position, std::numeric_limits<std::uint32_t>::max()};
}

// Where to read on for somebody who has everything up to this event.
inline Position next_of(EventId after) {
  return after == end_of(after.position) ? after.position.next() : after.position;
}

}  // namespace jangbu::streams
