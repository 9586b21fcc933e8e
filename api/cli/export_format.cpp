#include "api/cli/export_format.hpp"

#include <openssl/sha.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "api/json/represent.hpp"
#include "api/text.hpp"
#include "events/errors.hpp"
#include "infra/base64.hpp"

namespace jangbu::cli {

namespace {

// Of all that a commit is: "<position> <id> <format>", a line feed, and the payload.
std::string sha256_of(const StoredCommit& stored) {
  std::string bytes = std::to_string(stored.position.value) + ' ' + to_string(stored.id) + ' ' +
                      std::to_string(stored.format) + '\n';
  bytes += stored.payload;
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return to_base64(digest);
}

std::string text_at(const nlohmann::json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string subject_of(const Event& event) {
  const Entity entity = entity_of(event);
  return std::string(to_string(entity.kind)) + '/' + to_string(entity.id);
}

}  // namespace

std::string export_lines(const StoredCommit& stored, const Commit& commit) {
  std::string lines;
  for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
    Json line = to_cloud_event(EventId{stored.position, index}, commit.events[index]);
    if (index == 0) {
      line.add("commitid", to_string(stored.id));
      line.add("commitformat", stored.format);
      line.add("commitbytes", to_base64(stored.payload));
      line.add("commitsha256", sha256_of(stored));
    }
    lines += visible(line.text());  // the same JSON, also where somebody looks at the file
    lines += '\n';
  }
  return lines;
}

std::string line_start(EventId id) {
  return R"({"specversion":"1.0","id":")" + to_string(id) + '"';
}

std::optional<StoredCommit> parse_first_line(std::string_view text) {
  if (text.find(R"("commitid":)") == text.npos) return std::nullopt;
  const auto line = nlohmann::json::parse(text, nullptr, false);
  if (!line.is_object()) throw Corrupt("is not JSON");
  const auto id = parse_event_id(text_at(line, "id"));
  const auto commit_id = parse_id<CommitId>(text_at(line, "commitid"));
  const auto format = line.find("commitformat");
  auto bytes = from_base64(text_at(line, "commitbytes"));
  if (!id || id->index != 0 || !commit_id || format == line.end() ||
      !format->is_number_unsigned() || !bytes)
    throw Corrupt("does not tell its commit's id, format and bytes");
  const auto owner = std::make_shared<const std::string>(std::move(*bytes));
  StoredCommit stored{id->position, *commit_id, format->get<unsigned>(), *owner, owner};
  if (text_at(line, "commitsha256") != sha256_of(stored))
    throw Corrupt("is damaged: its commit does not fit its SHA-256");
  return stored;
}

bool tells_of(std::string_view text, EventId id, const RecordedEvent& recorded) {
  const auto line = nlohmann::json::parse(text, nullptr, false);
  return line.is_object() && text_at(line, "id") == to_string(id) &&
         text_at(line, "type") == wire_type(recorded.event).name &&
         text_at(line, "subject") == subject_of(recorded.event) &&
         text_at(line, "time") == to_string(recorded.envelope.occurred_at);
}

}  // namespace jangbu::cli
