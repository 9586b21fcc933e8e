#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

TEST_CASE("A product changes, and is withdrawn") {
  Shop shop;
  HttpClient products = shop.products(), purchases = shop.purchases();
  open_account(shop, "김영희");
  const Json listed = list_product(shop, "한지 노트", 12'900, 1);
  const std::string path = "/products/" + id_of(listed);

  Reply reply = products.put(path + "/price", {{"unitPrice", won(13'500)}});
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("unitPrice") == won(13'500));
  reply = products.post(path + "/stock", {{"change", 5}, {"reason", "입고"}});
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("stock") == 6);
  const std::string bought = id_of(buy(shop, "김영희", "한지 노트", 3));
  reply = products.post(path + "/stock", {{"change", -4}});
  CHECK(reply.status == 409);
  CHECK(reply.code() == "insufficient-stock");
  CHECK(reply.json.at("available") == 3);
  reply = products.post(path + "/stock", {{"change", -3}});
  CHECK(reply.status == 200);
  CHECK(reply.json.at("stock") == 0);
  CHECK(products.get(at(path, reply.position())).json == reply.json);
  CHECK(products.post("/products", product("한지 노트", 1, 1)).code() == "product-name-taken");

  reply = products.post(path + "/stock", {{"change", 1}});
  const Json quote = ask_for_quote(shop, "김영희", "한지 노트");
  reply = products.delete_(path);
  REQUIRE(reply.status == 200);
  CHECK(reply.json.contains("withdrawnAt"));
  const Json withdrawn = reply.json;
  CHECK(products.delete_(path).json == withdrawn);
  CHECK(products.get(at(path, reply.position())).json == withdrawn);
  reply = purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  CHECK(reply.status == 409);
  CHECK(reply.code() == "product-withdrawn");
  CHECK(purchases.post("/quotes", one_line("김영희", "한지 노트")).code() == "product-not-found");
  CHECK(products.put(path + "/price", {{"unitPrice", won(1)}}).code() == "product-withdrawn");
  CHECK(products.post(path + "/stock", {{"change", 1}}).code() == "product-withdrawn");

  // Purchases made stay good, and the name is free.
  record_scan(shop, bought, "delivered", "2026-03-03T14:10:00Z");
  CHECK(shop.deliveries().post("/deliveries/" + bought + "/receipt", Json::object()).status == 200);
  const Json again = list_product(shop, "한지 노트", 14'000, 1);
  CHECK(id_of(again) != id_of(listed));
  CHECK(buy(shop, "김영희", "한지 노트").at("total") == won(14'000));

  const Json history = products.get(path + "/history").json.at("items");
  REQUIRE(history.size() == 6);
  CHECK(history[0].at("type") == "ProductListed");
  CHECK(history[1].at("type") == "PriceChanged");
  CHECK(history[2].at("data").at("reason") == "입고");
  CHECK(history[5].at("type") == "ProductWithdrawn");
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Whole numbers may have a fraction of nothing, and descriptions lines") {
  Shop shop;
  HttpClient products = shop.products(), purchases = shop.purchases();
  const HttpClient::Fields json{{"Content-Type", "application/json"}};
  open_account(shop, "김영희");
  const Reply listed = products.send(
      "POST", "/products",
      R"({"name":"쑥차 50g","unitPrice":{"amount":39900.0,"currency":"KRW"},"stock":2e1,)"
      R"("description":"국내산 쑥\r\n\t- 50g\r- 유기농\n"})",
      json);
  REQUIRE(listed.status == 201);
  CHECK(listed.json.at("unitPrice") == won(39'900));
  CHECK(listed.json.at("stock") == 20);
  CHECK(listed.json.at("description") == "국내산 쑥\n\t- 50g\n- 유기농");
  CHECK(products.get(at("/products?limit=2", listed.position())).json.at("items").at(0) ==
        listed.json);
  const Reply received = products.send("POST", "/products/" + id_of(listed.json) + "/stock",
                                       R"({"change":50e-1,"reason":"입고\r\n창고 2"})", json);
  REQUIRE(received.status == 200);
  CHECK(received.json.at("stock") == 25);
  const Reply bought = purchases.send("POST", "/purchases",
                                      R"({"buyer":"김영희","product":"쑥차 50g","quantity":2.0,)"
                                      R"("expectedTotal":{"amount":7.98e4,"currency":"KRW"}})",
                                      json);
  CHECK(bought.status == 201);
  const Json history =
      products.get(at("/products/" + id_of(listed.json) + "/history", bought.position()))
          .json.at("items");
  CHECK(history.at(1).at("data").at("reason") == "입고\n창고 2");
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Whoever names a version changes that version, or nothing") {
  Shop shop;
  HttpClient products = shop.products(), accounts = shop.accounts(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const Json buyer = open_account(shop, "김영희");
  const Reply listed = products.post("/products", product("한지 노트", 12'900, 10));
  const std::string price = "/products/" + id_of(listed.json) + "/price";
  const std::string first = listed.header("etag");
  REQUIRE(first == '"' + listed.json.at("version").get<std::string>() + "-10\"");

  // A product's version does not change with the purchases made of it.
  const Json bought = buy(shop, "김영희", "한지 노트");
  Reply reply = products.put(price, {{"unitPrice", won(13'000)}}, {{"If-Match", first}});
  REQUIRE(reply.status == 200);
  const std::string second = reply.header("etag");
  CHECK(second != first);
  const std::uint64_t position = reply.position();
  reply = products.put(price, {{"unitPrice", won(14'000)}}, {{"If-Match", first}});
  CHECK(reply.status == 412);
  CHECK(reply.code() == "version-differs");
  CHECK('"' + reply.json.at("actual").get<std::string>() + "-9\"" == second);
  reply = products.get(at("/products/" + id_of(listed.json), position));
  CHECK(reply.header("etag") == second);
  CHECK(reply.json.at("unitPrice") == won(13'000));
  CHECK(products.put(price, {{"unitPrice", won(14'000)}}, {{"If-Match", "*"}}).status == 200);
  CHECK(products.put(price, {{"unitPrice", won(14'000)}}, {{"If-Match", first + ", " + second}})
            .status == 412);
  for (const char* malformed : {"14", "", "\"1.0\" \"2.0\"", "\"1.0", "w/\"1.0\"", "*, \"1.0\""})
    CHECK(products.put(price, {{"unitPrice", won(15'000)}}, {{"If-Match", malformed}}).status ==
          400);
  // A list; a product's tag as it was with another stock, and without it.
  reply = products.put(price, {{"unitPrice", won(14'000)}}, {{"If-Match", "*"}});
  const std::string third = reply.json.at("version");
  for (const std::string& never :
       {"W/\"" + third + "-9\"", std::string("\"\""), std::string("\"of-another-shop\""),
        "\"0" + third + "\"", "\"" + third + "-9-9\"", "\"" + third + "-gzip\""}) {
    CAPTURE(never);
    reply = products.put(price, {{"unitPrice", won(15'000)}}, {{"If-Match", never}});
    CHECK(reply.status == 412);
    CHECK(reply.json.at("actual") == third);
  }
  CHECK(products
            .put(price, {{"unitPrice", won(14'000)}},
                 {{"If-Match", "\"0.1\",, W/\"x,y\" ,\"" + third + "-5\""}})
            .status == 200);
  CHECK(products
            .put(price, {{"unitPrice", won(14'000)}},
                 {{"If-Match", "\"0.1\""}, {"If-Match", "\"" + third + "\""}})
            .status == 200);

  // Likewise for everything that has a version.
  const auto stale = HttpClient::Fields{{"If-Match", "\"0.7\""}};
  const std::string account = "/accounts/" + id_of(buyer);
  CHECK(accounts.put(account + "/address", address("London", "N1"), stale).status == 412);
  CHECK(accounts.patch(account, {{"name", "김철수"}}, stale).status == 412);
  CHECK(accounts.delete_(account, stale).status == 412);
  CHECK(products.delete_("/products/" + id_of(listed.json), stale).status == 412);
  CHECK(
      products.post("/products/" + id_of(listed.json) + "/stock", {{"change", 1}}, stale).status ==
      412);
  const std::string delivery = "/deliveries/" + id_of(bought);
  const std::string cancellation = "/purchases/" + id_of(bought) + "/cancellation";
  CHECK(purchases.post(cancellation, Json::object(), stale).status == 412);
  CHECK(deliveries.post(delivery + "/scans", scan("delivered", "2026-03-03T14:10:00Z"), stale)
            .status == 412);
  CHECK(deliveries.post(delivery + "/receipt", Json::object(), stale).status == 412);

  // A delivery moves on without its purchase: each has a version of its own.
  record_scan(shop, id_of(bought), "label-created", "2026-03-03T14:10:00Z");
  const std::string of_purchase = '"' + bought.at("version").get<std::string>() + '"';
  CHECK(deliveries
            .post(delivery + "/scans", scan("picked-up", "2026-03-03T15:10:00Z"),
                  {{"If-Match", of_purchase}})
            .status == 412);
  CHECK(purchases.post(cancellation, Json::object(), {{"If-Match", of_purchase}}).status == 200);
  CHECK(shop.jangbu.stop() == 0);
}
