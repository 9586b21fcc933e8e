#include "api/publishing/asyncapi.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "api/answers/represent.hpp"
#include "api/publishing/public_event.hpp"
#include "api/publishing/schemas.hpp"
#include "asyncapi_json.hpp"
#include "events/events.hpp"
#include "infra/eventlog/server_urls.hpp"
#include "infra/json_tree.hpp"
#include "infra/version.hpp"

namespace jangbu {

namespace {

using Tree = nlohmann::ordered_json;

Tree link(const std::string& place) {
  return {{"$ref", "#/" + place}};
}

// The first server's host and port.
std::string host_of(const std::string& nats_url) {
  std::string url = without_credentials(nats_url);
  url = url.substr(0, url.find(','));
  for (const std::string_view before : {"://", "@"})
    if (const auto at = url.find(before); at != url.npos) url.erase(0, at + before.size());
  return url;
}

template <class... Fact>
bool is_one(std::string_view type, Facts<Fact...>) {
  return ((type == Fact::wire.name) || ...);
}

EntityKind kind_of(std::string_view type) {
  if (is_one(type, AccountFacts{})) return EntityKind::account;
  if (is_one(type, ProductFacts{})) return EntityKind::product;
  return EntityKind::purchase;
}

// The newest of each type.
std::map<std::string_view, PublicSchema> current_schemas() {
  std::map<std::string_view, PublicSchema> current;
  for (const PublicSchema& schema : public_schemas()) {
    PublicSchema& newest = current[schema.type];
    if (schema.version > newest.version) newest = schema;
  }
  return current;
}

// A schema refers to its own definitions, which are now at `place` in a larger document.
void move_to(const std::string& place, Tree& schema) {
  if (schema.is_object() && schema.contains("$ref"))
    schema["$ref"] = "#/" + place + schema.at("$ref").get<std::string>().substr(1);
  if (schema.is_structured())
    for (Tree& part : schema) move_to(place, part);
}

class Document {
 public:
  explicit Document(const AsyncApiOptions& options)
      : options_(options), document_(parse_json<Tree>(asyncapi::asyncapi)) {
    document_["info"]["version"] = version();
    Tree& nats = document_["servers"]["nats"];
    nats["description"] = "Has the JetStream stream " + options.stream +
                          ". Read it with a durable consumer, which remembers how far you are.";
    nats["variables"]["host"]["default"] = host_of(options.nats_url);
    for (const auto& [type, schema] : current_schemas()) add(schema);
  }

  std::string text() const { return json_text(document_); }

 private:
  void add(const PublicSchema& schema) {
    const std::string type(schema.type);
    add_payload(schema);
    Tree& channel = document_["channels"][type];
    channel["address"] = public_subject(options_.shop, kind_of(type), type);
    channel["servers"] = Tree::array({link("servers/nats")});
    channel["messages"][type] = message(schema, "stream");
    document_["operations"]["publish" + type] = {
        {"action", "send"},
        {"channel", link("channels/" + type)},
        {"summary", schema_of(schema).at("description")},
        {"messages", Tree::array({link("channels/" + type + "/messages/" + type)})}};

    document_["channels"]["webhook"]["messages"][type] = message(schema, "webhook");
    document_["operations"]["post"]["messages"].push_back(
        link("channels/webhook/messages/" + type));
  }

  // The event as a whole, and its data.
  void add_payload(const PublicSchema& schema) {
    const std::string type(schema.type);
    const std::string data_name = type + ".v" + std::to_string(schema.version);
    Tree data = schema_of(schema);
    for (const char* of_its_file : {"$schema", "$id"}) data.erase(of_its_file);
    move_to("components/schemas/" + data_name, data);
    Tree& schemas = document_["components"]["schemas"];
    schemas[data_name] = std::move(data);
    const Tree own{{"properties",
                    {{"source", {{"const", cloud_event_source(options_.shop)}}},
                     {"type", {{"const", type}}},
                     {"subject", {{"pattern", "^" + std::string(to_string(kind_of(type))) + "/"}}},
                     {"dataschema", {{"const", schema_uri(type, schema.version)}}},
                     {"data", link("components/schemas/" + data_name)}}}};
    schemas[type] = {{"allOf", Tree::array({link("components/schemas/CloudEvent"), own})}};
  }

  Tree message(const PublicSchema& schema, const std::string& trait) const {
    const std::string type(schema.type);
    const Tree file = schema_of(schema);
    Tree examples = Tree::array();
    for (const Tree& data : file.at("examples"))
      examples.push_back({{"payload", example(schema, data)}});
    return {{"name", type},
            {"title", type},
            {"summary", file.at("description")},
            {"traits", Tree::array({link("components/messageTraits/" + trait)})},
            {"payload", link("components/schemas/" + type)},
            {"examples", std::move(examples)}};
  }

  Tree example(const PublicSchema& schema, const Tree& data) const {
    return {{"specversion", "1.0"},
            {"id", "42.0"},
            {"source", cloud_event_source(options_.shop)},
            {"type", schema.type},
            {"subject",
             std::string(to_string(kind_of(schema.type))) + '/' + data.at("id").get<std::string>()},
            {"time", "2026-03-01T09:33:00.000Z"},
            {"datacontenttype", "application/json"},
            {"dataschema", schema_uri(schema.type, schema.version)},
            {"sequence", "00000000000000000042.00000"},
            {"data", data}};
  }

  static Tree schema_of(const PublicSchema& schema) { return parse_json<Tree>(schema.text); }

  const AsyncApiOptions& options_;
  Tree document_;
};

}  // namespace

std::string asyncapi_document(const AsyncApiOptions& options) {
  return Document(options).text();
}

}  // namespace jangbu
