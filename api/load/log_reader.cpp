#include "api/load/log_reader.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "infra/json_tree.hpp"

namespace jangbu::loadgen {

using namespace std::chrono_literals;

namespace {

using Value = nlohmann::json;

// A stream does not pay for fewer commits than this.
constexpr std::uint64_t few_commits = 20;
constexpr int most_streams = 20;  // in succession, when each is cut off
constexpr auto before_the_next = 200ms;

}  // namespace

void ServerSentEvents::take(std::string& text,
                            const std::function<void(std::string_view data)>& event) {
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    constexpr std::string_view field = "data:";
    if (line.empty()) {
      const std::string data = std::exchange(data_, {});
      if (!data.empty()) event(data);
    } else if (line.starts_with(field)) {
      line.remove_prefix(field.size());
      if (line.starts_with(' ')) line.remove_prefix(1);
      data_.append(data_.empty() ? "" : "\n").append(line);
    }
  }
  text.erase(0, begin);
}

void LogReader::read(EventId after, Position through, const OnEvent& on_event) {
  read_ = after;
  if (through.value > after.position.value + few_commits) read_stream(through, on_event);
  read_pages(through, on_event);
}

void LogReader::pass_on(const Value& event, Position through, const OnEvent& on_event) {
  const auto id = parse_event_id(event.at("id").get<std::string>());
  if (!id) throw LoadFailed("an event of the log has no id");
  if (*id <= read_ || id->position > through) return;
  read_ = *id;
  on_event(*id, event);
}

void LogReader::read_stream(Position through, const OnEvent& on_event) {
  for (int streams = 0; streams < most_streams && read_.position < through; ++streams) {
    ServerSentEvents events;
    const auto end = calls_.stream(
        {.path = "/events/stream", .fields = {"Last-Event-ID: " + to_string(read_)}},
        [&](std::string& text) {
          const EventId before = read_;
          events.take(text,
                      [&](std::string_view data) { pass_on(parse_json(data), through, on_event); });
          if (read_.position >= through) return ShopCalls::Took::enough;
          return read_ == before ? ShopCalls::Took::nothing : ShopCalls::Took::some;
        });
    if (!end) return;
    if (end->status != 200 && end->status != 503 && end->status != 0) return;  // no stream here
    calls_.pause(before_the_next);
  }
}

void LogReader::read_pages(Position through, const OnEvent& on_event) {
  for (std::string from = to_string(read_); !from.empty() && read_.position <= through;) {
    const auto answer = calls_.insist({.path = "/events?limit=100&from=" + from});
    const Value page = parse_json(answer.body);
    for (const Value& event : page.at("items")) pass_on(event, through, on_event);
    const Value& next = page.at("next");
    from = next.is_null() ? "" : next.get<std::string>();
    if (const auto place = parse_event_id(from); place && place->position > through) return;
  }
}

}  // namespace jangbu::loadgen
