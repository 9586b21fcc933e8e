// Looking back: what GET answered after an event, GET with asOf goes on to answer.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "infra/postgres/connection.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string as_of(std::string_view path, std::uint64_t position) {
  return std::string(path) + "?asOf=" + std::to_string(position);
}

// What a GET says of an entity. A product's stock is left out: it is not told as of a position.
struct Seen {
  int status = 404;
  Json json = {};
  std::string tag = {};

  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen seen(const Reply& reply, std::string_view path) {
  if (reply.status != 200) return {reply.status};
  Seen seen{reply.status, reply.json, reply.header("etag")};
  if (!path.starts_with("/products/")) return seen;
  // What is asked for as it was tells no stock, neither in its tag: "42.0-17" is "42.0" then.
  seen.json.erase("stock");
  if (const auto dash = seen.tag.find('-'); dash != seen.tag.npos)
    seen.tag = seen.tag.substr(0, dash) + '"';
  return seen;
}

// A shop in which one thing happens after the other, and everything is looked at after each.
class Recording {
 public:
  // A new entity; it has not been there before this answer. Its path.
  std::string created(Service service, const Reply& reply) {
    REQUIRE(reply.status == 201);
    watched_.push_back({shop.jangbu.client(service), reply.header("location"), {}});
    if (service == Service::purchase) {
      const std::string delivery = "/deliveries/" + id_of(reply.json);
      watched_.push_back({shop.jangbu.client(Service::delivery), delivery, {}});
    }
    look(reply);
    return reply.header("location");
  }

  void changed(const Reply& reply) {
    REQUIRE(reply.status == 200);
    look(reply);
  }

  // Every entity, at every position there is.
  void look_back() {
    for (Watched& watched : watched_) {
      for (std::uint64_t position = begin_ + 1; position <= end_; ++position) {
        const Reply reply = watched.client.get(as_of(watched.path, position));
        CAPTURE(watched.path, position, reply.body);
        CHECK(seen(reply, watched.path) == watched.at[position]);
        CHECK(reply.position() == position);
        if (watched.path.starts_with("/products/")) CHECK_FALSE(reply.json.contains("stock"));
      }
    }
  }

  // The position of so many events further than where the log began.
  std::uint64_t after(std::uint64_t events) const { return begin_ + events; }
  std::uint64_t end() const { return end_; }

  Shop shop;

 private:
  struct Watched {
    HttpClient client;
    std::string path;
    std::map<std::uint64_t, Seen> at;  // 404 where nothing is
  };

  void look(const Reply& reply) {
    REQUIRE(reply.position() == ++end_);
    for (Watched& watched : watched_)
      watched.at[end_] = seen(watched.client.get(at(watched.path, end_)), watched.path);
  }

  std::deque<Watched> watched_;
  const std::uint64_t begin_ = log_end(shop);
  std::uint64_t end_ = begin_;
};

}  // namespace

