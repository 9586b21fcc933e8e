// The check that the end-to-end tests rely on finds what is wrong.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "tests/openapi/services.hpp"
#include "tests/support/openapi_check.hpp"

using namespace jangbu;
using namespace jangbu::test;
using Json = nlohmann::json;

namespace {

Json document_of(std::string_view name) {
  Json document;
  for (const Service& service : services) {
    if (service.name == name) document = Json::parse(openapi_document(service));
  }
  return document;
}

struct Asked {
  std::string method = "GET";
  std::string target = "/accounts/0199f3a2-7c41-7a30-9d5e-3f0b8c6a1e27";
  int status = 200;
  std::string type = "application/json";
  Json body = {{"id", "0199f3a2-7c41-7a30-9d5e-3f0b8c6a1e27"},
               {"name", "홍길동"},
               {"address", {{"line", "세종대로 175"}, {"zipCode", "03172"}}},
               {"memberType", "buyer"},
               {"openedAt", "2026-03-01T09:30:00.000Z"},
               {"version", "1.0"}};
  std::map<std::string, std::string> headers = {
      {"etag", "\"1.0\""}, {"event-position", "1"}, {"x-request-id", "7"}};
};

bool passes(OpenApiCheck& check, Asked asked) {
  asked.headers["content-type"] = asked.type;
  try {
    check.check(asked.method, asked.target,
                {.status = asked.status, .headers = asked.headers, .body = asked.body.dump()});
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

Json problem(int status, std::string_view code) {
  return {{"type", "/problems/" + std::string(code)},
          {"title", "x"},
          {"status", status},
          {"detail", "x"},
          {"code", code}};
}

}  // namespace

TEST_CASE("An answer is held against its document") {
  OpenApiCheck check(document_of("account"));
  CHECK(passes(check, {}));

  const auto without = [](std::string_view field) {
    Asked asked;
    asked.body.erase(std::string(field));
    return asked;
  };
  const auto with = [](const std::string& field, const Json& value) {
    Asked asked;
    asked.body[field] = value;
    return asked;
  };
  CHECK_FALSE(passes(check, without("name")));
  CHECK_FALSE(passes(check, with("name", 7)));
  CHECK_FALSE(passes(check, with("name", std::string(201, 'a'))));
  CHECK_FALSE(passes(check, with("memberType", "robber")));
  CHECK_FALSE(passes(check, with("openedAt", "2026-03-01T09:30:00Z")));
  CHECK_FALSE(passes(check, with("shoeSize", 43)));
  CHECK_FALSE(passes(check, with("address", {{"line", "세종대로"}, {"zipCode", "1"}, {"x", 1}})));
  CHECK_FALSE(passes(check, {.status = 202}));
  CHECK_FALSE(passes(check, {.type = "text/plain"}));
  CHECK_FALSE(passes(check, {.headers = {{"etag", "\"1.0\""}}}));
  CHECK_FALSE(passes(check, {.headers = {{"etag", "1.0"}, {"event-position", "1"}}}));
}

TEST_CASE("A problem must be one that the document tells of") {
  OpenApiCheck check(document_of("account"));
  const auto refused = [&](int status, std::string_view code) {
    return passes(
        check,
        {.status = status, .type = "application/problem+json", .body = problem(status, code)});
  };
  CHECK(refused(404, "account-not-found"));
  CHECK(refused(503, "read-model-behind"));
  CHECK(refused(431, "head-too-large"));
  CHECK_FALSE(refused(404, "product-not-found"));
  CHECK_FALSE(refused(503, "overloaded"));
  CHECK_FALSE(passes(check, {.status = 404, .body = problem(404, "account-not-found")}));
}

TEST_CASE("A literal path is not taken for one with a parameter") {
  OpenApiCheck check(document_of("account"));
  CHECK(passes(check, {.target = "/accounts/search/findByName?name=x"}));
  CHECK(passes(check, {.target = "/nowhere",
                       .status = 404,
                       .type = "application/problem+json",
                       .body = problem(404, "not-found")}));
}
