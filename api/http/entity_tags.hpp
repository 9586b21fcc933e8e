// The conditions If-Match and If-None-Match: lists of entity tags (RFC 9110, 8.8.3 and 13.1).
//
// Threads: pure functions. Ownership: the views returned live as long as the header fields.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"

namespace jangbu::http {

struct EntityTag {
  std::string_view opaque;  // with its quotes: "42.0"
  bool weak = false;
};

// All fields of one name, combined.
struct EntityTags {
  bool valid = true;
  bool any = false;  // "*"
  std::vector<EntityTag> tags = {};
};

// nullopt: there is no such field.
std::optional<EntityTags> entity_tags(const Headers& headers, std::string_view name);

// Whether If-None-Match names this tag, so that its representation need not be sent again. An
// invalid list names none.
bool is_known(const Headers& headers, std::string_view tag);

}  // namespace jangbu::http
