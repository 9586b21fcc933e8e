// Accounts and products are found by the beginning of their name, while somebody types it.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

using Names = std::vector<std::string>;

// The names that a search finds, page by page.
Names find(HttpClient client, const std::string& path, const std::string& text,
           std::uint64_t position) {
  Names names;
  std::string after;
  for (;;) {
    const Reply page = client.get(
        at(path + "/search/findByNameStartingWith?limit=2&name=" + percent_encoded(text) + after,
           position));
    if (page.status != 200) throw std::runtime_error(page.body);
    for (const Json& item : page.json.at("items")) names.push_back(item.at("name"));
    if (page.json.at("next").is_null()) return names;
    after = "&after=" + page.json.at("next").get<std::string>();
  }
}

}  // namespace

TEST_CASE("Accounts and products are found while their name is typed") {
  Shop shop;
  for (const char* name : {"홍길순", "홍길동", "하늘", "Kim Minsu", "kim", "황진이"})
    open_account(shop, name);
  for (const char* name : {"한지 노트", "한지 봉투", "호두", "붓", "Brush"})
    list_product(shop, name, 1'000, 5);
  REQUIRE(shop.accounts().delete_("/accounts/" + id_of(open_account(shop, "홍길남"))).status ==
          200);
  const Reply last =
      shop.products().delete_("/products/" + id_of(list_product(shop, "한과", 1, 1)));
  REQUIRE(last.status == 200);

  const auto accounts = [&](const std::string& text) {
    return find(shop.accounts(), "/accounts", text, last.position());
  };
  CHECK(accounts("홍") == Names{"홍길동", "홍길순"});
  CHECK(accounts("호") == Names{"홍길동", "홍길순"});
  CHECK(accounts("ㅎ") == Names{"하늘", "홍길동", "홍길순", "황진이"});
  CHECK(accounts("KIM") == Names{"kim", "Kim Minsu"});
  CHECK(accounts("\u1112\u1169\u11BC") == Names{"홍길동", "홍길순"});  // not in the normal form C
  CHECK(accounts("") == Names{"kim", "Kim Minsu", "하늘", "홍길동", "홍길순", "황진이"});
  CHECK(accounts("길").empty());
  const auto products = [&](const std::string& text) {
    return find(shop.products(), "/products", text, last.position());
  };
  CHECK(products("한지") == Names{"한지 노트", "한지 봉투"});
  CHECK(products("ㅂ") == Names{"붓"});
  CHECK(products("b") == Names{"Brush"});
  CHECK(products("").size() == 5);

  HttpClient client = shop.accounts();
  CHECK(client.get("/accounts/search/findByNameStartingWith").json.at("items").size() == 6);
  Reply reply = client.get("/accounts/search/findByNameStartingWith?name=" + std::string(201, 'x'));
  CHECK(reply.status == 422);
  CHECK(reply.json.at("field") == "name");
  CHECK(client.get("/accounts/search/findByNameStartingWith?after=me").json.at("field") == "after");
  CHECK(client.get("/accounts/search/findByNameStartingWith?name=a&minPosition=99999&waitMs=10")
            .code() == "read-model-behind");
}
