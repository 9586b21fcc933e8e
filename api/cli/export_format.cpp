#include "api/cli/export_format.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "api/answers/represent.hpp"
#include "events/errors.hpp"
#include "infra/base64.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/sha256.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

namespace {

struct Attribute {
  const char* name;
  std::string value;
};

// What is known of its origin. All are texts: a position may exceed a CloudEvent's integers.
std::vector<Attribute> attributes_of(const Origin& origin) {
  std::vector<Attribute> attributes;
  if (origin.author) attributes.push_back({"commitauthor", to_string(*origin.author)});
  if (origin.decided_at)
    attributes.push_back({"commitdecidedat", std::to_string(origin.decided_at->value)});
  if (origin.successor) attributes.push_back({"commitsuccessor", to_string(*origin.successor)});
  return attributes;
}

// Covers the whole commit: "<position> <id> <format>", " <name> <value>" for each attribute of its
// origin, a line feed, and the payload.
std::string sha256_of(const StoredCommit& stored) {
  std::string head = std::to_string(stored.position.value) + ' ' + to_string(stored.id) + ' ' +
                     std::to_string(stored.format);
  for (const auto& [name, value] : attributes_of(stored.origin))
    head.append(" ").append(name).append(" ").append(value);
  head += '\n';
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

// Nothing when the line has an attribute of it that is none.
std::optional<Origin> origin_of(const Attributes& line) {
  Origin origin;
  if (const std::string author = line.text("commitauthor"); !author.empty()) {
    origin.author = parse_author(author);
    if (!origin.author) return std::nullopt;
  }
  if (const std::string at = line.text("commitdecidedat"); !at.empty()) {
    const auto id = parse_event_id(at + ".0");
    if (!id) return std::nullopt;
    origin.decided_at = id->position;
  }
  if (const std::string successor = line.text("commitsuccessor"); !successor.empty()) {
    origin.successor = parse_id<InstanceId>(successor);
    if (!origin.successor) return std::nullopt;
  }
  return origin;
}

}  // namespace

std::string_view type_without_events(const StoredCommit& stored) {
  const auto& [claimed, handed_over, is_void] = types_without_events;
  if (stored.is_void()) return is_void;
  return stored.origin.successor ? handed_over : claimed;
}

Json commit_event(std::string_view source, const StoredCommit& stored, const Commit& commit) {
  Json json{{"specversion", "1.0"},
            {"id", to_string(EventId{stored.position, 0})},
            {"source", source},
            {"type", type_without_events(stored)}};
  if (!stored.is_void()) json.add("time", to_string(commit.committed_at));
  for (const auto& [name, value] : attributes_of(stored.origin)) json.add(name, value);
  return json;
}

std::string export_lines(std::string_view source, const StoredCommit& stored,
                         const Commit& commit) {
  std::string lines;
  const auto add = [&](Json line, bool is_first) {
    if (is_first) {
      line.add("commitid", to_string(stored.id));
      line.add("commitformat", stored.format);
      line.add("commitbytes", to_base64(stored.payload));
      line.add("commitsha256", sha256_of(stored));
    }
    lines += visible(line.text());  // the same JSON, safe to show on a terminal
    lines += '\n';
  };
  if (commit.events.empty()) add(commit_event(source, stored, commit), true);
  for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
    Json line = to_cloud_event(source, EventId{stored.position, index}, commit.events[index], {});
    if (index == 0)
      for (const auto& [name, value] : attributes_of(stored.origin)) line.add(name, value);
    add(std::move(line), index == 0);
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
  const auto origin = origin_of(*line);
  if (!id || id->index != 0 || !commit_id || !format || !bytes || !origin)
    throw Corrupt("does not tell its commit's id, format, bytes and origin");
  if (bytes->size() > largest_commit)
    throw Corrupt("has a commit of " + std::to_string(bytes->size()) +
                  " bytes, and NATS takes no more than " + std::to_string(largest_commit));
  const auto owner = std::make_shared<const std::string>(std::move(*bytes));
  StoredCommit stored{id->position, *commit_id, static_cast<unsigned>(*format),
                      *owner,       owner,      *origin};
  if (line->text("commitsha256") != sha256_of(stored))
    throw Corrupt("is damaged: its commit does not fit its SHA-256");
  std::string source = line->text("source");
  if (!is_source(source)) source.clear();
  return FirstLine{std::move(stored), std::move(source)};
}

bool tell_the_same(std::string_view text, std::string_view expected) {
  const auto line = Attributes::of(text);
  const auto other = Attributes::of(expected);
  return line && other &&
         std::ranges::all_of(std::array{"id", "type", "subject", "time"}, [&](const char* name) {
           return line->text(name) == other->text(name);
         });
}

}  // namespace jangbu::cli
