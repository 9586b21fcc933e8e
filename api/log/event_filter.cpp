#include "api/log/event_filter.hpp"

#include <algorithm>

#include "events/decoders.hpp"

namespace jangbu {

namespace {

bool fits(const EventFilter& filter, EventId id, std::string_view type) {
  return filter.from <= id && id <= filter.to &&
         (filter.types.empty() || std::ranges::find(filter.types, type) != filter.types.end());
}

}  // namespace

bool EventFilter::matches(EventId id, const RecordedEvent& recorded) const {
  const Event& event = recorded.event;
  return fits(*this, id, wire_type(event).name) && (!entity || entity_of(event).id == *entity) &&
         (actor.empty() || recorded.envelope.actor == actor);
}

bool EventFilter::matches(EventId id, std::string_view type) const {
  return fits(*this, id, type) && !entity && actor.empty();
}

std::optional<EventId> parse_place(std::string_view text) {
  const bool is_position = text.find('.') == text.npos;
  return parse_event_id(is_position ? std::string(text) + ".0" : std::string(text));
}

std::optional<EventId> parse_last_place(std::string_view text) {
  auto place = parse_place(text);
  if (place && text.find('.') == text.npos) place->index = EventFilter::last_of_all.index;
  return place;
}

bool is_event_type(std::string_view name) {
  return std::ranges::any_of(current_decoders(),
                             [&](const Decoder& decoder) { return decoder.wire.name == name; });
}

std::string event_types() {
  std::string names;
  for (const Decoder& decoder : current_decoders())
    names += (names.empty() ? "" : ", ") + std::string(decoder.wire.name);
  return names;
}

}  // namespace jangbu
