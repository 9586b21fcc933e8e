// The memory that idempotency keys may take, over HTTP.
#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"

using namespace jangbu::test;

namespace {

constexpr int budget = 1'000;

// So many accounts, each with a key of its own.
std::string accounts_to_import(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) rows += account("손님 " + std::to_string(i)).dump() + "\n";
  return rows;
}

Json writer_check(const Shop& shop) {
  return shop.operations().get("/health/ready").json.at("checks").at("writer");
}

}  // namespace

TEST_CASE("When no more keys can be remembered, commands with one are not taken") {
  Shop shop({"--idempotency-keys", std::to_string(budget)});
  HttpClient accounts = shop.accounts();
  CHECK(writer_check(shop).at("idempotencyWindowSeconds") == 24 * 60 * 60);
  const HttpClient::Fields key{{"Idempotency-Key", "the-first"}};
  const Reply first = accounts.post("/accounts", account("홍길동"), key);
  REQUIRE(first.status == 201);
  list_product(shop, "쑥차 50g", 9'500, 20);
  const Json quote = ask_for_quote(shop, "홍길동", "쑥차 50g");

  const std::string rows = accounts_to_import(budget - 1);
  Client importer(shop.jangbu.port(Service::account));
  importer.send("POST /accounts:import HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                std::to_string(rows.size()) +
                "\r\nContent-Type: application/x-ndjson\r\nIdempotency-Key: rows\r\n\r\n" + rows);
  REQUIRE(importer.read_answer().status == 200);
  CHECK(writer_check(shop).at("idempotencyKeys") == budget);

  for (int start = 0; start < 2; ++start) {
    HttpClient client = shop.accounts();
    const Reply full =
        client.post("/accounts", account("김영희"), {{"Idempotency-Key", "one-too-many"}});
    CHECK(full.status == 503);
    CHECK(full.code() == "idempotency-keys-full");
    CHECK(full.header("retry-after") == "60");
    // A used quote is remembered, too.
    const Reply confirmed = shop.purchases().post("/purchases", {{"quoteId", quote.at("quoteId")}});
    CHECK(confirmed.status == 503);
    CHECK(confirmed.code() == "idempotency-keys-full");

    // What needs no room goes on.
    const Reply again = client.post("/accounts", account("홍길동"), key);
    CHECK(again.status == 201);
    CHECK(again.header("idempotent-replayed") == "true");
    CHECK(again.json == first.json);
    CHECK(client.post("/accounts", account("이순신 " + std::to_string(start))).status == 201);

    // Nor does another start remember less.
    CHECK(shop.jangbu.stop() == 0);
    if (start == 0) shop.jangbu.start();
  }
}
