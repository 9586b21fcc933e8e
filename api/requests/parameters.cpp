#include "api/requests/parameters.hpp"

#include <algorithm>
#include <charconv>

#include "api/answers/problem_types.hpp"
#include "api/http/ascii.hpp"
#include "api/http/entity_tags.hpp"

namespace jangbu {

namespace {

// The version that one of our entity tags begins with. Tags are compared as written, so only the
// usual spelling of a version counts.
std::optional<EventId> version_in(std::string_view tag, bool names_stock) {
  tag = tag.substr(1, tag.size() - 2);
  if (names_stock) {
    const std::string_view stock = tag.substr(std::min(tag.find('-'), tag.size()));
    if (std::ranges::all_of(stock.substr(std::min<std::size_t>(1, stock.size())), http::is_digit))
      tag.remove_suffix(stock.size());
  }
  const auto version = parse_event_id(tag);
  return version && to_string(*version) == tag ? version : std::nullopt;
}

std::optional<std::int64_t> query_number(const http::Request& request, std::string_view name,
                                         std::int64_t min, std::int64_t max) {
  const auto text = request.query_value(name);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number < min || number > max)
    invalid(name,
            "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return number;
}

// RFC 9110, section 8.3.1: case-insensitive, and parameters may follow.
bool has_media_type(const http::Request& request, std::string_view expected) {
  std::string_view type = request.header("Content-Type").value_or("");
  type = type.substr(0, std::min(type.find_first_of("; \t"), type.size()));
  return http::equal_ignoring_case(type, expected);
}

// Without a length, nobody can tell whether the body is missing on purpose.
void require_length(const http::Request& request) {
  if (request.header("Content-Length") || request.header("Transfer-Encoding")) return;
  throw Problem{problems::length_required, "Send the body with Content-Length, or in chunks."};
}

}  // namespace

std::optional<EventId> last_event_id(const http::Request& request) {
  auto text = request.header("Last-Event-ID");
  if (!text) text = request.query_value("lastEventId");
  if (!text || text->empty()) return std::nullopt;
  const auto id = parse_event_id(*text);
  if (!id) malformed("Last-Event-ID is not an event id, such as 42.0");
  return id;
}

std::string query_name(const http::Request& request) {
  return clean_text(request.query_value("name").value_or(""), "name", 1, max_name);
}

std::string query_beginning(const http::Request& request) {
  return clean_text(request.query_value("name").value_or(""), "name", 0, max_name,
                    TextKind::beginning);
}

ReadAt read_at(const http::Request& request) {
  const auto position = query_number(request, "minPosition", 0, INT64_MAX);
  const auto wait = query_number(request, "waitMs", 0, max_wait_ms);
  return {.min_position = {static_cast<std::uint64_t>(position.value_or(0))},
          .wait = std::chrono::milliseconds(wait.value_or(default_wait.count()))};
}

std::optional<ReadAt> as_of(const http::Request& request) {
  const auto position = query_number(request, "asOf", 1, INT64_MAX);
  if (!position) return std::nullopt;
  if (request.query_value("minPosition"))
    invalid("asOf", "cannot be combined with minPosition: asOf waits by itself");
  ReadAt at = read_at(request);
  at.min_position = {static_cast<std::uint64_t>(*position)};
  return at;
}

std::size_t page_limit(const http::Request& request) {
  return static_cast<std::size_t>(query_number(request, "limit", 1, max_page).value_or(20));
}

// RFC 9110, section 13.1.1: the comparison is strong, and tags that are not ours never match.
std::optional<std::vector<EventId>> if_match(const http::Request& request, bool tag_names_stock) {
  const auto asked = http::entity_tags(request.headers, "If-Match");
  if (!asked) return std::nullopt;
  if (!asked->valid)
    malformed("If-Match must be * or ETags as they were received, such as \"42.0\"");
  if (asked->any) return std::nullopt;
  std::vector<EventId> versions;
  for (const http::EntityTag& tag : asked->tags)
    if (const auto version = version_in(tag.opaque, tag_names_stock); version && !tag.weak)
      versions.push_back(*version);
  return versions;
}

Body json_body(const http::Request& request) {
  const bool is_patch = request.method == http::Method::patch;
  if (!has_media_type(request, "application/json") &&
      !(is_patch && has_media_type(request, merge_patch)))
    throw Problem{problems::unsupported_media_type,
                  std::string("The body must be JSON: Content-Type: application/json") +
                      (is_patch ? " or " + std::string(merge_patch) : "")};
  require_length(request);
  return Body(request.body);
}

void require_ndjson(const http::Request& request) {
  if (!has_media_type(request, "application/x-ndjson"))
    throw Problem{problems::unsupported_media_type,
                  "The body must be NDJSON: Content-Type: application/x-ndjson"};
  require_length(request);
}

}  // namespace jangbu
