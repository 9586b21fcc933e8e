// What a shop must not take, over HTTP: the right status, a problem of RFC 9457, and nothing
// written.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "api/requests/body.hpp"
#include "commands/product.hpp"
#include "infra/ids.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

const std::string nobody = "0190a000-0000-7000-8000-000000000000";

void check_problem(const Reply& reply, int status, const std::string& code) {
  CAPTURE(reply.body);
  CHECK(reply.status == status);
  CHECK(reply.header("content-type") == "application/problem+json");
  REQUIRE(reply.json.is_object());
  CHECK(reply.json.value("code", "") == code);
  CHECK(reply.json.value("type", "") == "/problems/" + code);
  CHECK(reply.json.value("status", 0) == status);
  CHECK_FALSE(reply.json.value("title", "").empty());
  CHECK_FALSE(reply.json.value("detail", "").empty());
}

void check_field(const Reply& reply, const std::string& field) {
  check_problem(reply, 422, "invalid-field");
  CHECK(reply.json.value("field", "") == field);
}

}  // namespace

TEST_CASE("What is not there is 404") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const Json body = Json::object();
  const Json scanned = scan("delivered", "2026-03-03T14:10:00Z");
  open_account(shop, "김영희");

  check_problem(accounts.get("/accounts/" + nobody), 404, "account-not-found");
  check_problem(accounts.get("/accounts/not-an-id"), 404, "account-not-found");
  check_problem(accounts.get("/accounts/" + nobody + "/history"), 404, "account-not-found");
  check_problem(accounts.get("/accounts/search/findByName?name=nobody"), 404, "account-not-found");
  check_problem(accounts.patch("/accounts/" + nobody, {{"name", "x"}}), 404, "account-not-found");
  check_problem(accounts.put("/accounts/" + nobody + "/address", address("London", "N1")), 404,
                "account-not-found");
  check_problem(accounts.delete_("/accounts/" + nobody), 404, "account-not-found");
  check_problem(products.get("/products/" + nobody), 404, "product-not-found");
  check_problem(products.get("/products/search/findByName?name=nothing"), 404, "product-not-found");
  check_problem(products.put("/products/" + nobody + "/price", {{"unitPrice", won(1)}}), 404,
                "product-not-found");
  check_problem(products.post("/products/" + nobody + "/stock", {{"change", 1}}), 404,
                "product-not-found");
  check_problem(products.delete_("/products/" + nobody), 404, "product-not-found");
  check_problem(purchases.get("/purchases/" + nobody), 404, "purchase-not-found");
  check_problem(purchases.get("/purchases?buyer=nobody"), 404, "account-not-found");
  check_problem(purchases.post("/purchases/" + nobody + "/cancellation", body), 404,
                "purchase-not-found");
  check_problem(purchases.post("/purchases", one_line("nobody", "nothing")), 404,
                "account-not-found");
  check_problem(purchases.post("/quotes", one_line("nobody", "nothing")), 404, "account-not-found");
  check_problem(purchases.post("/purchases", one_line("김영희", "nothing")), 404,
                "product-not-found");
  check_problem(deliveries.get("/deliveries/" + nobody), 404, "delivery-not-found");
  check_problem(deliveries.post("/deliveries/" + nobody + "/scans", scanned), 404,
                "delivery-not-found");
  check_problem(deliveries.post("/deliveries/" + nobody + "/receipt", body), 404,
                "delivery-not-found");
  check_problem(accounts.get("/nowhere"), 404, "not-found");
  CHECK(read_ledger(shop.nats).correlations.size() == 1);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("What cannot be understood is 400, what is not meant 415 and 405") {
  Shop shop;
  HttpClient accounts = shop.accounts(), deliveries = shop.deliveries();
  const HttpClient::Fields json{{"Content-Type", "application/json"}};
  const auto post = [&](std::string_view body, const HttpClient::Fields& fields) {
    return accounts.send("POST", "/accounts", body, fields);
  };

  for (const char* body : {"", "{", "[]", "\"name\"", "null", "{\"name\": \"a\"} x",
                           "{\"name\": \"a\", \"name\": \"b\"}", "{\"name\": 'a'}",
                           "{\"name\": \"\xff\"}", "{\"name\": 1e999}", "{\"name\": \"\\ud800\"}"})
    check_problem(post(body, json), 400, "malformed-request");
  std::string deep;
  for (int i = 0; i < 1'000; ++i) deep += "{\"a\":";
  check_problem(post(deep, json), 400, "malformed-request");
  check_problem(accounts.post("/accounts", account("a"), {{"Idempotency-Key", "two words"}}), 400,
                "malformed-request");
  check_problem(
      accounts.post("/accounts", account("a"), {{"Idempotency-Key", std::string(256, 'k')}}), 400,
      "malformed-request");
  check_problem(accounts.get("/accounts/search/findByName?name=%FF"), 400, "malformed-target");

  check_problem(post(account("a").dump(), {}), 415, "unsupported-media-type");
  check_problem(post(account("a").dump(), {{"Content-Type", "text/plain"}}), 415,
                "unsupported-media-type");
  check_problem(post(account("a").dump(), {{"Content-Type", "application/jsonp"}}), 415,
                "unsupported-media-type");
  CHECK(post(account("a").dump(), {{"Content-Type", "application/json; charset=utf-8"}}).status ==
        201);
  CHECK(post(account("b").dump(), {{"Content-Type", "Application/JSON"}}).status == 201);

  Reply reply = accounts.delete_("/accounts");
  check_problem(reply, 405, "method-not-allowed");
  CHECK(reply.header("allow") == "GET, HEAD, OPTIONS, POST");
  reply = deliveries.post("/deliveries", Json::object());
  check_problem(reply, 405, "method-not-allowed");
  CHECK(reply.header("allow") == "GET, HEAD, OPTIONS");
  reply = accounts.send("OPTIONS", "/accounts", "", {});
  CHECK(reply.status == 204);
  CHECK(reply.header("allow") == "GET, HEAD, OPTIONS, POST");

  reply = accounts.send("HEAD", "/accounts", "", {});
  CHECK(reply.status == 200);
  CHECK(reply.body.empty());
  CHECK(reply.has("event-position"));
  check_problem(accounts.post("/accounts", account(std::string(70'000, 'a'))), 413,
                "body-too-large");
  CHECK(read_ledger(shop.nats).correlations.size() == 2);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("What is well-formed and wrong is 422, and names the field") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const Json buyer = open_account(shop, "김영희");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);
  const Json bought = buy(shop, "김영희", "쑥차 50g");
  const std::uint64_t end = read_ledger(shop.nats).end.value;
  const auto with = [](Json body, const char* field, Json value) {
    body[Json::json_pointer(field)] = std::move(value);
    return body;
  };
  const auto without = [](Json body, const char* field) {
    body.erase(field);
    return body;
  };

  const Json good = account("홍길동");
  const auto open = [&](const Json& body) { return accounts.post("/accounts", body); };
  check_field(open(with(good, "/nickname", "길동")), "nickname");
  check_field(open(with(good, "/address/country", "KR")), "address.country");
  check_field(open(without(good, "name")), "name");
  check_field(open(without(good, "address")), "address");
  check_field(open(with(good, "/name", nullptr)), "name");
  check_field(open(with(good, "/name", 7)), "name");
  check_field(open(with(good, "/name", "")), "name");
  check_field(open(with(good, "/name", "  ")), "name");
  check_field(open(with(good, "/name", std::string("a\0b", 3))), "name");
  check_field(open(with(good, "/name", "line\nbreak")), "name");
  check_field(open(with(good, "/name", std::string(jangbu::max_name + 1, 'a'))), "name");
  check_field(open(with(good, "/name", std::string("U\u202Efdp.exe"))), "name");
  check_field(open(with(good, "/name", "홍길동\u200B")), "name");
  check_field(open(with(good, "/name", "\u3164")), "name");
  check_field(open(with(good, "/name", "a\u2028b")), "name");
  std::string marks = "a";
  for (int i = 0; i < 10'000; ++i) marks += "\u0301\u0323";
  check_field(open(with(good, "/name", marks)), "name");
  check_field(open(with(good, "/address/line", marks)), "address.line");
  check_field(open(with(good, "/address/line", "세종대로\u202E 175")), "address.line");
  check_field(open(with(good, "/address/line", nullptr)), "address.line");
  check_field(open(with(good, "/email", "nobody")), "email");
  check_field(open(with(good, "/email", "no\u00A0body@example.com")), "email");
  check_field(open(with(good, "/email", std::string("a\0@b", 4))), "email");
  check_field(open(with(good, "/memberType", "thief")), "memberType");
  check_field(open(with(good, "/membershipLevel", "IRON")), "membershipLevel");
  check_field(open(with(good, "/address", "Seoul")), "address");
  check_field(open(with(good, "/address/line", std::string("\0", 1))), "address.line");
  check_field(open(with(good, "/address/zipCode", 3172)), "address.zipCode");
  check_field(accounts.patch("/accounts/" + id_of(buyer), {{"memberType", "seller"}}),
              "memberType");
  check_field(accounts.put("/accounts/" + id_of(buyer) + "/address", {{"line", "London"}}),
              "zipCode");

  const Json ware = product("한지 노트", 12'900, 5);
  const auto list = [&](const Json& body) { return products.post("/products", body); };
  check_field(list(with(ware, "/stock", -1)), "stock");
  check_field(list(with(ware, "/stock", 1.5)), "stock");
  check_field(list(with(ware, "/stock", "5")), "stock");
  check_field(list(with(ware, "/unitPrice/amount", 39'900.5)), "unitPrice.amount");
  check_field(list(with(ware, "/description", "a" + marks.substr(1, 4'000))), "description");
  check_field(list(with(ware, "/description", "a\u001B[2Jb")), "description");
  check_field(accounts.get("/accounts/search/findByName?name=%E2%80%AE"), "name");
  check_field(list(with(ware, "/stock", 18446744073709551615ull)), "stock");
  check_field(list(with(ware, "/unitPrice", 12'900)), "unitPrice");
  check_field(list(with(ware, "/unitPrice/amount", -1)), "unitPrice.amount");
  check_field(list(with(ware, "/unitPrice/amount", jangbu::Money::max_amount + 1)),
              "unitPrice.amount");
  check_field(list(with(ware, "/unitPrice/currency", "won")), "unitPrice.currency");
  check_field(list(with(ware, "/description", std::string(5'001, 'a'))), "description");
  check_field(products.post("/products/" + id_of(tea) + "/stock", {{"change", 0}}), "change");

  const Json order = one_line("김영희", "쑥차 50g");
  const auto buy_with = [&](const Json& body) { return purchases.post("/purchases", body); };
  check_field(buy_with(with(order, "/quantity", 0)), "quantity");
  check_field(buy_with(with(order, "/quantity", true)), "quantity");
  check_field(buy_with(without(order, "buyer")), "buyer");
  check_field(buy_with(with(order, "/buyerId", id_of(buyer))), "buyer");
  check_field(buy_with(with(without(order, "buyer"), "/buyerId", "7")), "buyerId");
  check_field(buy_with(with(order, "/lines", Json::array({order}))), "lines[0].buyer");
  check_field(buy_with(with(order, "/coupon", "FREE")), "coupon");
  check_field(buy_with({{"quoteId", "x"}, {"buyer", "김영희"}}), "buyer");
  check_problem(buy_with({{"quoteId", "x"}}), 422, "quote-invalid");
  check_field(purchases.post("/quotes", with(order, "/expectedTotal", won(9'500))),
              "expectedTotal");

  const std::string scans = "/deliveries/" + id_of(bought) + "/scans";
  const Json scanned = scan("delivered", "2026-03-03T14:10:00Z");
  check_field(deliveries.post(scans, with(scanned, "/status", "preparing")), "status");
  check_field(deliveries.post(scans, with(scanned, "/status", "cancelled")), "status");
  check_field(deliveries.post(scans, with(scanned, "/occurredAt", "yesterday")), "occurredAt");
  check_field(deliveries.post(scans, with(scanned, "/occurredAt", "2999-03-03T14:10:00Z")),
              "occurredAt");
  check_field(deliveries.post(scans, without(scanned, "carrier")), "carrier");
  check_field(deliveries.post(scans, with(scanned, "/weight", 2)), "weight");
  check_field(deliveries.post("/deliveries/" + id_of(bought) + "/receipt", {{"by", "me"}}), "by");

  check_field(accounts.get("/accounts?limit=0"), "limit");
  check_field(accounts.get("/accounts?limit=101"), "limit");
  check_field(accounts.get("/accounts?after=7"), "after");
  check_field(accounts.get("/accounts?minPosition=-1"), "minPosition");
  check_field(accounts.get("/accounts?waitMs=10001"), "waitMs");
  check_field(deliveries.get("/deliveries?status=lost"), "status");
  check_field(deliveries.get("/deliveries?include=all"), "include");
  check_field(purchases.get("/purchases?status=preparing"), "status");

  CHECK(read_ledger(shop.nats).end.value == end);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A rule that refuses is 409, at a position, and says what helps") {
  Shop shop;
  HttpClient purchases = shop.purchases(), products = shop.products();
  const Json buyer = open_account(shop, "김영희");
  list_product(shop, "쑥차 50g", 9'500, 2);
  const Json stored = list_product(shop, "보관함", 1, jangbu::max_stock);
  REQUIRE(products
              .post("/products", {{"name", "Fountain pen"},
                                  {"unitPrice", {{"amount", 4'900}, {"currency", "EUR"}}},
                                  {"stock", 80}})
              .status == 201);
  REQUIRE(products.post("/products", product("집", jangbu::Money::max_amount, 2)).status == 201);
  const std::uint64_t end = read_ledger(shop.nats).end.value;

  Json order = one_line("김영희", "쑥차 50g", 2);
  order["expectedTotal"] = won(18'000);
  Reply reply = purchases.post("/purchases", order);
  check_problem(reply, 409, "price-changed");
  CHECK(reply.json.at("expected") == won(18'000));
  CHECK(reply.json.at("actual") == won(19'000));
  CHECK(reply.position() == end);

  reply = purchases.post("/purchases", {{"buyerId", id_of(buyer)},
                                        {"lines",
                                         {{{"product", "쑥차 50g"}, {"quantity", 1}},
                                          {{"product", "Fountain pen"}, {"quantity", 1}}}}});
  check_problem(reply, 409, "mixed-currencies");
  check_problem(purchases.post("/purchases", one_line("김영희", "집", 2)), 409, "total-too-large");
  check_problem(purchases.post("/purchases", one_line("김영희", "쑥차 50g", 3)), 409,
                "insufficient-stock");
  reply = products.post("/products/" + id_of(stored) + "/stock", {{"change", 1}});
  check_problem(reply, 409, "stock-too-large");
  CHECK(read_ledger(shop.nats).end.value == end);

  order["expectedTotal"] = won(19'000);
  CHECK(purchases.post("/purchases", order).status == 201);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A query that asks for what is not projected yet is told to come again") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  const Reply reply = accounts.get("/accounts?minPosition=1000&waitMs=50");
  check_problem(reply, 503, "read-model-behind");
  CHECK(reply.has("retry-after"));
  CHECK(reply.json.at("expected") == 1000);
  CHECK(shop.jangbu.stop() == 0);
}
