#include "api/streams/subject.hpp"

#include <cstdint>
#include <utility>

namespace jangbu::streams {

About about(const Event& event) {
  const auto buyer = std::visit(
      [](const auto& fact) -> std::optional<AccountId> {
        if constexpr (requires { fact.buyer; }) return fact.buyer;
        return std::nullopt;
      },
      event);
  return {entity_of(event).id, wire_type(event).name, buyer};
}

// As a server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html
std::string words_of(const Subject& subject, EventId id, const Json& data) {
  return "id: " + to_string(id) + "\nevent: " + subject.event_name + "\ndata: " + data.text() +
         "\n\n";
}

void put_into_words(const Subject& subject, const StoredCommit& stored, const Wanted& wanted,
                    std::deque<Batch>& batches) {
  const Commit commit = decode(stored);
  std::uint32_t index = 0;
  for (const RecordedEvent& recorded : commit.events) {
    const EventId id{stored.position, index++};
    const About told = about(recorded.event);
    if (!wanted(told)) continue;
    const auto data = subject.data(id, recorded, stored.origin.author);
    if (!data) continue;
    if (batches.empty() || batches.back().bytes >= batch_bytes) batches.emplace_back();
    Batch& batch = batches.back();
    batch.messages.push_back({id, told, words_of(subject, id, *data)});
    batch.bytes += batch.messages.back().text.size();
  }
}

}  // namespace jangbu::streams
