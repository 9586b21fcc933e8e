// `--no-writer`: a second process beside a shop that answers queries and takes no commands.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/support/event_stream.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

void check_turned_away(const Reply& reply) {
  CAPTURE(reply.body);
  CHECK(reply.status == 503);
  CHECK(reply.code() == "not-ready");
  CHECK_THAT(reply.json.value("detail", ""), ContainsSubstring("--no-writer"));
  CHECK(reply.has("retry-after"));
}

void check_stops(ServeProcess& process) {
  CHECK(process.stop() == 0);
  CHECK(process.sanitizer_report() == "");
}

}  // namespace

TEST_CASE("Without a writer queries are answered and commands are turned away") {
  Shop shop;
  const std::string hong = "/accounts/" + id_of(open_account(shop, "홍길동"));
  const std::string tea = "/products/" + id_of(list_product(shop, "쑥차 50g", 9'500, 20));
  ServeProcess reader(shop.options({"--no-writer"}));
  HttpClient accounts = reader.client(Service::account), products = reader.client(Service::product),
             purchases = reader.client(Service::purchase),
             deliveries = reader.client(Service::delivery),
             operations = reader.client(Service::operations);
  EventStream stream(reader.port(Service::delivery), "/deliveries/events");
  REQUIRE(stream.status() == 200);

  const Json quote = ask_for_quote(shop, "홍길동", "쑥차 50g");
  Reply reply = shop.purchases().post("/purchases", {{"quoteId", quote.at("quoteId")}});
  REQUIRE(reply.status == 201);
  const Json bought = reply.json;
  const std::uint64_t position = reply.position();
  const std::string id = id_of(bought);

  CHECK(purchases.get(at("/purchases/" + id, position)).json == bought);
  CHECK(purchases.get("/purchases?buyer=" + percent_encoded("홍길동")).json.at("items").size() ==
        1);
  CHECK(products.get(at(tea, position)).json.at("stock") == 19);
  CHECK(accounts.get(hong).status == 200);
  CHECK(deliveries.get("/deliveries/" + id + "?asOf=" + std::to_string(position)).status == 200);
  CHECK(deliveries.get("/deliveries/" + id + "/history").json.at("items").size() == 1);
  CHECK(operations.get("/events").json.at("items").size() == 3);
  const auto begun = stream.next();
  REQUIRE(begun);
  CHECK(begun->id == std::to_string(position) + ".0");

  check_turned_away(accounts.post("/accounts", account("김영희")));
  check_turned_away(accounts.post("/accounts", Json::object()));
  check_turned_away(accounts.patch(hong, {{"membershipLevel", "GOLD"}}));
  check_turned_away(accounts.put(hong + "/address", address("London", "N1")));
  check_turned_away(accounts.delete_(hong));
  check_turned_away(accounts.send("POST", "/accounts:import", account("김영희").dump(),
                                  {{"Content-Type", "application/x-ndjson"}}));
  check_turned_away(products.post("/products", product("먹", 15'000, 1)));
  check_turned_away(products.put(tea + "/price", {{"unitPrice", won(1)}}));
  check_turned_away(products.post(tea + "/stock", {{"change", 1}}));
  check_turned_away(products.delete_(tea));
  check_turned_away(purchases.post("/quotes", one_line("홍길동", "쑥차 50g")));
  check_turned_away(purchases.post("/purchases", one_line("홍길동", "쑥차 50g")));
  check_turned_away(purchases.post("/purchases/" + id + "/cancellation", Json::object()));
  check_turned_away(
      deliveries.post("/deliveries/" + id + "/scans", scan("picked-up", "2026-03-02T09:00:00Z")));
  check_turned_away(deliveries.post("/deliveries/" + id + "/receipt", Json::object()));
  CHECK(operations.get("/events").position() == position);

  reply = operations.get("/health/ready");
  CHECK(reply.status == 200);
  CHECK(reply.json.at("status") == "up");
  CHECK(reply.json.at("checks").at("writer") == Json{{"status", "off"}});
  CHECK(reply.json.at("checks").at("projector").at("state") == "standby");
  const std::string metrics = operations.get("/metrics").body;
  for (const char* of_writers : {"jangbu_writer", "jangbu_commands", "jangbu_commit",
                                 "jangbu_idempotency", "jangbu_projection_lag_seconds"})
    CHECK_THAT(metrics, !ContainsSubstring(of_writers));
  CHECK_THAT(metrics, ContainsSubstring("\njangbu_projection_lag_commits "));
  CHECK_THAT(metrics, ContainsSubstring("jangbu_projection_state{state=\"standby\"} 1\n"));

  // What the shop goes on to do is heard here, too.
  record_scan(shop, id, "picked-up", "2026-03-02T09:00:00Z");
  const auto picked_up = stream.next();
  REQUIRE(picked_up);
  CHECK(picked_up->data.at("status") == "picked-up");

  check_stops(reader);
  CHECK_FALSE(stream.next());
  CHECK(stream.clean_end());
  check_stops(shop.jangbu);
}

TEST_CASE("Without writer and projector there are queries, as far as another process projects") {
  Shop shop;
  const Reply opened = shop.accounts().post("/accounts", account("홍길동"));
  REQUIRE(opened.status == 201);
  ServeProcess reader(shop.options({"--no-writer", "--no-projector"}));
  HttpClient accounts = reader.client(Service::account);
  CHECK(accounts.get(at(opened.header("location"), opened.position())).json == opened.json);
  check_turned_away(accounts.delete_(opened.header("location")));

  // The shop ends: everything that was projected can still be asked for.
  check_stops(shop.jangbu);
  CHECK(accounts.get(opened.header("location")).status == 200);
  CHECK(accounts.get(opened.header("location") + "?minPosition=99&waitMs=0").status == 503);

  // Queries are all its work: without the database it is not ready.
  HttpClient operations = reader.client(Service::operations);
  shop.postgres.kill();
  wait_until("the reader to notice", [&] { return operations.get("/health/ready").status == 503; });
  CHECK(operations.get("/health/ready").json.at("status") == "down");
  check_stops(reader);
}

TEST_CASE("A process without a writer projects what another one decides") {
  Shop shop;
  const std::string path = "/accounts/" + id_of(open_account(shop, "홍길동"));
  check_stops(shop.jangbu);
  ServeProcess reader(shop.options({"--no-writer"}));
  ServeProcess writer(shop.options({"--no-projector"}));
  const Reply changed = writer.client(Service::account).patch(path, {{"membershipLevel", "VIP"}});
  REQUIRE(changed.status == 200);
  for (ServeProcess* process : {&reader, &writer})
    CHECK(process->client(Service::account).get(at(path, changed.position())).json == changed.json);
  check_stops(writer);
  check_stops(reader);
}
