#include "api/webhooks/parked.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "events/errors.hpp"
#include "infra/json_tree.hpp"

namespace jangbu::webhook {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::int64_t most_messages = 10'000;
constexpr std::int64_t most_bytes = std::int64_t{64} << 20;
constexpr std::chrono::nanoseconds kept_for = std::chrono::days(30);

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void require_done(const json& answer, const std::string& what) {
  if (error_code(answer) != 0) throw Unavailable(what + ": " + error_text(answer));
}

}  // namespace

Parked::Parked(NatsLink::Ends& nats, const std::string& log_stream, unsigned replicas,
               const std::string& webhook)
    : nats_(nats),
      stream_(log_stream + "_PARKED"),
      prefix_(lower(log_stream) + ".parked."),
      replicas_(replicas),
      webhook_(webhook) {}

std::string Parked::subject(EventId id) const {
  return prefix_ + webhook_ + "." + std::to_string(id.position.value) + "_" +
         std::to_string(id.index);
}

void Parked::add(EventId id, std::string_view message) {
  if (try_add(id, message)) return;
  make_stream();
  if (!try_add(id, message)) throw Unavailable("stream " + stream_ + " takes no messages");
}

// False when no stream takes it.
bool Parked::try_add(EventId id, std::string_view message) {
  const NatsMessage answer = nats_.connection.request(subject(id), message, 2s);
  if (natsMsg_IsNoResponders(answer.get())) return false;
  const json stored = parse_json_if_valid(payload(*answer));
  if (!stored.is_object()) throw Unavailable("stream " + stream_ + " did not confirm a message");
  require_done(stored, "stream " + stream_);
  return true;
}

void Parked::make_stream() {
  require_done(nats_.api.call("STREAM.CREATE." + stream_, {{"name", stream_},
                                                           {"subjects", {prefix_ + ">"}},
                                                           {"retention", "limits"},
                                                           {"storage", "file"},
                                                           {"num_replicas", replicas_},
                                                           {"discard", "old"},
                                                           {"max_msgs", most_messages},
                                                           {"max_bytes", most_bytes},
                                                           {"max_age", kept_for.count()},
                                                           {"max_msgs_per_subject", 1}}),
               "making stream " + stream_);
}

void Parked::remove(EventId id) {
  const json answer = nats_.api.call("STREAM.PURGE." + stream_, {{"filter", subject(id)}});
  if (error_code(answer) != api_error::stream_not_found) require_done(answer, "stream " + stream_);
}

std::set<EventId> Parked::list() {
  const std::string mine = prefix_ + webhook_ + ".";
  const json answer = nats_.api.call("STREAM.INFO." + stream_, {{"subjects_filter", mine + ">"}});
  if (error_code(answer) == api_error::stream_not_found) return {};
  require_done(answer, "stream " + stream_);
  std::set<EventId> ids;
  const json subjects = answer.at("state").value("subjects", json::object());
  for (const auto& [subject, count] : subjects.items()) {
    std::string id = subject.substr(std::min(mine.size(), subject.size()));
    std::ranges::replace(id, '_', '.');
    if (const auto parsed = parse_event_id(id)) ids.insert(*parsed);
  }
  return ids;
}

}  // namespace jangbu::webhook
