// Whose things are whose: what somebody does and sees there belongs to them, or they are told as
// little as if it were not there.
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"
#include "tests/support/access_keys.hpp"
#include "tests/support/event_stream.hpp"

using namespace jangbu::test;

namespace {

// Two of each role that owns something, and a clerk.
KeyFile many_keys(const std::filesystem::path& file) {
  KeyFile keys = one_of_each_role(file);
  keys.add("buyer2", "role = \"buyer\"");
  keys.add("seller2", "role = \"seller\"");
  keys.add("carrier2", "role = \"carrier\"\ncarrier = \"LOGEN\"");
  return keys;
}

struct OwnedShop {
  TemporaryFolder folder;
  KeyFile keys = many_keys(folder.path() / "keys.toml");
  Shop shop{{"--access-keys", keys.path()}};

  Reply send(const std::string& who, Service service, const std::string& method,
             const std::string& target, const Json& body = {}, HttpClient::Fields fields = {}) {
    const HttpClient::Fields credential = keys.fields(who);
    fields.insert(fields.end(), credential.begin(), credential.end());
    std::string text;
    if (!body.is_null()) {
      text = body.dump();
      fields.emplace_back("Content-Type", "application/json");
    }
    return shop.jangbu.client(service).send(method, target, text, fields);
  }
  Reply get(const std::string& who, Service service, const std::string& target) {
    return send(who, service, "GET", target);
  }

