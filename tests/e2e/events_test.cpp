// The log as operations shows it.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

std::vector<std::string> types_of(const Json& page) {
  std::vector<std::string> types;
  for (const Json& event : page.at("items")) types.push_back(event.at("type"));
  return types;
}

using Types = std::vector<std::string>;

}  // namespace

TEST_CASE("The log can be read as CloudEvents, page by page, by type and by entity") {
  Shop shop;
  HttpClient operations = shop.operations();
  Reply reply = operations.get("/events");
  CHECK(reply.status == 200);
  CHECK(reply.json == Json{{"items", Json::array()}, {"next", nullptr}});

  const Json buyer = open_account(shop, "홍길동");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string purchase = id_of(buy(shop, "홍길동", "쑥차 50g"));
  record_scan(shop, purchase, "picked-up", "2026-03-03T14:10:00Z");
  const std::string other = id_of(buy(shop, "홍길동", "쑥차 50g"));

  reply = operations.get("/events");
  CHECK(types_of(reply.json) == Types{"AccountOpened", "ProductListed", "PurchaseCompleted",
                                      "DeliveryScanned", "PurchaseCompleted"});
  CHECK(reply.json.at("next").is_null());
  CHECK(reply.position() == 5);
  const Json& opened = reply.json.at("items").at(0);
  CHECK(opened.at("specversion") == "1.0");
  CHECK(opened.at("id") == "1.0");
  CHECK(opened.at("subject") == "account/" + id_of(buyer));
  CHECK(opened.at("time") == buyer.at("openedAt"));
  CHECK(opened.at("data").at("name") == "홍길동");

  reply = operations.get("/events?limit=2");
  CHECK(types_of(reply.json) == Types{"AccountOpened", "ProductListed"});
  CHECK(reply.json.at("next") == "3.0");
  reply = operations.get("/events?limit=2&from=3.0");
  CHECK(types_of(reply.json) == Types{"PurchaseCompleted", "DeliveryScanned"});
  reply = operations.get("/events?from=4");
  CHECK(types_of(reply.json) == Types{"DeliveryScanned", "PurchaseCompleted"});
  CHECK(operations.get("/events?from=6").json.at("items").empty());

  reply = operations.get("/events?type=PurchaseCompleted");
  CHECK(types_of(reply.json) == Types{"PurchaseCompleted", "PurchaseCompleted"});
  reply = operations.get("/events?entity=" + purchase);
  CHECK(types_of(reply.json) == Types{"PurchaseCompleted", "DeliveryScanned"});
  reply = operations.get("/events?type=PurchaseCompleted&limit=1&entity=" + other);
  REQUIRE(reply.json.at("items").size() == 1);
  CHECK(reply.json.at("items").at(0).at("id") == "5.0");
  CHECK(reply.json.at("next").is_null());
}

TEST_CASE("A question to the log that is not understood names its field") {
  Shop shop;
  HttpClient operations = shop.operations();
  for (const auto& [query, field] :
       std::vector<std::pair<std::string, std::string>>{{"from=first", "from"},
                                                        {"from=-1", "from"},
                                                        {"from=1.", "from"},
                                                        {"type=PurchaseComplete", "type"},
                                                        {"entity=42", "entity"},
                                                        {"limit=0", "limit"},
                                                        {"limit=101", "limit"}}) {
    CAPTURE(query);
    const Reply reply = operations.get("/events?" + query);
    CHECK(reply.status == 422);
    CHECK(reply.code() == "invalid-field");
    CHECK(reply.json.at("field") == field);
  }
}

TEST_CASE("While the log is away a question to it is told so") {
  Shop shop;
  open_account(shop, "홍길동");
  shop.nats.kill();
  const Reply reply = shop.operations().get("/events");
  CHECK(reply.status == 503);
  CHECK(reply.code() == "unavailable");
  CHECK(reply.header("retry-after") == "1");
}
