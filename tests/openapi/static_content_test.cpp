#include "api/pages/static_content.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace jangbu;

namespace {

std::string field(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return {};
}

http::Response ask(const StaticContent& content, std::string_view if_none_match = {}) {
  http::Request request;
  if (!if_none_match.empty()) request.headers.add("If-None-Match", if_none_match);
  return content.respond(request);
}

}  // namespace

TEST_CASE("Static content is sent once, and then only confirmed") {
  const StaticContent content("장부", "text/plain", {{"X-Content-Type-Options", "nosniff"}});
  const auto first = ask(content);
  CHECK(first.status == 200);
  CHECK(first.body == "장부");
  CHECK(first.content_type == "text/plain");
  CHECK(field(first, "X-Content-Type-Options") == "nosniff");
  CHECK(field(first, "Cache-Control") == "no-cache");
  const std::string tag = field(first, "ETag");
  REQUIRE(tag.size() == 34);

  for (const std::string& condition : {tag, "\"other\", " + tag, "W/" + tag, std::string("*")}) {
    const auto again = ask(content, condition);
    CHECK(again.status == 304);
    CHECK(again.body.empty());
    CHECK(field(again, "ETag") == tag);
  }
  CHECK(ask(content, "\"other\"").status == 200);
}

TEST_CASE("Other bytes have another ETag") {
  CHECK(field(ask(StaticContent("a", "text/plain")), "ETag") !=
        field(ask(StaticContent("b", "text/plain")), "ETag"));
}
