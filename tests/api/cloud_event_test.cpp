#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "api/answers/represent.hpp"

using namespace jangbu;

namespace {

nlohmann::json cloud_event(const Envelope& envelope, const std::optional<Author>& author = {}) {
  return nlohmann::json::parse(
      to_cloud_event("/jangbu/shop", {{7}, 1}, {envelope, AccountClosed{}}, author).text());
}

}  // namespace

TEST_CASE("a CloudEvent tells what led to it, where that is known") {
  Envelope envelope;
  const auto bare = cloud_event(envelope);
  CHECK(bare.at("id") == "7.1");
  CHECK(bare.at("source") == "/jangbu/shop");
  CHECK(bare.at("type") == "AccountClosed");
  for (const char* name : {"correlation", "causation", "actor", "commitauthor"})
    CHECK_FALSE(bare.contains(name));

  envelope.correlation = "a request";
  envelope.causation = "3.0";
  envelope.actor = "홍길동";
  const Author author{parse_id<InstanceId>("0195501c-3a00-7000-8000-0000000000e1").value(),
                      "seoul"};
  const auto told = cloud_event(envelope, author);
  CHECK(told.at("correlation") == "a request");
  CHECK(told.at("causation") == "3.0");
  CHECK(told.at("actor") == "홍길동");
  CHECK(told.at("commitauthor") == "0195501c-3a00-7000-8000-0000000000e1 seoul");
}