  Reply open_account(const std::string& who, std::string_view name) {
    Reply reply = send(who, Service::account, "POST", "/accounts", account(name));
    REQUIRE(reply.status == 201);
    return reply;
  }
  Json list_product(const std::string& who, std::string_view name, std::int64_t stock = 100) {
    const Reply reply =
        send(who, Service::product, "POST", "/products", product(name, 1'000, stock));
    REQUIRE(reply.status == 201);
    return reply.json;
  }
  Reply buy(const std::string& who, std::string_view what, HttpClient::Fields fields = {}) {
    return send(who, Service::purchase, "POST", "/purchases", {{"product", what}, {"quantity", 1}},
                std::move(fields));
  }
  Reply scan_by(const std::string& who, const std::string& delivery, std::string_view carrier,
                std::string_view status) {
    Json body = scan(status, "2026-03-01T10:00:00Z");
    body["carrier"] = carrier;
    return send(who, Service::delivery, "POST", "/deliveries/" + delivery + "/scans", body);
  }
  // Of a list, up to date with the command before.
  std::set<std::string> ids(const std::string& who, Service service, const std::string& target,
                            std::uint64_t position) {
    const Reply reply = get(who, service, at(target, position));
    REQUIRE(reply.status == 200);
    std::set<std::string> found;
    for (const Json& item : reply.json.at("items")) found.insert(id_of(item));
    return found;
  }
};

}  // namespace

TEST_CASE("A buyer has one account, and no other exists for it") {
  OwnedShop shop;
  const std::string others = id_of(shop.open_account("clerk", "가게 손님").json);
  CHECK(shop.get("buyer", Service::account, "/accounts/me").code() == "account-not-found");
  const std::string own = id_of(shop.open_account("buyer", "홍길동").json);

  const Reply second =
      shop.send("buyer", Service::account, "POST", "/accounts", account("홍길동 2"));
  CHECK(second.status == 409);
  CHECK(second.code() == "account-already-open");
  const Reply last = shop.open_account("buyer2", "김영희");
  const std::string strange = id_of(last.json);
  const std::uint64_t now = last.position();

  CHECK(id_of(shop.get("buyer", Service::account, at("/accounts/me", now)).json) == own);
  CHECK(shop.ids("buyer", Service::account, "/accounts", now) == std::set{own});
  CHECK(shop.ids("clerk", Service::account, "/accounts", now) == std::set{own, others, strange});

  const std::string path = "/accounts/" + own;
  CHECK(shop.get("buyer", Service::account, path).status == 200);
  CHECK(shop.get("buyer", Service::account, path + "/history").status == 200);
  CHECK(shop.get("buyer", Service::account, path + "?asOf=" + std::to_string(now)).status == 200);
  CHECK(shop.get("auditor", Service::account, path).status == 200);

  // Others' accounts, those of nobody, and what never was: all alike.
  const std::string never = "0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39";
  for (const std::string& id : {others, strange, never}) {
    CAPTURE(id);
    const std::string account = "/accounts/" + id;
    std::set<std::string> answers;
    const auto forbidden = [&](const Reply& reply) {
      CHECK(reply.status == 403);
      CHECK(reply.code() == "forbidden");
      answers.insert(reply.json.at("detail"));
    };
    forbidden(shop.get("buyer", Service::account, account));
    forbidden(shop.get("buyer", Service::account, account + "/history"));
    forbidden(shop.get("buyer", Service::account, account + "?asOf=1"));
    CHECK(answers.size() == 1);
    forbidden(shop.send("buyer", Service::account, "PUT", account + "/address",
                        address("세종대로 1", "03172")));
    forbidden(shop.send("buyer", Service::account, "PATCH", account, {{"name", "이름"}},
                        {{"If-Match", "\"1.0\""}}));
    forbidden(shop.send("buyer", Service::account, "DELETE", account));
    forbidden(shop.get("buyer", Service::purchase, "/purchases?buyerId=" + id));
    forbidden(shop.get("buyer", Service::delivery, "/deliveries?buyerId=" + id));
    forbidden(shop.send("buyer", Service::purchase, "POST", "/quotes",
                        {{"buyerId", id}, {"product", "차"}, {"quantity", 1}}));
    forbidden(shop.send("buyer", Service::purchase, "POST", "/purchases",
                        {{"buyerId", id}, {"product", "차"}, {"quantity", 1}}));
  }
  for (const char* name : {"김영희", "가게 손님", "아무도 아님"}) {
    CAPTURE(name);
    const std::string asked = percent_encoded(name);
    CHECK(shop.get("buyer", Service::account, "/accounts/search/findByName?name=" + asked).code() ==
          "forbidden");
    CHECK(shop.get("buyer", Service::purchase, "/purchases?buyer=" + asked).code() == "forbidden");
    CHECK(shop.get("carrier", Service::delivery, "/deliveries?buyer=" + asked).code() ==
          "forbidden");
  }
  CHECK(shop.get("buyer", Service::account,
                 "/accounts/search/findByName?name=" + percent_encoded("홍길동"))
            .status == 200);

  // What an account is worth to the shop is not its owner's to say.
  for (const Json& change : {Json{{"membershipLevel", "VIP"}}, Json{{"membershipLevel", nullptr}}})
    CHECK(shop.send("buyer", Service::account, "PATCH", path, change).code() == "forbidden");
  CHECK(
      shop.send("buyer", Service::account, "PATCH", path, {{"email", "hong@example.kr"}}).status ==
      200);
  CHECK(shop.send("clerk", Service::account, "PATCH", path, {{"membershipLevel", "VIP"}}).status ==
        200);
  Json seller = account("판매자");
  seller["memberType"] = "seller";
  CHECK(shop.send("buyer", Service::account, "POST", "/accounts", seller).code() == "forbidden");

  // Once it is closed, another can be opened.
  CHECK(shop.send("buyer", Service::account, "DELETE", path).status == 200);
  const Reply again = shop.open_account("buyer", "홍길동");
  CHECK(id_of(shop.get("buyer", Service::account, at("/accounts/me", again.position())).json) ==
        id_of(again.json));
  CHECK(shop.get("buyer", Service::account, path).status == 200);
}

TEST_CASE("A purchase and its delivery exist for its buyer, the staff, and its carrier") {
  OwnedShop shop;
  shop.list_product("clerk", "차");
  shop.open_account("buyer", "홍길동");
  shop.open_account("buyer2", "김영희");
  const Reply bought = shop.buy("buyer", "차");
  REQUIRE(bought.status == 201);
  const std::string id = id_of(bought.json);
  const std::uint64_t now = bought.position();
  const std::string purchase = "/purchases/" + id;
  const std::string delivery = "/deliveries/" + id;

  for (const char* who : {"buyer", "clerk", "auditor"}) {
    CAPTURE(who);
    CHECK(shop.get(who, Service::purchase, at(purchase, now)).status == 200);
    CHECK(shop.get(who, Service::purchase, purchase + "/history").status == 200);
    CHECK(shop.get(who, Service::delivery, at(delivery, now)).status == 200);
    CHECK(shop.ids(who, Service::purchase, "/purchases", now) == std::set{id});
    CHECK(shop.ids(who, Service::delivery, "/deliveries", now) == std::set{id});
  }
  const auto stranger_sees_nothing = [&] {
    const std::string as_of = "?asOf=" + std::to_string(now);
    for (const auto& [service, path] :
         {std::pair(Service::purchase, purchase),
          std::pair(Service::purchase, purchase + "/history"),
          std::pair(Service::purchase, purchase + as_of), std::pair(Service::delivery, delivery),
          std::pair(Service::delivery, delivery + "/history"),
          std::pair(Service::delivery, delivery + "/events"),
          std::pair(Service::delivery, delivery + as_of)}) {
      CAPTURE(path);
      CHECK(shop.get("buyer2", service, path).status == 404);
    }
    CHECK(shop.ids("buyer2", Service::purchase, "/purchases", now).empty());
    CHECK(shop.ids("buyer2", Service::delivery, "/deliveries?include=closed", now).empty());
    // Neither the version nor the rules tell that it is there.
    for (const HttpClient::Fields& fields :
         {HttpClient::Fields{}, HttpClient::Fields{{"If-Match", "\"1.0\""}}}) {
      CHECK(shop.send("buyer2", Service::purchase, "POST", purchase + "/cancellation", {}, fields)
                .status == 404);
      CHECK(shop.send("buyer2", Service::delivery, "POST", delivery + "/receipt", {}, fields)
                .status == 404);
    }
    CHECK(shop.get("carrier2", Service::delivery, delivery).status == 404);
    CHECK(shop.ids("carrier2", Service::delivery, "/deliveries", now).empty());
    CHECK(shop.scan_by("carrier2", id, "LOGEN", "delivered").status == 404);
  };
  stranger_sees_nothing();

  // The carrier is whoever the first scan names, and that is not for a carrier to say.
  CHECK(shop.get("carrier", Service::delivery, delivery).status == 404);
  CHECK(shop.scan_by("carrier", id, "CJ", "label-created").status == 404);
  const Reply label = shop.scan_by("clerk", id, "CJ", "label-created");
  REQUIRE(label.status == 200);
  const Reply seen = shop.get("carrier", Service::delivery, at(delivery, label.position()));
  CHECK(seen.status == 200);
  CHECK(seen.json.at("recipient") == "홍길동");
  CHECK(shop.ids("carrier", Service::delivery, "/deliveries", label.position()) == std::set{id});
  CHECK(shop.scan_by("carrier", id, "LOGEN", "picked-up").code() == "forbidden");
  CHECK(shop.scan_by("carrier", id, "CJ", "picked-up").status == 200);
  CHECK(shop.scan_by("carrier", id, "CJ", "delivered").status == 200);
  stranger_sees_nothing();

  // Closed deliveries are not in the writer's memory; the same holds for them.
  CHECK(shop.send("buyer", Service::delivery, "POST", delivery + "/receipt").status == 200);
  stranger_sees_nothing();
  CHECK(shop.send("buyer", Service::delivery, "POST", delivery + "/receipt").status == 200);
  CHECK(shop.send("buyer", Service::purchase, "POST", purchase + "/cancellation").code() ==
        "purchase-closed");
  CHECK(shop.scan_by("carrier", id, "CJ", "in-transit").code() == "purchase-closed");
}

TEST_CASE("Who has several roles does with each what that role may, and no more") {
  OwnedShop shop;
  shop.keys.add("both", "roles = [\"buyer\", \"carrier\"]\ncarrier = \"CJ\"");
  shop.keys.add("looker", "roles = [\"buyer\", \"auditor\"]");
  shop.shop.jangbu.signal(SIGHUP);
  wait_until("the keys", [&] {
    return shop.get("looker", Service::operations, "/me").status == 200 &&
           shop.get("both", Service::operations, "/me").status == 200;
  });
  shop.list_product("clerk", "차");
  shop.open_account("buyer", "홍길동");
  const Reply bought = shop.buy("buyer", "차");
  const std::string id = id_of(bought.json);
  const std::string purchase = "/purchases/" + id;
  const std::uint64_t position = shop.scan_by("clerk", id, "CJ", "label-created").position();

  // The carrier's part sees the delivery, and not the purchase.
  CHECK(shop.get("both", Service::delivery, at("/deliveries/" + id, position)).status == 200);
  CHECK(shop.ids("both", Service::delivery, "/deliveries", position) == std::set{id});
  CHECK(shop.ids("both", Service::purchase, "/purchases", position).empty());
  for (const std::string& path :
       {purchase, purchase + "/history", purchase + "?asOf=" + std::to_string(position)})
    CHECK(shop.get("both", Service::purchase, path).status == 404);

  // The auditor's part sees all, and changes nothing.
  CHECK(shop.ids("looker", Service::purchase, "/purchases", position) == std::set{id});
  CHECK(shop.get("looker", Service::account, "/accounts/me").code() == "account-not-found");
  for (const char* who : {"both", "looker"}) {
    CAPTURE(who);
    CHECK(shop.send(who, Service::purchase, "POST", purchase + "/cancellation").status == 404);
  }
  shop.scan_by("clerk", id, "CJ", "delivered");
  const std::string receipt = "/deliveries/" + id + "/receipt";
  CHECK(shop.send("buyer", Service::delivery, "POST", receipt).status == 200);
  for (const char* who : {"both", "looker"}) {
    CAPTURE(who);
    CHECK(
        shop.send(who, Service::delivery, "POST", receipt, {}, {{"Idempotency-Key", "k"}}).status ==
        404);
  }

  // As buyers they have what is theirs.
  const std::string own = id_of(shop.open_account("both", "김택배").json);
  const Reply mine = shop.buy("both", "차");
  CHECK(shop.ids("both", Service::purchase, "/purchases", mine.position()) ==
        std::set{id_of(mine.json)});
  CHECK(shop.ids("both", Service::delivery, "/deliveries?buyerId=" + own, mine.position()) ==
        std::set{id_of(mine.json)});
}

TEST_CASE("Quotes and idempotency keys are those of whoever asked") {
  OwnedShop shop;
  shop.list_product("clerk", "차");
  shop.open_account("buyer", "홍길동");
  shop.open_account("buyer2", "김영희");
  const Json order{{"product", "차"}, {"quantity", 1}};
  const Reply quote = shop.send("buyer", Service::purchase, "POST", "/quotes", order);
  REQUIRE(quote.status == 200);
  CHECK(quote.json.at("buyer").at("name") == "홍길동");
  const Json confirmation{{"quoteId", quote.json.at("quoteId")}};
  CHECK(shop.send("buyer2", Service::purchase, "POST", "/purchases", confirmation).code() ==
        "quote-invalid");
  const Reply confirmed = shop.send("buyer", Service::purchase, "POST", "/purchases", confirmation);
  CHECK(confirmed.status == 201);
  CHECK(shop.send("buyer2", Service::purchase, "POST", "/purchases", confirmation).code() ==
        "quote-invalid");

  const HttpClient::Fields key{{"Idempotency-Key", "one"}};
  const Reply first = shop.buy("buyer", "차", key);
  const Reply other = shop.buy("buyer2", "차", key);
  CHECK(first.status == 201);
  CHECK(other.status == 201);
  CHECK(id_of(first.json) != id_of(other.json));
  CHECK(id_of(shop.buy("buyer", "차", key).json) == id_of(first.json));
  CHECK(id_of(shop.buy("buyer2", "차", key).json) == id_of(other.json));

  // A clerk names the buyer.
  CHECK(shop.send("clerk", Service::purchase, "POST", "/purchases", order).code() ==
        "invalid-field");
  CHECK(shop.send("clerk", Service::purchase, "POST", "/purchases",
                  {{"buyer", "홍길동"}, {"product", "차"}, {"quantity", 1}})
            .status == 201);
}

TEST_CASE(
    "What was done under a key while access control was off stays the owner's and the clerks'") {
  OwnedShop shop;
  shop.list_product("clerk", "차");
  shop.open_account("buyer", "홍길동");
  const Json of_hong{{"buyer", "홍길동"}, {"product", "차"}, {"quantity", 1}};
  const Json vase = product("청자", 1'000, 100), row = product("백자", 1'000, 100);
  const Json of_kim = account("김영희");
  const auto key = [](const char* name) {
    return HttpClient::Fields{{"Idempotency-Key", std::string(name) + "-before"}};
  };
  // One row: its result. HttpClient takes no answer in pieces.
  const auto import_row = [&](const ServeProcess& by, const std::string& credential) {
    const std::string body = row.dump();
    Client client(by.port(Service::product));
    client.send("POST /products:import HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\nContent-Type: application/x-ndjson\r\n" +
                "Idempotency-Key: import-before\r\n" + credential + "\r\n" + body);
    return Json::parse(client.read_answer().body);
  };

  ServeProcess::Options open = shop.shop.options();
  open.flags = {"--no-projector"};
  Reply bought, listed, opened;
  Json imported;
  CHECK(shop.shop.jangbu.stop() == 0);
  {
    ServeProcess before(std::move(open));
    bought = before.client(Service::purchase).post("/purchases", of_hong, key("buy"));
    listed = before.client(Service::product).post("/products", vase, key("list"));
    opened = before.client(Service::account).post("/accounts", of_kim, key("open"));
    imported = import_row(before, "");
  }
  shop.shop.jangbu.start();
  REQUIRE(bought.status == 201);
  REQUIRE(listed.status == 201);
  REQUIRE(opened.status == 201);
  REQUIRE(imported.at("status") == 201);
  CHECK(shop.get("clerk", Service::account, at("/accounts", imported.at("position"))).status ==
        200);

  const auto buy_again = [&](const char* who) {
    return shop.send(who, Service::purchase, "POST", "/purchases", of_hong, key("buy"));
  };
  CHECK(id_of(buy_again("clerk").json) == id_of(bought.json));
  CHECK(id_of(buy_again("buyer").json) == id_of(bought.json));
  CHECK(buy_again("buyer2").code() == "forbidden");

  // What belongs to nobody: a stranger may well give the command, and hears that the key is used.
  const auto list_again = [&](const char* who) {
    return shop.send(who, Service::product, "POST", "/products", vase, key("list"));
  };
  const auto open_again = [&](const char* who) {
    return shop.send(who, Service::account, "POST", "/accounts", of_kim, key("open"));
  };
  CHECK(id_of(list_again("clerk").json) == id_of(listed.json));
  CHECK(list_again("seller").code() == "idempotency-key-reused");
  CHECK(id_of(open_again("clerk").json) == id_of(opened.json));
  CHECK(open_again("buyer2").code() == "idempotency-key-reused");

  const auto import_again = [&](const char* who) {
    return import_row(shop.shop.jangbu, "Authorization: Bearer " + shop.keys.key(who) + "\r\n");
  };
  const Json to_clerk = import_again("clerk");
  CHECK(to_clerk.at("id") == imported.at("id"));
  CHECK(to_clerk.at("replayed") == true);
  CHECK(import_again("seller").at("problem").at("code") == "idempotency-key-reused");
}

TEST_CASE("A seller changes its own products, and sends off what it sold") {
  OwnedShop shop;
  shop.open_account("buyer", "홍길동");
  const Json own = shop.list_product("seller", "백자");
  const Json strange = shop.list_product("seller2", "청자");
  const Json shops = shop.list_product("clerk", "차");
  const std::string path = "/products/" + id_of(own);
  const Json price{{"unitPrice", won(2'000)}};

  CHECK(shop.send("seller", Service::product, "PUT", path + "/price", price).status == 200);
  CHECK(shop.send("seller", Service::product, "POST", path + "/stock", {{"change", 5}}).status ==
        200);
  for (const Json& other : {strange, shops}) {
    const std::string others = "/products/" + id_of(other);
    CHECK(shop.send("seller", Service::product, "PUT", others + "/price", price).code() ==
          "forbidden");
    CHECK(shop.send("seller", Service::product, "PUT", others + "/price", price,
                    {{"If-Match", "\"1.0\""}})
              .code() == "forbidden");
    CHECK(
        shop.send("seller", Service::product, "POST", others + "/stock", {{"change", 5}}).code() ==
        "forbidden");
    CHECK(shop.send("seller", Service::product, "DELETE", others).code() == "forbidden");
    CHECK(shop.send("clerk", Service::product, "PUT", others + "/price", price).status == 200);
  }
  CHECK(shop.get("seller", Service::product, "/products").status == 200);

  const std::string sold = id_of(shop.buy("buyer", "백자").json);
  CHECK(shop.scan_by("seller2", sold, "CJ", "label-created").status == 404);
  CHECK(shop.scan_by("seller", sold, "CJ", "picked-up").code() == "forbidden");
  CHECK(shop.scan_by("seller", sold, "CJ", "label-created").status == 200);
  CHECK(shop.scan_by("seller", sold, "CJ", "label-created").status == 200);  // the same again
  CHECK(shop.scan_by("seller", sold, "LOGEN", "label-created").code() == "forbidden");
  CHECK(shop.scan_by("carrier", sold, "CJ", "picked-up").status == 200);
  CHECK(shop.send("seller", Service::product, "DELETE", path).status == 200);
}

TEST_CASE("A buyer's stream has what becomes of its own deliveries") {
  OwnedShop shop;
  shop.list_product("clerk", "차");
  shop.open_account("buyer2", "김영희");
  const auto follow = [&](const char* who, const std::string& target) {
    return std::make_unique<EventStream>(shop.shop.jangbu.port(Service::delivery), target, "0.0",
                                         "Authorization: Bearer " + shop.keys.key(who) + "\r\n");
  };
  CHECK(follow("buyer", "/deliveries/events")->status() == 404);
  shop.open_account("buyer", "홍길동");
  CHECK(follow("carrier", "/deliveries/events")->status() == 403);
  const auto buyers = follow("buyer", "/deliveries/events");
  const auto clerks = follow("clerk", "/deliveries/events");
  const std::string strange = id_of(shop.buy("buyer2", "차").json);
  const std::string first = id_of(shop.buy("buyer", "차").json);
  const Reply last = shop.buy("buyer", "차");
  for (const std::string& id : {strange, first, id_of(last.json)})
    CHECK(clerks->next().value().data.at("deliveryId") == id);
  for (const std::string& id : {first, id_of(last.json)})
    CHECK(buyers->next().value().data.at("deliveryId") == id);

  CHECK(shop.get("buyer", Service::delivery, at("/deliveries/" + first, last.position())).status ==
        200);
  CHECK(follow("buyer", "/deliveries/" + first + "/events")->next().value().data.at("status") ==
        "preparing");
  CHECK(follow("buyer", "/deliveries/" + strange + "/events")->status() == 404);
}

TEST_CASE("The log says who did what, and only the staff reads it") {
  OwnedShop shop;
  shop.list_product("clerk", "차");
  const std::string own = id_of(shop.open_account("buyer", "홍길동").json);
  shop.buy("buyer", "차");
  std::vector<std::string> actors;
  const Json events = shop.get("auditor", Service::operations, "/events").json.at("items");
  for (const Json& event : events) actors.push_back(event.at("actor"));
  CHECK(actors == std::vector<std::string>{"key:clerk", "key:buyer", "account/" + own});

  const Reply changed = shop.send("clerk", Service::account, "PATCH", "/accounts/" + own,
                                  {{"membershipLevel", "VIP"}});
  CHECK(changed.status == 200);
  const std::string history = at("/accounts/" + own + "/history", changed.position());
  const Json to_clerk = shop.get("clerk", Service::account, history).json.at("items");
  REQUIRE(to_clerk.size() == 2);
  CHECK(to_clerk.at(1).at("actor") == "key:clerk");
  const Json to_buyer = shop.get("buyer", Service::account, history).json.at("items");
  CHECK(to_buyer.size() == 2);
  for (const Json& event : to_buyer) CHECK_FALSE(event.contains("actor"));
}
