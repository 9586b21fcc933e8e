// The documents and the routes are of one piece.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "api/answers/problem_types.hpp"
#include "api/openapi/document.hpp"
#include "api/streams/event_feed.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "projections/queries/read_models.hpp"
#include "tests/openapi/services.hpp"
#include "tests/support/openapi_check.hpp"

using namespace jangbu;
using namespace jangbu::test;
using Value = nlohmann::json;  // Json is what we write

namespace {

Value document_of(const Service& service) {
  return Value::parse(openapi_document(service).dump());
}

// Calls `look` with every object in the document, and where it is.
template <class Look>
void for_each_object(const Value& json, const std::string& place, Look look) {
  if (json.is_object()) look(json, place);
  if (json.is_object())
    for (const auto& [name, part] : json.items()) for_each_object(part, place + "/" + name, look);
  if (json.is_array())
    for (std::size_t i = 0; i < json.size(); ++i)
      for_each_object(json[i], place + "/" + std::to_string(i), look);
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

TEST_CASE("Every route is in its service's document, and nothing else is") {
  MemoryLog log;
  ReadModels read_models({.conninfo = "host=/nowhere"});
  EventFeed feed(log, {}, {});
  const Backend backend{nullptr, read_models, feed, nullptr};
  for (const Service& service : services) {
    std::set<std::string> routed, documented;
    const http::Router router = to_router(service, backend);
    for (const http::Route& route : router.routes())
      routed.insert(std::string(http::to_string(route.method)) + " " + route.pattern + " " +
                    route.operation);
    const Value document = document_of(service);
    for (const auto& [path, item] : document.at("paths").items())
      for (const auto& [method, operation] : item.items())
        documented.insert(upper(method) + " " + path + " " +
                          operation.at("operationId").get<std::string>());
    CHECK(routed == documented);
  }
}

TEST_CASE("No two operations of the shop have the same id") {
  std::set<std::string_view> ids;
  for (const Service& service : services) {
    for (const Endpoint& endpoint : service.endpoints)
      CHECK(ids.insert(endpoint.operation.id).second);
  }
}

TEST_CASE("Every reference in a document leads somewhere, and every component is referred to") {
  for (const Service& service : services) {
    const Value document = document_of(service);
    std::set<std::string> referred;
    for_each_object(document, "", [&](const Value& object, const std::string& place) {
      if (!object.contains("$ref")) return;
      const auto reference = object.at("$ref").get<std::string>();
      INFO(service.name << " at " << place << ": " << reference);
      REQUIRE(reference.starts_with("#/"));
      CHECK(document.contains(Value::json_pointer(reference.substr(1))));
      referred.insert(reference);
    });
    for (const auto& [section, entries] : document.at("components").items())
      for (const auto& [name, entry] : entries.items())
        CHECK(referred.contains("#/components/" + section + "/" + name));
  }
}

TEST_CASE("Every problem that a document tells of is explained, and has one explanation") {
  std::set<std::string> explained;
  for (const http::ProblemType& type : problems::all) {
    INFO(type.code);
    CHECK(explained.insert(std::string(type.code)).second);
    const auto explanation = openapi::explanation_of(type);
    CHECK(explanation.at("type") == "/problems/" + std::string(type.code));
    CHECK(explanation.at("status") == type.status);
  }
  for (const Service& service : services) {
    for (const auto& [code, example] : document_of(service).at("components").at("examples").items())
      CHECK(explained.contains(code));
  }
}

TEST_CASE("Every example is as its schema says") {
  int examples = 0;
  for (const Service& service : services) {
    const Value document = document_of(service);
    OpenApiCheck check(document);
    const auto hold = [&](const Value& schema, const Value& value, const std::string& place) {
      INFO(service.name << " at " << place << ": " << value.dump());
      CHECK_NOTHROW(check.check_value(schema, value));
      ++examples;
    };
    for_each_object(document, "", [&](const Value& object, const std::string& place) {
      // A schema with examples of its own.
      if (object.contains("examples") && object.at("examples").is_array())
        for (const Value& value : object.at("examples")) hold(object, value, place);
      if (!object.contains("schema")) return;
      const Value& schema = object.at("schema");
      if (object.contains("example")) hold(schema, object.at("example"), place);
      if (!object.contains("examples")) return;
      for (const auto& [name, example] : object.at("examples").items()) {
        const Value& entry =
            example.contains("$ref")
                ? document.at(Value::json_pointer(example.at("$ref").get<std::string>().substr(1)))
                : example;
        hold(schema, entry.at("value"), place + "/" + name);
      }
    });
  }
  CHECK(examples > 100);
}

TEST_CASE("Every request body and every answer has an example, every command Korean ones") {
  for (const Service& service : services) {
    const Value document = document_of(service);
    for_each_object(document.at("paths"), "", [&](const Value& object, const std::string& place) {
      if (!object.contains("schema") || !place.ends_with("/application/json")) return;
      CHECK((object.contains("example") || object.contains("examples")));
    });
    if (service.name != "operations") CHECK(document.dump().find("홍길동") != std::string::npos);
  }
}
