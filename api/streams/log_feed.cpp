#include "api/streams/log_feed.hpp"

#include <utility>

#include "api/answers/represent.hpp"

namespace jangbu {

streams::Subject all_events(std::string source, streams::History history) {
  return {.name = "events",
          .event_name = std::string(log_event),
          .data = [source = std::move(source)](EventId id, const RecordedEvent& recorded,
                                               const std::optional<Author>& author)
              -> std::optional<Json> { return to_cloud_event(source, id, recorded, author); },
          .history = std::move(history),
          .not_found = std::nullopt};
}

}  // namespace jangbu
