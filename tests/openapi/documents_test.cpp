// The documents and the routes are of one piece.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "api/answers/problem_types.hpp"
#include "api/load/options.hpp"
#include "api/openapi/document.hpp"
#include "api/requests/parameters.hpp"
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
  return Value::parse(openapi_document(service));
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
  access::Gatekeeper gatekeeper;
  const Backend backend{gatekeeper, nullptr, read_models, feed, nullptr};
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

TEST_CASE("Queries and bursts are told the limits that they have") {
  const Value purchases = document_of(purchase_service).at("components").at("parameters");
  CHECK(purchases.at("limit").at("schema").at("maximum") == max_page);
  CHECK(purchases.at("waitMs").at("schema").at("maximum") == max_wait_ms);
  CHECK(purchases.at("waitMs").at("schema").at("default") == default_wait.count());
  const Value options = document_of(operations_service)
                            .at("components")
                            .at("schemas")
                            .at("LoadOptions")
                            .at("properties");
  const loadgen::Options otherwise;
  const auto holds = [&](const char* name, const loadgen::Range& range, std::int64_t unless_given) {
    INFO(name);
    CHECK(options.at(name).at("minimum") == range.min);
    CHECK(options.at(name).at("maximum") == range.max);
    CHECK(options.at(name).at("default") == unless_given);
  };
  holds("rate", loadgen::http_bounds.rate, otherwise.rate);
  holds("seconds", loadgen::http_bounds.seconds, otherwise.seconds);
  holds("buyers", loadgen::http_bounds.buyers, otherwise.buyers);
  holds("products", loadgen::http_bounds.products, otherwise.products);
  holds("connections", loadgen::http_bounds.connections, otherwise.connections);
}

TEST_CASE("What takes If-Match may be refused for the version, and nothing else") {
  for (const Service& service : services) {
    const Value document = document_of(service);
    for_each_object(document.at("paths"), "", [&](const Value& object, const std::string&) {
      if (!object.contains("operationId")) return;
      INFO(object.at("operationId"));
      const Value if_match{{"$ref", "#/components/parameters/ifMatch"}};
      const Value parameters = object.value("parameters", Value::array());
      const bool takes_it = std::ranges::find(parameters, if_match) != parameters.end();
      CHECK(object.at("responses").contains("412") == takes_it);
    });
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
    for_each_object(document.at("paths"), "", [&](const Value& object, const std::string&) {
      for (const Value& alternative : object.value("security", Value::array()))
        for (const auto& [scheme, scopes] : alternative.items())
          referred.insert("#/components/securitySchemes/" + scheme);
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
    const Value explanation = Value::parse(openapi::explanation_of(type).json);
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

TEST_CASE("A document says where the providers describe themselves") {
  const Value document = Value::parse(
      openapi_document(account_service, {"https://id.example", "https://id.example/realms/a/"}));
  const Value& schemes = document.at("components").at("securitySchemes");
  CHECK(schemes.at("provider").at("openIdConnectUrl") ==
        "https://id.example/.well-known/openid-configuration");
  CHECK(schemes.at("provider2").at("openIdConnectUrl") ==
        "https://id.example/realms/a/.well-known/openid-configuration");
}

TEST_CASE("An operation tells of the read model that knows what is the asker's own") {
  const auto may_come = [](const Service& service, const char* operation, int status) {
    std::set<std::string> codes;
    const Value document = document_of(service);
    for_each_object(document.at("paths"), "", [&](const Value& object, const std::string&) {
      if (object.value("operationId", "") != operation) return;
      for_each_object(object.at("responses").at(std::to_string(status)), "",
                      [&](const Value& part, const std::string& place) {
                        if (!place.ends_with("/code")) return;
                        const auto& listed = part.at("enum");
                        codes.insert(listed.begin(), listed.end());
                        CHECK(codes.size() == listed.size());
                      });
    });
    return codes;
  };
  const auto streams = may_come(delivery_service, "streamDelivery", 503);
  CHECK(streams.contains("read-model-behind"));
  CHECK(streams.contains("read-model-unavailable"));
  CHECK(streams.contains("entity-parked"));
  CHECK_FALSE(may_come(operations_service, "streamEvents", 503).contains("entity-parked"));
  const auto commands = may_come(account_service, "openAccount", 503);
  CHECK(commands.contains("read-model-behind"));
  CHECK(commands.contains("read-model-unavailable"));
  CHECK(may_come(delivery_service, "confirmReceipt", 503).contains("entity-parked"));
  CHECK_FALSE(may_come(product_service, "changePrice", 503).contains("read-model-behind"));
}
