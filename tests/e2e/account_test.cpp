#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

TEST_CASE("An account changes, and is closed") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  const Json opened = open_account(shop, "홍길동");
  const std::string path = "/accounts/" + id_of(opened);

  Reply reply =
      accounts.put(path + "/address", address("12 St James's Square, London", "SW1Y 4JH"));
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("address") == address("12 St James's Square, London", "SW1Y 4JH"));
  reply = accounts.patch(path, {{"name", "길동 홍"}, {"membershipLevel", "GOLD"}});
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("name") == "길동 홍");
  CHECK(reply.json.at("membershipLevel") == "GOLD");
  reply = accounts.patch(path, {{"email", "gildong@example.com"}});
  const Json changed = reply.json;
  CHECK(changed.at("email") == "gildong@example.com");
  CHECK(changed.at("name") == "길동 홍");
  const std::uint64_t position = reply.position();

  // What is so already changes nothing.
  reply = accounts.patch(path, {{"email", "gildong@example.com"}});
  CHECK(reply.status == 200);
  CHECK(reply.json == changed);
  CHECK(reply.position() == position);

  CHECK(accounts.get(at(path, position)).json == changed);
  CHECK(accounts.get("/accounts/search/findByName?name=" + percent_encoded("홍길동")).status ==
        404);

  // Open deliveries of a closed account finish; it buys nothing more.
  list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string bought = id_of(buy(shop, "길동 홍", "쑥차 50g"));
  const Json quote = ask_for_quote(shop, "길동 홍", "쑥차 50g");
  reply = accounts.delete_(path);
  REQUIRE(reply.status == 200);
  CHECK(reply.json.contains("closedAt"));
  const Json closed = reply.json;
  CHECK(accounts.get(at(path, reply.position())).json == closed);
  reply = accounts.delete_(path);
  CHECK(reply.status == 200);
  CHECK(reply.json == closed);
  reply = shop.purchases().post("/purchases", {{"quoteId", quote.at("quoteId")}});
  CHECK(reply.status == 409);
  CHECK(reply.code() == "account-closed");
  CHECK(shop.purchases().post("/purchases", one_line("길동 홍", "쑥차 50g")).code() ==
        "account-not-found");
  CHECK(accounts.put(path + "/address", address("London", "N1")).code() == "account-closed");
  CHECK(accounts.patch(path, {{"name", "다른 이름"}}).code() == "account-closed");
  record_scan(shop, bought, "delivered", "2026-03-03T14:10:00Z");
  CHECK(shop.deliveries().post("/deliveries/" + bought + "/receipt", Json::object()).status == 200);

  // The name is free again, and means the open account.
  const Json second = open_account(shop, "길동 홍");
  CHECK(id_of(second) != id_of(closed));
  reply = accounts.post("/accounts", account("길동 홍"));
  CHECK(reply.status == 409);
  CHECK(reply.code() == "account-name-taken");
  CHECK(reply.json.at("accountId") == id_of(second));
  reply = accounts.get(
      at("/accounts/search/findByName?name=" + percent_encoded("길동 홍"), reply.position()));
  CHECK(id_of(reply.json) == id_of(second));
  CHECK(accounts.get(path).json == closed);

  const Json history = accounts.get(path + "/history").json.at("items");
  REQUIRE(history.size() == 5);
  CHECK(history[0].at("type") == "AccountOpened");
  CHECK(history[1].at("type") == "AddressChanged");
  CHECK(history[4].at("type") == "AccountClosed");

  // After its last event there is nothing yet, nor after any that there could be.
  for (const std::string& after :
       {history[4].at("id").get<std::string>(), std::string("18446744073709551615.4294967295")}) {
    const Reply page = accounts.get(path + "/history?after=" + after);
    CHECK(page.status == 200);
    CHECK(page.json == Json{{"items", Json::array()}, {"next", nullptr}});
  }
  const Json last =
      accounts.get(path + "/history?after=" + history[3].at("id").get<std::string>() + "&limit=1")
          .json;
  CHECK(last.at("items") == Json::array({history[4]}));

  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Names are the same however they are typed") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  // "Jürgen" with u and a combining diaeresis, and spaces around.
  const Reply opened = accounts.post("/accounts", account("  Ju\u0308rgen Gro\u00df "));
  REQUIRE(opened.status == 201);
  CHECK(opened.json.at("name") == "J\u00fcrgen Gro\u00df");
  CHECK(accounts.post("/accounts", account("J\u00fcrgen Gro\u00df")).code() ==
        "account-name-taken");
  for (const char* name :
       {"J\u00fcrgen Gro\u00df", "Ju\u0308rgen Gro\u00df", " J\u00fcrgen Gro\u00df"})
    CHECK(accounts
              .get(at(std::string("/accounts/search/findByName?name=") + percent_encoded(name),
                      opened.position()))
              .json == opened.json);
  CHECK(accounts.get("/accounts/search/findByName?name=J%C3%BCrgen+Gro%C3%9F").json == opened.json);

  // White space that a Korean keyboard, a web page or a spreadsheet leaves behind.
  const Reply hong = accounts.post("/accounts", account("홍길동\u3000"));
  REQUIRE(hong.status == 201);
  CHECK(hong.json.at("name") == "홍길동");
  list_product(shop, "쑥차 50g\u00A0", 9'500, 20);
  for (const std::string name : {"홍길동", "홍길동\u3000", "\u00A0홍길동", "홍길동\u2003\u2028"}) {
    CAPTURE(name);
    CHECK(accounts.post("/accounts", account(name)).code() == "account-name-taken");
    const std::string wanted = percent_encoded(name);
    CHECK(accounts.get(at("/accounts/search/findByName?name=" + wanted, hong.position())).json ==
          hong.json);
    CHECK(accounts.get("/accounts/search/findByNameStartingWith?name=" + wanted)
              .json.at("items")
              .size() == 1);
    const Reply bought = shop.purchases().post("/purchases", one_line(name, "\u3000쑥차 50g"));
    REQUIRE(bought.status == 201);
    CHECK(shop.purchases()
              .get(at("/purchases?limit=1&buyer=" + wanted, bought.position()))
              .json.at("items")
              .at(0)
              .at("id") == bought.json.at("id"));
  }
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("What is null is taken away, and what is left out stays") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  Json whole = account("홍길동");
  whole["email"] = "gildong@example.com";
  whole["membershipLevel"] = "VIP";
  const Reply opened = accounts.post("/accounts", whole);
  REQUIRE(opened.status == 201);
  const std::string path = "/accounts/" + id_of(opened.json);
  const auto patch = [&](std::string_view body) {
    return accounts.send("PATCH", path, body, {{"Content-Type", "application/merge-patch+json"}});
  };

  Reply reply = patch("{}");
  CHECK(reply.status == 200);
  CHECK(reply.json == opened.json);
  reply = patch(R"({"email":null})");
  REQUIRE(reply.status == 200);
  CHECK_FALSE(reply.json.contains("email"));
  CHECK(reply.json.at("membershipLevel") == "VIP");
  CHECK(reply.json.at("name") == "홍길동");
  CHECK(accounts.get(at(path, reply.position())).json == reply.json);
  reply = patch(R"({"membershipLevel":null,"name":"길동"})");
  REQUIRE(reply.status == 200);
  CHECK_FALSE(reply.json.contains("membershipLevel"));
  CHECK(reply.json.at("name") == "길동");
  // There is none to take away any more.
  const Reply again = patch(R"({"membershipLevel":null,"email":null})");
  CHECK(again.status == 200);
  CHECK(again.json == reply.json);

  reply = patch(R"({"name":null})");
  CHECK(reply.status == 422);
  CHECK(reply.json.at("field") == "name");
  // Only a PATCH is a patch.
  CHECK(accounts
            .send("POST", "/accounts", account("김영희").dump(),
                  {{"Content-Type", "application/merge-patch+json"}})
            .status == 415);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Lists give the newest first, page by page") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  std::vector<std::string> opened;
  std::uint64_t position = 0;
  for (int i = 0; i < 7; ++i) {
    const Reply reply = accounts.post("/accounts", account("buyer " + std::to_string(i)));
    opened.insert(opened.begin(), id_of(reply.json));
    position = reply.position();
  }
  std::vector<std::string> listed;
  std::string next = at("/accounts?limit=3", position);
  for (int pages = 0; pages < 3; ++pages) {
    const Reply reply = accounts.get(next);
    REQUIRE(reply.status == 200);
    for (const Json& item : reply.json.at("items")) listed.push_back(id_of(item));
    if (reply.json.at("next").is_null()) break;
    next = "/accounts?limit=3&after=" + reply.json.at("next").get<std::string>();
  }
  std::ranges::sort(listed, std::greater<>());
  std::ranges::sort(opened, std::greater<>());
  CHECK(listed == opened);
  CHECK(shop.jangbu.stop() == 0);
}