TEST_CASE("Everything is as of each position what it was then") {
  Recording recording;
  Shop& shop = recording.shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const auto buy_of = [&](std::string_view buyer, std::string_view what, int quantity) {
    return recording.created(Service::purchase,
                             purchases.post("/purchases", one_line(buyer, what, quantity)));
  };
  const auto delivery_of = [](const std::string& purchase) {
    return "/deliveries" + purchase.substr(purchase.rfind('/'));
  };
  const auto scanned = [&](const std::string& purchase, std::string_view status,
                           std::string_view occurred_at) {
    const std::string path = delivery_of(purchase);
    const Reply reply = deliveries.post(path + "/scans", scan(status, occurred_at));
    recording.changed(reply);
    CHECK(deliveries.get(path).json == reply.json);
  };

  const std::string hong =
      recording.created(Service::account, accounts.post("/accounts", account("홍길동")));
  const std::string tea = recording.created(
      Service::product, products.post("/products", product("쑥차 50g", 9'500, 20)));
  recording.changed(accounts.patch(hong, {{"email", "gildong@example.com"}}));
  const std::string received = buy_of("홍길동", "쑥차 50g", 2);
  recording.changed(products.put(tea + "/price", {{"unitPrice", won(9'900)}}));
  const std::string cancelled = buy_of("홍길동", "쑥차 50g", 3);
  const std::string returned = buy_of("홍길동", "쑥차 50g", 1);
  recording.changed(
      accounts.put(hong + "/address", address("부산광역시 해운대구 우동 1411", "48060")));
  recording.changed(accounts.patch(hong, {{"name", "길동 홍"}, {"membershipLevel", "GOLD"}}));
  scanned(received, "picked-up", "2026-03-02T09:00:00Z");
  recording.changed(purchases.post(cancelled + "/cancellation", {{"reason", "마음이 바뀌었어요"}}));
  recording.changed(products.post(tea + "/stock", {{"change", 5}, {"reason", "입고"}}));
  scanned(received, "delivered", "2026-03-03T14:10:00Z");
  scanned(received, "in-transit", "2026-03-02T20:00:00Z");  // late: it stays delivered
  recording.changed(deliveries.post(delivery_of(received) + "/receipt", Json::object()));
  scanned(returned, "returned-to-sender", "2026-03-05T10:00:00Z");
  recording.changed(products.delete_(tea));
  recording.changed(accounts.delete_(hong));
  recording.created(Service::account, accounts.post("/accounts", account("홍길동")));
  REQUIRE(recording.end() == recording.after(19));
  recording.look_back();

  // What is over is not told of what was before.
  CHECK_FALSE(accounts.get(as_of(hong, recording.after(17))).json.contains("closedAt"));
  CHECK(accounts.get(as_of(hong, recording.after(1))).json.at("name") == "홍길동");
  CHECK(accounts.get(as_of(hong, recording.after(18))).json.at("name") == "길동 홍");

  const Reply reply = accounts.send("HEAD", as_of(hong, recording.after(3)), {}, {});
  CHECK(reply.status == 200);
  CHECK(reply.body.empty());
  CHECK(reply.header("etag") == "\"" + event_at(recording.after(3)) + "\"");
  CHECK(reply.position() == recording.after(3));

  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}

TEST_CASE("A delivery with more scans than are read at once is as it was after each") {
  Recording recording;
  Shop& shop = recording.shop;
  open_account(shop, "홍길동");
  list_product(shop, "한지 노트", 12'900, 10);
  const Json purchase = buy(shop, "홍길동", "한지 노트");
  const std::string path = "/deliveries/" + id_of(purchase);
  HttpClient deliveries(shop.jangbu.port(Service::delivery));  // documents are held to elsewhere
  std::map<std::uint64_t, Json> answers;
  for (int minute = 0; minute < 150; ++minute) {
    const std::string time = "2026-03-02T0" + std::to_string(minute / 60) + ":" +
                             (minute % 60 < 10 ? "0" : "") + std::to_string(minute % 60) + ":00Z";
    const Reply reply = deliveries.post(path + "/scans", scan("in-transit", time));
    REQUIRE(reply.status == 200);
    answers[reply.position()] = reply.json;
  }
  for (const auto& [position, json] : answers) {
    const Reply reply = deliveries.get(as_of(path, position));
    CAPTURE(position);
    REQUIRE(reply.status == 200);
    REQUIRE(reply.json == json);
  }
}

TEST_CASE("A position that is not reached yet is waited for") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  const Reply opened = accounts.post("/accounts", account("홍길동"));
  REQUIRE(opened.status == 201);
  const std::string path = opened.header("location");
  const std::uint64_t next = opened.position() + 1;

  const Reply behind = accounts.get(as_of(path, next) + "&waitMs=0");
  CHECK(behind.status == 503);
  CHECK(behind.code() == "read-model-behind");
  CHECK(behind.json.at("expected") == next);
  CHECK(behind.has("retry-after"));

  Client waiting(shop.jangbu.port(Service::account));
  waiting.send(get_request(as_of(path, next) + "&waitMs=10000"));
  REQUIRE_FALSE(waiting.readable_within(100ms));
  const Reply changed = accounts.patch(path, {{"membershipLevel", "GOLD"}});
  REQUIRE(changed.position() == next);
  const Answer answer = waiting.read_answer();
  CHECK(answer.status == 200);
  CHECK(Json::parse(answer.body) == changed.json);

  // A position of something else will do, too.
  const std::uint64_t later =
      shop.products().post("/products", product("먹", 15'000, 1)).position();
  CHECK(accounts.get(as_of(path, later) + "&waitMs=10000").json == changed.json);
}

TEST_CASE("What is no position is refused, by the field's name") {
  Shop shop;
  const std::string account = "/accounts/" + id_of(open_account(shop, "홍길동"));
  const std::string product = "/products/" + id_of(list_product(shop, "먹", 15'000, 3));
  const std::string id = id_of(buy(shop, "홍길동", "먹"));
  const std::uint64_t now = log_end(shop);
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const std::pair<HttpClient&, std::string> entities[] = {{accounts, account},
                                                          {products, product},
                                                          {purchases, "/purchases/" + id},
                                                          {deliveries, "/deliveries/" + id}};
  for (const auto& [client, path] : entities) {
    for (const char* wrong : {"asOf=", "asOf=0", "asOf=-1", "asOf=1.0", "asOf=yesterday",
                              "asOf=9223372036854775808", "asOf=1&minPosition=1"}) {
      const Reply reply = client.get(path + "?" + wrong);
      CAPTURE(path, wrong, reply.body);
      CHECK(reply.status == 422);
      CHECK(reply.code() == "invalid-field");
      CHECK(reply.json.value("field", "") == "asOf");
    }
    CHECK(client.get(as_of(path, now)).status == 200);
    CHECK(client.get(as_of(path.substr(0, path.rfind('/')) + "/nobody", now)).status == 404);
  }
  // An id of another kind of thing.
  const Reply reply = accounts.get(as_of("/accounts/" + id, now));
  CHECK(reply.status == 404);
  CHECK(reply.code() == "account-not-found");
}

TEST_CASE("A history that somebody edited is told of, and hurts nothing else") {
  Shop shop;
  const std::string account = id_of(open_account(shop, "홍길동"));
  list_product(shop, "먹", 15'000, 3);
  const std::string headless = id_of(buy(shop, "홍길동", "먹"));
  const std::string twice = id_of(buy(shop, "홍길동", "먹"));
  record_scan(shop, headless, "picked-up", "2026-03-02T09:00:00Z");
  const std::uint64_t end = log_end(shop);
  HttpClient deliveries = shop.deliveries(), products = shop.products();
  REQUIRE(deliveries.get(as_of("/deliveries/" + headless, end)).status == 200);

  jangbu::pg::Connection database({.conninfo = shop.database});
  database.run("DELETE FROM jangbu.history WHERE type = 'PurchaseCompleted' AND entity_id = '" +
               headless + "'");
  database.run(
      "INSERT INTO jangbu.history (entity_id, position, index, event) SELECT entity_id, position, "
      "index + 1, event FROM jangbu.history WHERE entity_id = '" +
      twice + "'");
  database.run(
      "UPDATE jangbu.history SET event = (SELECT event FROM jangbu.history WHERE entity_kind = "
      "'product' LIMIT 1) WHERE entity_id = '" +
      account + "'");
  for (const Reply& reply : {deliveries.get(as_of("/deliveries/" + headless, end)),
                             deliveries.get(as_of("/deliveries/" + twice, end)),
                             products.get(as_of("/products/" + account, end))}) {
    CAPTURE(reply.body);
    CHECK(reply.status == 503);
    CHECK(reply.code() == "read-model-unavailable");
  }
  CHECK_THAT(shop.jangbu.log_text(), ContainsSubstring("cannot be one of it"));
  CHECK(deliveries.get("/deliveries/" + headless).status == 200);
  CHECK(deliveries.get(as_of("/deliveries/" + headless, end - 3)).status == 404);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("What is parked in the history cannot be looked back at, and still be asked for") {
  Shop shop;
  const std::string account = id_of(open_account(shop, "홍길동"));
  list_product(shop, "먹", 15'000, 3);
  const std::string bought = id_of(buy(shop, "홍길동", "먹"));
  const std::uint64_t end = log_end(shop);
  HttpClient accounts = shop.accounts(), deliveries = shop.deliveries();
  REQUIRE(accounts.get(as_of("/accounts/" + account, end)).status == 200);
  REQUIRE(deliveries.get(as_of("/deliveries/" + bought, end)).status == 200);

  jangbu::pg::Connection database({.conninfo = shop.database});
  for (const std::string& entity : {account, bought})
    database.run("INSERT INTO jangbu.parked SELECT read_model, generation, '" + entity +
                 "', 1, 0, 'a test' FROM jangbu.checkpoints WHERE read_model = 'history'; "
                 "UPDATE jangbu.checkpoints SET parked = parked + 1 WHERE read_model = 'history'");
  for (const Reply& reply : {accounts.get(as_of("/accounts/" + account, end)),
                             deliveries.get(as_of("/deliveries/" + bought, end))}) {
    CAPTURE(reply.body);
    CHECK(reply.status == 503);
    CHECK(reply.code() == "entity-parked");
  }
  CHECK(accounts.get("/accounts/" + account).status == 200);
  CHECK(deliveries.get("/deliveries/" + bought).status == 200);
  CHECK(shop.jangbu.stop() == 0);
}
