#include "api/publishing/schemas.hpp"

#include <charconv>

#include "events/errors.hpp"
#include "public_schemas.hpp"

namespace jangbu {

namespace {

// `name` is that of a file: PurchaseCompleted.v1.json.
PublicSchema schema_of(std::string_view name, std::string_view text) {
  const auto dot = name.find(".v");
  invariant(dot != name.npos, "a schema's file is called <Type>.v<version>.json");
  PublicSchema schema{.type = name.substr(0, dot), .text = text};
  std::from_chars(name.data() + dot + 2, name.data() + name.size(), schema.version);
  return schema;
}

}  // namespace

const std::vector<PublicSchema>& public_schemas() {
  static const std::vector<PublicSchema> schemas = [] {
    std::vector<PublicSchema> all;
    for (const auto& [name, text] : schemas::all) all.push_back(schema_of(name, text));
    return all;
  }();
  return schemas;
}

std::string schema_uri(std::string_view type, unsigned version) {
  return "jangbu:/schemas/" + std::string(type) + '/' + std::to_string(version);
}

}  // namespace jangbu
