#include "events/event_log.hpp"

namespace jangbu {

std::string to_string(const Author& author) {
  return to_string(author.id) + ' ' + author.name;
}

std::optional<Author> parse_author(std::string_view text) {
  const auto space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  const auto id = parse_id<InstanceId>(text.substr(0, space));
  const std::string_view name = text.substr(space + 1);
  if (!id || !is_instance_name(name)) return std::nullopt;
  return Author{*id, std::string(name)};
}

}  // namespace jangbu
