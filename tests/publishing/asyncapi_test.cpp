// The AsyncAPI document: that it says what is published, and where.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "api/publishing/asyncapi.hpp"
#include "api/publishing/schemas.hpp"
#include "tests/publishing/public_events.hpp"
#include "tests/support/openapi_check.hpp"

namespace jangbu::test {

namespace {

using Value = nlohmann::json;

Value document(const std::string& nats_url = "nats://127.0.0.1:4222") {
  return Value::parse(asyncapi_document({"seoul", nats_url, "SEOUL_PUBLIC"}));
}

void for_each_object(const Value& value, const std::function<void(const Value&)>& visit) {
  if (value.is_object()) visit(value);
  if (value.is_structured())
    for (const Value& part : value) for_each_object(part, visit);
}

}  // namespace

TEST_CASE("every public event has its channel, and its place among the webhooks") {
  const Value api = document();
  const Value& webhooks = api.at("channels").at("webhook").at("messages");
  std::set<std::string> types;
  for (const PublicSample& sample : public_samples({.shop = "seoul"})) {
    INFO(sample.type);
    types.insert(sample.type);
    CHECK(api.at("channels").at(sample.type).at("address") == sample.event.subject);
    CHECK(webhooks.contains(sample.type));
    const Value& payload = api.at("components").at("schemas").at(sample.type);
    CHECK(payload.at("allOf").at(1).at("properties").at("dataschema").at("const") ==
          Value::parse(sample.event.cloud_event).at("dataschema"));
  }
  CHECK(api.at("channels").size() == types.size() + 1);
  CHECK(webhooks.size() == types.size());
  for (const PublicSchema& schema : public_schemas())
    CHECK(types.contains(std::string(schema.type)));
}

TEST_CASE("every reference in the AsyncAPI document leads somewhere, and every example is right") {
  const Value api = document();
  OpenApiCheck check(api);
  int examples = 0;
  for_each_object(api, [&](const Value& object) {
    if (object.contains("$ref")) {
      const auto reference = object.at("$ref").get<std::string>();
      INFO(reference);
      CHECK(api.contains(Value::json_pointer(reference.substr(1))));
    }
    if (!object.contains("payload") || !object.contains("examples")) return;
    for (const Value& example : object.at("examples")) {
      INFO(example.dump());
      CHECK_NOTHROW(check.check_value(object.at("payload"), example.at("payload")));
      ++examples;
    }
  });
  CHECK(examples >= 24);
}

TEST_CASE("the AsyncAPI document says where NATS is, and no password") {
  const auto host = [](const std::string& url) {
    const Value api = document(url);
    CHECK(api.dump().find("geheim") == std::string::npos);
    return api.at("servers").at("nats").at("variables").at("host").at("default");
  };
  CHECK(host("nats://127.0.0.1:4222") == "127.0.0.1:4222");
  CHECK(host("tls://jangbu:geheim@nats.example:4222") == "nats.example:4222");
  CHECK(host("nats://geheim@one:4222,nats://two:4222") == "one:4222");
  CHECK(host("nats://[::1]:4222") == "[::1]:4222");
}

}  // namespace jangbu::test
