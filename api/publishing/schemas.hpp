// The schemas of public events' data, JSON Schema 2020-12, from the files of schemas/. A schema is
// known by its event's type and by its own version; once published, it gets optional fields at
// most.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jangbu {

struct PublicSchema {
  std::string_view type;  // "PurchaseCompleted"
  unsigned version = 0;
  std::string_view text;  // JSON
};

// All that were ever published.
const std::vector<PublicSchema>& public_schemas();

// What a schema is called, and the `dataschema` of its events:
// "jangbu:/schemas/PurchaseCompleted/1". CloudEvents wants a URI, and where operations is differs
// by who asks; the path is the one there.
std::string schema_uri(std::string_view type, unsigned version);

}  // namespace jangbu
