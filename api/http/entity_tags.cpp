#include "api/http/entity_tags.hpp"

#include <algorithm>

#include "api/http/ascii.hpp"

namespace jangbu::http {

namespace {

bool is_tag_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != '"' && byte != 0x7f;
}

void skip_blanks(std::string_view& list) {
  list.remove_prefix(std::min(list.find_first_not_of(" \t"), list.size()));
}

std::optional<EntityTag> take_tag(std::string_view& list) {
  EntityTag tag{.opaque = {}, .weak = list.starts_with("W/")};
  if (tag.weak) list.remove_prefix(2);
  if (!list.starts_with('"')) return std::nullopt;
  const std::size_t end = list.find('"', 1);
  if (end == list.npos) return std::nullopt;
  tag.opaque = list.substr(0, end + 1);
  if (!std::ranges::all_of(tag.opaque.substr(1, end - 1), is_tag_char)) return std::nullopt;
  list.remove_prefix(end + 1);
  return tag;
}

// Empty members are skipped (RFC 9110, 5.6.1.2).
bool read_list(std::string_view list, std::vector<EntityTag>& tags) {
  for (bool separated = true;;) {
    skip_blanks(list);
    if (list.empty()) return true;
    if (list.front() == ',') {
      separated = true;
      list.remove_prefix(1);
      continue;
    }
    const auto tag = separated ? take_tag(list) : std::nullopt;
    if (!tag) return false;
    tags.push_back(*tag);
    separated = false;
  }
}

}  // namespace

std::optional<EntityTags> entity_tags(const Headers& headers, std::string_view name) {
  std::optional<EntityTags> all;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto& [field, value] = headers[i];
    if (!equal_ignoring_case(field, name)) continue;
    if (!all) all.emplace();
    if (value == "*")
      all->any = true;
    else if (!read_list(value, all->tags))
      all->valid = false;
  }
  if (all && all->any != all->tags.empty()) all->valid = false;  // both, or neither
  return all;
}

bool is_known(const Headers& headers, std::string_view tag) {
  const auto known = entity_tags(headers, "If-None-Match");
  if (!known || !known->valid) return false;
  return known->any || std::ranges::find(known->tags, tag, &EntityTag::opaque) != known->tags.end();
}

}  // namespace jangbu::http
