#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "api/services/quotes.hpp"
#include "commands/purchase.hpp"
#include "infra/ids.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

constexpr const char* picked_up_at = "2026-03-02T09:00:00.000Z";
constexpr const char* on_its_way_at = "2026-03-02T18:30:00.000Z";
constexpr const char* delivered_at = "2026-03-03T14:10:00.000Z";

std::vector<std::string> types_of(const Json& history) {
  std::vector<std::string> types;
  for (const Json& event : history.at("items")) types.push_back(event.at("type"));
  return types;
}

bool holds(const Json& list, const std::string& id) {
  for (const Json& item : list.at("items"))
    if (item.at("id") == id) return true;
  return false;
}

std::int64_t stock_of(const Shop& shop, const Json& product, std::uint64_t position) {
  return shop.products().get(at("/products/" + id_of(product), position)).json.at("stock");
}

}  // namespace

TEST_CASE("A purchase, from opening an account to confirming receipt") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();

  // 홍길동 opens an account, and is found by name.
  Reply reply =
      accounts.post("/accounts", {{"name", "홍길동"},
                                  {"email", "gildong@example.com"},
                                  {"address", address("서울특별시 종로구 세종대로 175", "03172")},
                                  {"membershipLevel", "VIP"}});
  REQUIRE(reply.status == 201);
  const Json buyer = reply.json;
  CHECK(reply.header("location") == "/accounts/" + id_of(buyer));
  CHECK(reply.header("etag") == '"' + buyer.at("version").get<std::string>() + '"');
  CHECK(buyer.at("name") == "홍길동");
  CHECK(buyer.at("address") == address("서울특별시 종로구 세종대로 175", "03172"));
  CHECK(buyer.at("membershipLevel") == "VIP");
  CHECK(buyer.at("memberType") == "buyer");
  reply = accounts.get(
      at("/accounts/search/findByName?name=" + percent_encoded("홍길동"), reply.position()));
  CHECK(reply.status == 200);
  CHECK(reply.json == buyer);
  CHECK(accounts.get("/accounts/" + id_of(buyer)).json == buyer);

  // A product is listed, and found by name.
  reply = products.post("/products", product("놋쇠 수저 세트", 39'900, 12));
  REQUIRE(reply.status == 201);
  const Json spoons = reply.json;
  CHECK(reply.header("location") == "/products/" + id_of(spoons));
  CHECK(spoons.at("stock") == 12);
  reply = products.get(at("/products/search/findByName?name=" + percent_encoded("놋쇠 수저 세트"),
                          reply.position()));
  CHECK(reply.status == 200);
  CHECK(reply.json == spoons);

  // A quote shows what a purchase would be.
  reply = purchases.post("/quotes", one_line("홍길동", "놋쇠 수저 세트", 2));
  REQUIRE(reply.status == 200);
  const Json quote = reply.json;
  CHECK(quote.at("buyer") == Json{{"id", id_of(buyer)},
                                  {"name", "홍길동"},
                                  {"address", address("서울특별시 종로구 세종대로 175", "03172")}});
  CHECK(quote.at("lines") == Json::array({{{"productId", id_of(spoons)},
                                           {"product", "놋쇠 수저 세트"},
                                           {"unitPrice", won(39'900)},
                                           {"quantity", 2},
                                           {"total", won(79'800)}}}));
  CHECK(quote.at("total") == won(79'800));
  CHECK(jangbu::parse_timestamp(quote.at("expiresAt").get<std::string>())->ms >
        jangbu::system_now().ms);

  // The quote is confirmed.
  reply = purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  REQUIRE(reply.status == 201);
  const Json purchase = reply.json;
  const std::string id = id_of(purchase);
  const std::uint64_t bought = reply.position();
  CHECK(reply.header("location") == "/purchases/" + id);
  CHECK(reply.header("etag") == '"' + purchase.at("version").get<std::string>() + '"');
  CHECK(reply.header("content-type") == "application/json");
  CHECK(purchase.at("status") == "completed");
  CHECK(purchase.at("lines") == quote.at("lines"));
  CHECK(purchase.at("total") == won(79'800));
  CHECK(purchase.at("buyer") == Json{{"id", id_of(buyer)}, {"name", "홍길동"}});
  CHECK(purchase.at("address") == buyer.at("address"));

  reply = purchases.get(at("/purchases/" + id, bought));
  CHECK(reply.status == 200);
  CHECK(reply.json == purchase);
  CHECK(reply.position() >= bought);
  CHECK(stock_of(shop, spoons, bought) == 10);
  CHECK(holds(purchases.get("/purchases?buyer=" + percent_encoded("홍길동")).json, id));
  CHECK(holds(purchases.get("/purchases?status=completed&buyer=" + id_of(buyer)).json, id));
  CHECK_FALSE(holds(purchases.get("/purchases?status=received").json, id));

  // Its delivery is there, and moves with the carrier's scans.
  const std::string delivery = "/deliveries/" + id;
  reply = deliveries.get(at(delivery, bought));
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("status") == "preparing");
  CHECK(reply.json.at("recipient") == "홍길동");
  CHECK(reply.json.at("address") == buyer.at("address"));
  CHECK(reply.json.at("items") ==
        Json::array(
            {{{"productId", id_of(spoons)}, {"product", "놋쇠 수저 세트"}, {"quantity", 2}}}));
  CHECK(reply.json.at("scans").empty());
  CHECK(holds(deliveries.get("/deliveries").json, id));

  CHECK(deliveries.post(delivery + "/receipt", nullptr).status == 400);  // null is no object
  reply = deliveries.post(delivery + "/receipt", Json::object());
  CHECK(reply.status == 409);
  CHECK(reply.code() == "not-delivered");
  CHECK(reply.json.at("status") == 409);
  CHECK(reply.json.at("deliveryStatus") == "preparing");

  reply = deliveries.post(delivery + "/scans", scan("picked-up", picked_up_at));
  CHECK(reply.status == 200);
  CHECK(reply.json.at("status") == "picked-up");
  CHECK(reply.json.at("carrier") == "CJ대한통운");
  CHECK(reply.json.at("trackingNumber") == "6897-1234");
  const std::uint64_t picked_up = reply.position();
  CHECK(picked_up > bought);

  // The same scan again changes nothing.
  const Reply again = deliveries.post(delivery + "/scans", scan("picked-up", picked_up_at));
  CHECK(again.status == 200);
  CHECK(again.json == reply.json);
  CHECK(again.position() == picked_up);

  reply = deliveries.post(delivery + "/scans", scan("in-transit", on_its_way_at));
  CHECK(reply.json.at("status") == "in-transit");
  // One of a lower rank, and one that occurred earlier, are history but no news.
  reply = deliveries.post(delivery + "/scans", scan("label-created", on_its_way_at));
  CHECK(reply.status == 200);
  CHECK(reply.json.at("status") == "in-transit");
  reply = deliveries.post(delivery + "/scans", scan("out-for-delivery", picked_up_at));
  CHECK(reply.json.at("status") == "in-transit");
  CHECK(reply.json.at("scans").size() == 4);
  reply = deliveries.post(delivery + "/scans", scan("delivered", delivered_at));
  CHECK(reply.json.at("status") == "delivered");
  CHECK(holds(deliveries.get(at("/deliveries?status=delivered", reply.position())).json, id));
  reply = deliveries.post(delivery + "/scans", scan("returned-to-sender", delivered_at));
  CHECK(reply.status == 409);
  CHECK(reply.code() == "illegal-status-change");

  // The buyer confirms receipt: it leaves the list, and its history stays.
  reply = deliveries.send("POST", delivery + "/receipt", "", {});
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("status") == "receipt-confirmed");
  const std::uint64_t received = reply.position();
  CHECK_FALSE(holds(deliveries.get(at("/deliveries", received)).json, id));
  CHECK(holds(deliveries.get(at("/deliveries?include=closed", received)).json, id));
  CHECK(deliveries.get(at(delivery, received)).json.at("status") == "receipt-confirmed");
  CHECK(purchases.get(at("/purchases/" + id, received)).json.at("status") == "received");

  const Json history = deliveries.get(at(delivery + "/history", received)).json;
  CHECK(types_of(history) == std::vector<std::string>{"PurchaseCompleted", "DeliveryScanned",
                                                      "DeliveryScanned", "DeliveryScanned",
                                                      "DeliveryScanned", "DeliveryScanned",
                                                      "ReceiptConfirmed"});
  CHECK(history.at("items")[0].at("id") == std::to_string(bought) + ".0");
  CHECK(history.at("items")[6].at("id") == std::to_string(received) + ".0");
  CHECK(history.at("items")[0].at("data").at("total") == won(79'800));
  CHECK(history.at("next") == nullptr);
  CHECK(types_of(purchases.get("/purchases/" + id + "/history").json) == types_of(history));

  // History pages by event id.
  Json page = deliveries.get(delivery + "/history?limit=4").json;
  CHECK(page.at("items").size() == 4);
  page = deliveries.get(delivery + "/history?limit=4&after=" + page.at("next").get<std::string>())
             .json;
  CHECK(page.at("items").size() == 3);
  CHECK(page.at("next") == nullptr);

  // What is closed stays closed.
  reply = deliveries.post(delivery + "/receipt", Json::object());
  CHECK(reply.status == 200);
  CHECK(reply.json.at("status") == "receipt-confirmed");
  reply = deliveries.post(delivery + "/scans", scan("in-transit", delivered_at));
  CHECK(reply.status == 409);
  CHECK(reply.code() == "purchase-closed");
  CHECK(reply.json.at("status") == 409);
  CHECK(reply.json.at("deliveryStatus") == "receipt-confirmed");
  reply = purchases.post("/purchases/" + id + "/cancellation", Json::object());
  CHECK(reply.status == 409);
  CHECK(reply.code() == "purchase-closed");
  CHECK(stock_of(shop, spoons, received) == 10);

  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}

TEST_CASE("A purchase is listed where it was confirmed, not where it was quoted") {
  Shop shop;
  open_account(shop, "김영희");
  list_product(shop, "백자 찻잔", 30'000, 10);
  HttpClient purchases = shop.purchases();
  const Json quote = ask_for_quote(shop, "김영희", "백자 찻잔");
  const Json at_once = buy(shop, "김영희", "백자 찻잔");
  const Reply confirmed = purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  REQUIRE(confirmed.status == 201);
  const Reply list =
      purchases.get("/purchases?minPosition=" + std::to_string(confirmed.position()));
  REQUIRE(list.json.at("items").size() == 2);
  CHECK(id_of(list.json.at("items")[0]) == id_of(confirmed.json));
  CHECK(id_of(list.json.at("items")[1]) == id_of(at_once));
}

TEST_CASE("A quote holds until the price, the address or the stock changes") {
  Shop shop({"--quote-secret", "a secret that the test knows"});
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases();
  const Json buyer = open_account(shop, "김영희");
  const Json cup = list_product(shop, "백자 찻잔", 28'000, 10);
  const auto confirm = [&](const Json& quote) {
    return purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  };

  SECTION("confirmed twice, it is one purchase") {
    const Json quote = ask_for_quote(shop, "김영희", "백자 찻잔", 3);
    const Reply first = confirm(quote);
    REQUIRE(first.status == 201);
    const Reply second = confirm(quote);
    CHECK(second.status == 201);
    CHECK(second.json == first.json);
    CHECK(second.position() == first.position());
    CHECK(second.header("idempotent-replayed") == "true");
    CHECK(stock_of(shop, cup, first.position()) == 7);
    // Whatever became of the purchase since.
    REQUIRE(purchases.post("/purchases/" + id_of(first.json) + "/cancellation", Json::object())
                .status == 200);
    CHECK(id_of(confirm(quote).json) == id_of(first.json));
  }
  SECTION("another price") {
    const Json quote = ask_for_quote(shop, "김영희", "백자 찻잔");
    REQUIRE(
        products.put("/products/" + id_of(cup) + "/price", {{"unitPrice", won(31'000)}}).status ==
        200);
    const Reply reply = confirm(quote);
    CHECK(reply.status == 409);
    CHECK(reply.code() == "price-changed");
    CHECK(reply.json.at("expected") == won(28'000));
    CHECK(reply.json.at("actual") == won(31'000));
    CHECK(reply.json.at("productId") == id_of(cup));
    CHECK(confirm(ask_for_quote(shop, "김영희", "백자 찻잔")).json.at("total") == won(31'000));
  }
  SECTION("another address; purchases made keep theirs") {
    const Json before = buy(shop, "김영희", "백자 찻잔");
    const Json quote = ask_for_quote(shop, "김영희", "백자 찻잔");
    const Json moved_to = address("부산광역시 해운대구 우동 1411", "48060");
    const Reply moved = accounts.put("/accounts/" + id_of(buyer) + "/address", moved_to);
    REQUIRE(moved.status == 200);
    const Reply reply = confirm(quote);
    CHECK(reply.status == 409);
    CHECK(reply.code() == "address-changed");
    CHECK(reply.json.at("expected") == buyer.at("address"));
    CHECK(reply.json.at("actual") == moved_to);
    CHECK(buy(shop, "김영희", "백자 찻잔").at("address") == moved_to);
    CHECK(purchases.get(at("/purchases/" + id_of(before), moved.position())).json.at("address") ==
          buyer.at("address"));
  }
  SECTION("not enough left") {
    const Json quote = ask_for_quote(shop, "김영희", "백자 찻잔", 8);
    buy(shop, "김영희", "백자 찻잔", 5);
    const Reply reply = confirm(quote);
    CHECK(reply.status == 409);
    CHECK(reply.code() == "insufficient-stock");
    CHECK(reply.json.at("available") == 5);
    CHECK(reply.json.at("requested") == 8);
  }
  SECTION("expired") {
    const jangbu::Quotes quotes("a secret that the test knows", "shop");
    const jangbu::Offer offer{
        .buyer = jangbu::parse_id<jangbu::AccountId>(id_of(buyer)).value(),
        .recipient = {"김영희", {"서울특별시 종로구 세종대로 175", "03172"}},
        .lines = {{jangbu::parse_id<jangbu::ProductId>(id_of(cup)).value(), "", {28'000}, 1, {}}},
        .total = {28'000}};
    const auto quote_of = [&](std::int64_t age_ms) {
      return Json{{"quoteId", quotes.issue(jangbu::new_id<jangbu::QuoteId>(), offer,
                                           *jangbu::anyone(), {jangbu::system_now().ms - age_ms})}};
    };
    const Reply reply = confirm(quote_of(jangbu::Quotes::lifetime_ms + 1));
    CHECK(reply.status == 409);
    CHECK(reply.code() == "quote-expired");
    CHECK(confirm(quote_of(jangbu::Quotes::lifetime_ms - 60'000)).status == 201);
  }
  SECTION("forged, or changed on the way") {
    std::string token = ask_for_quote(shop, "김영희", "백자 찻잔").at("quoteId");
    token[token.size() / 2] = token[token.size() / 2] == 'A' ? 'B' : 'A';
    const Reply reply = confirm({{"quoteId", token}});
    CHECK(reply.status == 422);
    CHECK(reply.code() == "quote-invalid");
    CHECK(confirm({{"quoteId", "no quote"}}).status == 422);
  }
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A purchase of several lines is decided as one") {
  Shop shop;
  HttpClient purchases = shop.purchases();
  open_account(shop, "이순신");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 8);
  const Json paper = list_product(shop, "한지 노트", 12'900, 3);
  const auto order = [](Json lines) {
    return Json{{"buyer", "이순신"}, {"lines", std::move(lines)}};
  };

  Reply reply =
      purchases.post("/purchases", order({{{"product", "쑥차 50g"}, {"quantity", 4}},
                                          {{"productId", id_of(paper)}, {"quantity", 2}}}));
  REQUIRE(reply.status == 201);
  CHECK(reply.json.at("lines").size() == 2);
  CHECK(reply.json.at("total") == won(4 * 9'500 + 2 * 12'900));
  const std::uint64_t position = reply.position();
  CHECK(stock_of(shop, tea, position) == 4);
  CHECK(stock_of(shop, paper, position) == 1);
  CHECK(shop.deliveries()
            .get(at("/deliveries/" + id_of(reply.json), position))
            .json.at("items")
            .size() == 2);

  // One line too many, and nothing is sold; lines of one product count together.
  reply = purchases.post("/purchases", order({{{"product", "쑥차 50g"}, {"quantity", 1}},
                                              {{"product", "한지 노트"}, {"quantity", 2}}}));
  CHECK(reply.status == 409);
  CHECK(reply.code() == "insufficient-stock");
  CHECK(reply.json.at("product") == "한지 노트");
  reply = purchases.post("/purchases", order({{{"product", "쑥차 50g"}, {"quantity", 3}},
                                              {{"product", "쑥차 50g"}, {"quantity", 2}}}));
  CHECK(reply.status == 409);
  CHECK(reply.json.at("requested") == 5);
  CHECK(reply.json.at("available") == 4);
  CHECK(stock_of(shop, tea, reply.position()) == 4);

  // A quote of several lines, too.
  reply = purchases.post("/quotes", order({{{"product", "쑥차 50g"}, {"quantity", 4}},
                                           {{"product", "한지 노트"}, {"quantity", 1}}}));
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("total") == won(4 * 9'500 + 12'900));
  reply = purchases.post("/purchases", {{"quoteId", reply.json.at("quoteId")}});
  CHECK(reply.status == 201);
  CHECK(stock_of(shop, tea, reply.position()) == 0);
  CHECK(stock_of(shop, paper, reply.position()) == 0);

  Json lines(jangbu::max_lines + 1, Json{{"product", "쑥차 50g"}, {"quantity", 1}});
  CHECK(purchases.post("/purchases", order(lines)).status == 422);
  CHECK(purchases.post("/purchases", order(Json::array())).status == 422);
  lines.erase(lines.begin());
  CHECK(purchases.post("/purchases", order(lines)).code() == "insufficient-stock");
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A cancelled purchase gives its stock back") {
  Shop shop;
  HttpClient purchases = shop.purchases(), deliveries = shop.deliveries();
  open_account(shop, "김영희");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);

  const std::string id = id_of(buy(shop, "김영희", "쑥차 50g", 5));
  record_scan(shop, id, "label-created", picked_up_at);
  Reply reply =
      purchases.post("/purchases/" + id + "/cancellation", {{"reason", "마음이 바뀌었어요"}});
  REQUIRE(reply.status == 200);
  CHECK(reply.json.at("status") == "cancelled");
  CHECK(reply.json.contains("cancelledAt"));
  const std::uint64_t cancelled = reply.position();
  CHECK(stock_of(shop, tea, cancelled) == 20);
  CHECK(purchases.get(at("/purchases/" + id, cancelled)).json == reply.json);
  CHECK(deliveries.get(at("/deliveries/" + id, cancelled)).json.at("status") == "cancelled");
  CHECK_FALSE(holds(deliveries.get("/deliveries").json, id));
  CHECK(types_of(purchases.get("/purchases/" + id + "/history").json) ==
        std::vector<std::string>{"PurchaseCompleted", "DeliveryScanned", "PurchaseCancelled"});

  reply = purchases.post("/purchases/" + id + "/cancellation", Json::object());
  CHECK(reply.status == 409);
  CHECK(reply.code() == "purchase-closed");
  reply = deliveries.post("/deliveries/" + id + "/scans", scan("picked-up", on_its_way_at));
  CHECK(reply.status == 409);
  CHECK(reply.code() == "illegal-status-change");
  CHECK(deliveries.post("/deliveries/" + id + "/receipt", Json::object()).code() ==
        "purchase-closed");

  // Once the carrier has it, it is too late.
  const std::string shipped = id_of(buy(shop, "김영희", "쑥차 50g", 1));
  record_scan(shop, shipped, "picked-up", picked_up_at);
  reply = purchases.post("/purchases/" + shipped + "/cancellation", Json::object());
  CHECK(reply.status == 409);
  CHECK(reply.code() == "already-shipped");
  CHECK(reply.json.at("deliveryStatus") == "picked-up");
  CHECK(stock_of(shop, tea, reply.position()) == 19);

  // A parcel that goes back is closed as well.
  reply = deliveries.post("/deliveries/" + shipped + "/scans",
                          scan("returned-to-sender", delivered_at));
  CHECK(reply.status == 200);
  CHECK(purchases.get(at("/purchases/" + shipped, reply.position())).json.at("status") ==
        "returned");
  CHECK_FALSE(holds(deliveries.get("/deliveries").json, shipped));
  CHECK(shop.jangbu.stop() == 0);
}
