#include "api/cli/export_format.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/answers/represent.hpp"
#include "events/errors.hpp"
#include "infra/base64.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/sha256.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

namespace {

// Covers the whole commit: "<position> <id> <format>", a line feed, and the payload.
std::string sha256_of(const StoredCommit& stored) {
  const std::string head = std::to_string(stored.position.value) + ' ' + to_string(stored.id) +
                           ' ' + std::to_string(stored.format) + '\n';
  return to_base64(chars_of(sha256({head, stored.payload})));
}

// The string and whole-number attributes of a JSON object. Nested values are checked and discarded:
// a line of a foreign file may hold millions of values, or be nested as deeply.
class Attributes final : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Nothing when the line is not an object.
  static std::optional<Attributes> of(std::string_view line) {
    Attributes attributes;
    if (!nlohmann::json::sax_parse(line, &attributes) || !attributes.is_object_)
      return std::nullopt;
    return attributes;
  }

  std::string text(const std::string& name) const {
    const auto found = texts_.find(name);
    return found == texts_.end() ? std::string() : found->second;
  }
  std::optional<std::uint64_t> number(const std::string& name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }

  // Called by the parser.
  bool null() override { return forget(); }
  bool boolean(bool) override { return forget(); }
  bool number_integer(std::int64_t) override { return forget(); }
  bool number_float(double, const std::string&) override { return forget(); }
  bool binary(nlohmann::json::binary_t&) override { return forget(); }
  bool number_unsigned(std::uint64_t value) override {
    forget();
    if (is_attribute()) numbers_[name_] = value;
    return true;
  }
  bool string(std::string& value) override {
    forget();
    if (is_attribute()) texts_[name_] = std::move(value);
    return true;
  }
  bool key(std::string& name) override {
    if (is_attribute()) name_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 0) is_object_ = true;
    return enter();
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  bool is_attribute() const { return depth_ == 1; }
  bool forget() {
    if (!is_attribute()) return true;
    texts_.erase(name_);
    numbers_.erase(name_);
    return true;
  }
  bool enter() {
    forget();
    ++depth_;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  bool is_object_ = false;
  std::string name_;  // of the attribute whose value comes next
  std::map<std::string, std::string> texts_;
  std::map<std::string, std::uint64_t> numbers_;
};

bool is_source(std::string_view text) {
  const std::string before_name = cloud_event_source("");
  return text == nameless_source || (text.starts_with(before_name) &&
                                     JetStreamLog::is_stream_name(text.substr(before_name.size())));
}

}  // namespace

std::string export_lines(std::string_view source, const StoredCommit& stored,
                         const Commit& commit) {
  std::string lines;
  for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
    Json line = to_cloud_event(source, EventId{stored.position, index}, commit.events[index]);
    if (index == 0) {
      line.add("commitid", to_string(stored.id));
      line.add("commitformat", stored.format);
      line.add("commitbytes", to_base64(stored.payload));
      line.add("commitsha256", sha256_of(stored));
    }
    lines += visible(line.text());  // the same JSON, safe to show on a terminal
    lines += '\n';
  }
  return lines;
}

std::string line_start(EventId id) {
  return R"({"specversion":"1.0","id":")" + to_string(id) + '"';
}

std::optional<FirstLine> parse_first_line(std::string_view text) {
  if (text.find(R"("commitid":)") == text.npos) return std::nullopt;
  const auto line = Attributes::of(text);
  if (!line) throw Corrupt("is not JSON");
  const auto id = parse_event_id(line->text("id"));
  const auto commit_id = parse_id<CommitId>(line->text("commitid"));
  const auto format = line->number("commitformat");
  auto bytes = from_base64(line->text("commitbytes"));
  if (!id || id->index != 0 || !commit_id || !format || !bytes)
    throw Corrupt("does not tell its commit's id, format and bytes");
  if (bytes->size() > largest_commit)
    throw Corrupt("has a commit of " + std::to_string(bytes->size()) +
                  " bytes, and NATS takes no more than " + std::to_string(largest_commit));
  const auto owner = std::make_shared<const std::string>(std::move(*bytes));
  StoredCommit stored{id->position, *commit_id, static_cast<unsigned>(*format), *owner, owner};
  if (line->text("commitsha256") != sha256_of(stored))
    throw Corrupt("is damaged: its commit does not fit its SHA-256");
  std::string source = line->text("source");
  if (!is_source(source)) source.clear();
  return FirstLine{std::move(stored), std::move(source)};
}

bool tells_of(std::string_view text, EventId id, const RecordedEvent& recorded) {
  const auto line = Attributes::of(text);
  return line && line->text("id") == to_string(id) &&
         line->text("type") == wire_type(recorded.event).name &&
         line->text("subject") == cloud_event_subject(entity_of(recorded.event)) &&
         line->text("time") == to_string(recorded.envelope.occurred_at);
}

}  // namespace jangbu::cli
