#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <future>
#include <utility>
#include <vector>

#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

struct Command {
  const char* what;
  HttpClient& service;
  std::string method;
  std::string target;
  std::string body;
  int status;
};

// Fields the other way round, all characters escaped that can be, and numbers with a fraction.
std::string written_otherwise(const std::string& body) {
  const std::function<std::string(const Json&)> write = [&](const Json& json) -> std::string {
    if (json.is_number_integer()) return json.dump() + ".0";
    if (!json.is_object()) return json.dump(-1, ' ', true);
    std::string fields;
    for (const auto& [name, value] : json.items()) {
      std::string field = " ";
      field += Json(name).dump() + " :\t" + write(value);
      fields = fields.empty() ? field : field + "," + fields;
    }
    return "{" + fields + "\r\n}";
  };
  return write(Json::parse(body));
}

Reply send(const Command& command, const std::string& key, const std::string& body) {
  return command.service.send(command.method, command.target, body,
                              {{"Content-Type", "application/json"}, {"Idempotency-Key", key}});
}

}  // namespace

TEST_CASE("A command repeated with its idempotency key is answered again, not done again") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const Json buyer = open_account(shop, "김영희");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string account_path = "/accounts/" + id_of(buyer);
  const std::string product_path = "/products/" + id_of(tea);
  const std::string kept = id_of(buy(shop, "김영희", "쑥차 50g"));
  const std::string cancelled = id_of(buy(shop, "김영희", "쑥차 50g"));
  const Json quote = ask_for_quote(shop, "김영희", "쑥차 50g");
  const std::string delivery_path = "/deliveries/" + kept;

  const std::vector<Command> commands{
      {"open", accounts, "POST", "/accounts", account("홍길동").dump(), 201},
      {"move", accounts, "PUT", account_path + "/address", address("London", "N1").dump(), 200},
      {"rename", accounts, "PATCH", account_path, Json{{"name", "김철수"}}.dump(), 200},
      {"list", products, "POST", "/products", product("한지 노트", 1, 1).dump(), 201},
      {"stock", products, "POST", product_path + "/stock", Json{{"change", 2}}.dump(), 200},
      {"buy", purchases, "POST", "/purchases", one_line("김철수", "쑥차 50g").dump(), 201},
      {"price", products, "PUT", product_path + "/price", Json{{"unitPrice", won(5)}}.dump(), 200},
      {"cancel", purchases, "POST", "/purchases/" + cancelled + "/cancellation", "{}", 200},
      {"scan", deliveries, "POST", delivery_path + "/scans",
       scan("delivered", "2026-03-03T14:10:00Z").dump(), 200},
      {"receive", deliveries, "POST", delivery_path + "/receipt", "", 200},
      {"withdraw", products, "DELETE", product_path, "", 200},
      {"close", accounts, "DELETE", account_path, "", 200},
  };

  std::vector<Reply> first;
  for (const Command& command : commands) {
    CAPTURE(command.what);
    const Reply reply = send(command, command.what, command.body);
    CAPTURE(reply.body);
    REQUIRE(reply.status == command.status);
    CHECK_FALSE(reply.has("idempotent-replayed"));
    const Reply again = send(command, command.what, command.body);
    CHECK(again.status == reply.status);
    CHECK(again.json == reply.json);
    CHECK(again.header("idempotent-replayed") == "true");
    CHECK(again.position() == reply.position());
    CHECK(again.header("location") == reply.header("location"));
    CHECK(again.header("etag") == reply.header("etag"));
    first.push_back(reply);
  }
  const auto events = jangbu::test::read_ledger(shop.nats).correlations;

  // The same request, however it is written, under the same key, however that is.
  for (std::size_t i = 0; i < commands.size(); ++i) {
    Command other = commands[i];
    CAPTURE(other.what);
    if (!other.body.empty()) other.body = written_otherwise(other.body);
    const Reply again = send(other, '"' + std::string(other.what) + '"', other.body);
    CHECK(again.status == first[i].status);
    CHECK(again.json == first[i].json);
    CHECK(again.header("idempotent-replayed") == "true");
  }

  // The same key with another request.
  for (const Command& command : commands) {
    CAPTURE(command.what);
    const Command& other = commands[command.method == "POST" ? 1 : 0];
    const Reply reply = send(other, command.what, other.body);
    CHECK(reply.status == 422);
    CHECK(reply.code() == "idempotency-key-reused");
  }
  CHECK(send(commands[0], "open", account("홍길순").dump()).code() == "idempotency-key-reused");
  const Reply two = accounts.send("POST", "/accounts", commands[0].body,
                                  {{"Content-Type", "application/json"},
                                   {"Idempotency-Key", "open"},
                                   {"Idempotency-Key", "open"}});
  CHECK(two.status == 400);
  CHECK(two.code() == "malformed-request");

  // After a restart, when everything has changed since, and the process has forgotten it all.
  REQUIRE(shop.jangbu.stop() == 0);
  shop.jangbu.start();
  for (std::size_t i = 0; i < commands.size(); ++i) {
    CAPTURE(commands[i].what);
    const Reply again = send(commands[i], commands[i].what, commands[i].body);
    CHECK(again.status == first[i].status);
    CHECK(again.header("idempotent-replayed") == "true");
    CHECK(again.json == first[i].json);
    CHECK(again.header("etag") == first[i].header("etag"));
  }
  CHECK(read_ledger(shop.nats).correlations == events);

  // A refusal changed nothing, and is decided afresh.
  const Command sold_out{
      "more", purchases, "POST", "/purchases", one_line("홍길동", "한지 노트", 2).dump(), 201};
  CHECK(send(sold_out, "more", sold_out.body).code() == "insufficient-stock");
  const std::string notebook = id_of(first[3].json);
  REQUIRE(products.post("/products/" + notebook + "/stock", {{"change", 1}}).status == 200);
  CHECK(send(sold_out, "more", sold_out.body).status == 201);
  CHECK(send(sold_out, "more", sold_out.body).header("idempotent-replayed") == "true");
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A command that had nothing to change is remembered by its key, too") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const Json buyer = open_account(shop, "김영희");
  const Json other = open_account(shop, "홍길동");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);
  const Json gone = list_product(shop, "한지 노트", 1, 1);
  const std::string account_path = "/accounts/" + id_of(buyer);
  const std::string product_path = "/products/" + id_of(tea);
  const Json quote{{"quoteId", ask_for_quote(shop, "김영희", "쑥차 50g").at("quoteId")}};
  const Reply bought = purchases.post("/purchases", quote);
  REQUIRE(bought.status == 201);
  const std::string delivery_path = "/deliveries/" + id_of(bought.json);
  const std::string label = scan("label-created", "2026-03-02T09:00:00Z").dump();
  const std::string end = scan("delivered", "2026-03-03T14:10:00Z").dump();

  std::vector<std::pair<Command, Reply>> done;
  const auto finds_it_done = [&](Command command) {
    CAPTURE(command.what);
    const Reply reply = send(command, command.what, command.body);
    CAPTURE(reply.body);
    CHECK(reply.status == command.status);
    done.emplace_back(std::move(command), reply);
    return reply;
  };
  const auto ok = [](const Reply& reply) {
    REQUIRE(reply.status == 200);
    return reply.json;
  };
  const auto is_first_answer = [](const Reply& reply) {
    CHECK_FALSE(reply.has("idempotent-replayed"));
  };

  const Json moved = ok(accounts.put(account_path + "/address", address("London", "N1")));
  is_first_answer(finds_it_done(
      {"move", accounts, "PUT", account_path + "/address", address("London", "N1").dump(), 200}));
  is_first_answer(finds_it_done(
      {"rename", accounts, "PATCH", account_path, Json{{"name", "김영희"}}.dump(), 200}));
  const Reply price = finds_it_done({"price", products, "PUT", product_path + "/price",
                                     Json{{"unitPrice", won(9'500)}}.dump(), 200});
  CHECK(price.json.at("stock") == 19);
  ok(deliveries.post(delivery_path + "/scans", Json::parse(label)));
  is_first_answer(
      finds_it_done({"scan", deliveries, "POST", delivery_path + "/scans", label, 200}));
  CHECK(finds_it_done({"quote", purchases, "POST", "/purchases", quote.dump(), 201}).json ==
        bought.json);
  const Json unkeyed = ok(accounts.put(account_path + "/address", address("London", "N1")));
  CHECK(unkeyed == moved);

  // Others change it all.
  const Reply elsewhere = accounts.put(account_path + "/address", address("부산", "48094"));
  ok(elsewhere);
  buy(shop, "김영희", "쑥차 50g", 3);
  ok(products.put(product_path + "/price", {{"unitPrice", won(5)}}));
  ok(deliveries.post(delivery_path + "/scans", Json::parse(end)));
  ok(deliveries.post(delivery_path + "/receipt", Json::object()));
  ok(products.send("DELETE", "/products/" + id_of(gone), "", {}));
  ok(accounts.send("DELETE", "/accounts/" + id_of(other), "", {}));

  is_first_answer(
      finds_it_done({"receive", deliveries, "POST", delivery_path + "/receipt", "", 200}));
  is_first_answer(
      finds_it_done({"scan-of-old", deliveries, "POST", delivery_path + "/scans", label, 200}));
  is_first_answer(
      finds_it_done({"withdraw", products, "DELETE", "/products/" + id_of(gone), "", 200}));
  is_first_answer(
      finds_it_done({"close", accounts, "DELETE", "/accounts/" + id_of(other), "", 200}));

  const auto check_repeats = [&] {
    for (const auto& [command, first] : done) {
      CAPTURE(command.what);
      const Reply again = send(command, command.what, command.body);
      CAPTURE(again.body);
      CHECK(again.status == first.status);
      CHECK(again.json == first.json);
      CHECK(again.header("idempotent-replayed") == "true");
      CHECK(again.position() == first.position());
      CHECK(again.header("location") == first.header("location"));
      CHECK(again.header("etag") == first.header("etag"));
    }
  };
  check_repeats();
  const Ledger ledger = read_ledger(shop.nats);
  const Command another{
      "move", products, "PUT", product_path + "/price", Json{{"unitPrice", won(7)}}.dump(), 200};
  CHECK(send(another, "receive", another.body).code() == "idempotency-key-reused");
  CHECK(send(another, "scan", another.body).code() == "idempotency-key-reused");

  // It is as the others left it, its version and its history have no part in this.
  Reply reply = accounts.get(at(account_path, ledger.end.value));
  CHECK(reply.json == elsewhere.json);
  CHECK(reply.header("etag") == elsewhere.header("etag"));
  CHECK(accounts.get(account_path + "/history").json.at("items").size() == 3);
  CHECK(deliveries.get(delivery_path + "/history").json.at("items").size() == 4);
  reply = shop.operations().get("/events?type=NothingChanged");
  CHECK(reply.json.at("items").size() == done.size());

  REQUIRE(shop.jangbu.stop() == 0);
  shop.jangbu.start();
  check_repeats();
  CHECK(read_ledger(shop.nats).correlations == ledger.correlations);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A key that is in flight is not taken again") {
  Shop shop;
  HttpClient purchases = shop.purchases(), operations = shop.operations();
  open_account(shop, "김영희");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);
  const Json order = one_line("김영희", "쑥차 50g");
  const HttpClient::Fields key{{"Idempotency-Key", "once"}};

  shop.nats.pause();
  auto buyer = std::async(std::launch::async,
                          [&] { return shop.purchases().post("/purchases", order, key); });
  wait_until("the first to be in flight", [&] {
    return operations.get("/health/ready").json.at("checks").at("writer").at("queued") == 1;
  });
  const Reply second = purchases.post("/purchases", order, key);
  shop.nats.resume();
  const Reply first = buyer.get();
  CHECK(second.status == 409);
  CHECK(second.code() == "idempotency-key-in-flight");
  REQUIRE(first.status == 201);
  const Reply third = purchases.post("/purchases", order, key);
  CHECK(third.json == first.json);
  CHECK(third.header("idempotent-replayed") == "true");
  CHECK(read_ledger(shop.nats).sold(id_of(tea)) == 1);
  CHECK(shop.jangbu.stop() == 0);
}
