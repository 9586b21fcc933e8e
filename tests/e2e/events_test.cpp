// The log as operations shows it, and as it can be followed there.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"
#include "tests/support/event_stream.hpp"

using namespace jangbu::test;

namespace {

std::vector<std::string> types_of(const Json& page) {
  std::vector<std::string> types;
  for (const Json& event : page.at("items")) types.push_back(event.at("type"));
  return types;
}

using Types = std::vector<std::string>;

}  // namespace

TEST_CASE("The log can be read as CloudEvents, page by page, by type and by entity") {
  Shop shop;
  HttpClient operations = shop.operations();
  Reply reply = operations.get("/events");
  CHECK(reply.status == 200);
  CHECK(reply.json == Json{{"items", Json::array()}, {"next", nullptr}});
  const std::uint64_t begin = reply.position();

  const Json buyer = open_account(shop, "홍길동");
  const Json tea = list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string purchase = id_of(buy(shop, "홍길동", "쑥차 50g"));
  record_scan(shop, purchase, "picked-up", "2026-03-03T14:10:00Z");
  const std::string other = id_of(buy(shop, "홍길동", "쑥차 50g"));

  reply = operations.get("/events");
  CHECK(types_of(reply.json) == Types{"AccountOpened", "ProductListed", "PurchaseCompleted",
                                      "DeliveryScanned", "PurchaseCompleted"});
  CHECK(reply.json.at("next").is_null());
  CHECK(reply.position() == begin + 5);
  const Json& opened = reply.json.at("items").at(0);
  CHECK(opened.at("specversion") == "1.0");
  CHECK(opened.at("id") == event_at(begin + 1));
  CHECK(opened.at("source") == "/jangbu/shop");
  CHECK(opened.at("subject") == "account/" + id_of(buyer));
  CHECK(opened.at("time") == buyer.at("openedAt"));
  CHECK(opened.at("data").at("name") == "홍길동");

  reply = operations.get("/events?limit=2");
  CHECK(types_of(reply.json) == Types{"AccountOpened", "ProductListed"});
  CHECK(reply.json.at("next") == event_at(begin + 3));
  reply = operations.get("/events?limit=2&from=" + event_at(begin + 3));
  CHECK(types_of(reply.json) == Types{"PurchaseCompleted", "DeliveryScanned"});
  reply = operations.get("/events?from=" + std::to_string(begin + 4));
  CHECK(types_of(reply.json) == Types{"DeliveryScanned", "PurchaseCompleted"});
  CHECK(operations.get("/events?from=" + std::to_string(begin + 6)).json.at("items").empty());

  reply = operations.get("/events?type=PurchaseCompleted");
  CHECK(types_of(reply.json) == Types{"PurchaseCompleted", "PurchaseCompleted"});
  reply = operations.get("/events?entity=" + purchase);
  CHECK(types_of(reply.json) == Types{"PurchaseCompleted", "DeliveryScanned"});
  reply = operations.get("/events?type=PurchaseCompleted&limit=1&entity=" + other);
  REQUIRE(reply.json.at("items").size() == 1);
  CHECK(reply.json.at("items").at(0).at("id") == event_at(begin + 5));
  CHECK(reply.json.at("next").is_null());
}

TEST_CASE("A shop of another name has events of another source, and tells others where they are") {
  Shop shop({"--shop", "Seoul-2"});
  HttpClient operations = shop.operations();
  open_account(shop, "홍길동");
  const std::string source = "/jangbu/Seoul-2";
  CHECK(operations.get("/events").json.at("items").at(0).at("source") == source);
  EventStream stream(shop.jangbu.port(Service::operations), "/events/stream?lastEventId=0.0");
  CHECK(stream.next()->data.at("source") == source);

  const Reply api = operations.get("/asyncapi.json");
  CHECK(api.status == 200);
  CHECK(api.json.at("channels").at("AccountOpened").at("address") ==
        "jangbu.Seoul-2.account.AccountOpened");
  const Json links = operations.get("/").json.at("links");
  CHECK(std::ranges::count(links, "/asyncapi.json", [](const Json& link) {
          return link.at("href").get<std::string>();
        }) == 1);

  const Reply schema = operations.get("/schemas/AccountOpened/1");
  CHECK(schema.status == 200);
  CHECK(schema.header("content-type") == "application/schema+json");
  CHECK(schema.json.at("$id") == "jangbu:/schemas/AccountOpened/1");
  CHECK(operations.get("/schemas/AccountOpened/1", {{"If-None-Match", schema.header("etag")}})
            .status == 304);
  for (const char* target : {"/schemas/AccountOpened/77", "/schemas/NothingChanged/1"}) {
    const Reply none = operations.get(target);
    CHECK(none.status == 404);
    CHECK(none.code() == "not-found");
  }
}

TEST_CASE("A question to the log that is not understood names its field") {
  Shop shop;
  HttpClient operations = shop.operations();
  for (const auto& [query, field] :
       std::vector<std::pair<std::string, std::string>>{{"from=first", "from"},
                                                        {"from=-1", "from"},
                                                        {"from=1.", "from"},
                                                        {"type=PurchaseComplete", "type"},
                                                        {"entity=42", "entity"},
                                                        {"limit=0", "limit"},
                                                        {"limit=101", "limit"}}) {
    CAPTURE(query);
    const Reply reply = operations.get("/events?" + query);
    CHECK(reply.status == 422);
    CHECK(reply.code() == "invalid-field");
    CHECK(reply.json.at("field") == field);
  }
}

TEST_CASE("While the log is away a question to it is told so") {
  Shop shop;
  open_account(shop, "홍길동");
  shop.nats.kill();
  const Reply reply = shop.operations().get("/events");
  CHECK(reply.status == 503);
  CHECK(reply.code() == "unavailable");
  CHECK(reply.header("retry-after") == "1");
}

TEST_CASE("The log can be followed, from any event on, by type and by entity") {
  Shop shop({"--heartbeat-ms", "200"});
  HttpClient operations = shop.operations();
  const int port = shop.jangbu.port(Service::operations);
  const auto event = [begin = log_end(shop)](std::uint64_t number) {
    return event_at(begin + number);
  };
  EventStream live(port, "/events/stream");
  CHECK(live.status() == 200);
  CHECK(live.head().find("Content-Type: text/event-stream\r\n") != std::string::npos);

  const std::string buyer = id_of(open_account(shop, "홍길동"));
  list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string purchase = id_of(buy(shop, "홍길동", "쑥차 50g"));
  record_scan(shop, purchase, "picked-up", "2026-03-03T14:10:00Z");
  const std::string other = id_of(buy(shop, "홍길동", "쑥차 50g"));

  // Event for event what the list has.
  const Json items = operations.get("/events").json.at("items");
  REQUIRE(items.size() == 5);
  EventStream again(port, "/events/stream?lastEventId=0.0");
  EventStream resumed(port, "/events/stream", event(2));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto heard = live.next();
    REQUIRE(heard);
    CHECK(items[i].at("id") == heard->id);
    CHECK(heard->type == "event");
    CHECK(heard->data == items[i]);
    shop.jangbu.document(Service::operations)
        ->check_value({{"$ref", "#/components/schemas/CloudEvent"}}, heard->data);
    CHECK(again.next()->data == items[i]);
    if (i >= 2) CHECK(resumed.next()->data == items[i]);
  }
  live.await_heartbeat();

  const auto ids_on = [&](const std::string& query, std::size_t count) {
    EventStream stream(port, "/events/stream?" + query);
    REQUIRE(stream.status() == 200);
    std::vector<std::string> ids;
    while (ids.size() < count) ids.push_back(stream.next()->id);
    return ids;
  };
  using Ids = std::vector<std::string>;
  CHECK(ids_on("lastEventId=0.0&type=PurchaseCompleted", 2) == Ids{event(3), event(5)});
  CHECK(ids_on("lastEventId=0.0&entity=" + purchase, 2) == Ids{event(3), event(4)});
  CHECK(ids_on("lastEventId=" + event(3) + "&entity=" + purchase, 1) == Ids{event(4)});
  CHECK(ids_on("lastEventId=0.0&entity=" + buyer, 1) == Ids{event(1)});
  CHECK(ids_on("lastEventId=0.0&type=DeliveryScanned&entity=" + purchase, 1) == Ids{event(4)});

  // What comes is told to those whom it concerns.
  EventStream of_type(port, "/events/stream?type=ReceiptConfirmed");
  EventStream of_entity(port, "/events/stream?entity=" + purchase);
  EventStream of_both(port,
                      "/events/stream?lastEventId=0.0&type=ReceiptConfirmed&entity=" + purchase);
  EventStream of_nobody(port, "/events/stream?entity=0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39");
  record_scan(shop, other, "delivered", "2026-03-04T09:00:00Z");
  record_scan(shop, purchase, "delivered", "2026-03-04T10:00:00Z");
  REQUIRE(shop.deliveries().post("/deliveries/" + purchase + "/receipt", Json::object()).status ==
          200);
  for (const unsigned number : {6, 7, 8}) CHECK(live.next()->id == event(number));
  CHECK(of_type.next()->id == event(8));
  CHECK(of_entity.next()->id == event(7));
  CHECK(of_entity.next()->id == event(8));
  CHECK(of_both.next()->id == event(8));
  of_nobody.await_heartbeat();

  // That nothing changed is an event of the log, but of no entity's history: whoever hears of one
  // entity hears the same live and later.
  EventStream of_buyer(port, "/events/stream?entity=" + buyer);
  const auto patch = [&](std::string_view body) {
    return shop.accounts().send(
        "PATCH", "/accounts/" + buyer, body,
        {{"Content-Type", "application/json"}, {"Idempotency-Key", std::to_string(body.size())}});
  };
  CHECK(patch("{}").status == 200);
  CHECK(patch(R"({"membershipLevel":"GOLD"})").status == 200);
  const auto unchanged = live.next();
  CHECK(unchanged->id == event(9));
  CHECK(unchanged->data.at("type") == "NothingChanged");
  CHECK(live.next()->id == event(10));
  CHECK(of_buyer.next()->id == event(10));
  CHECK(ids_on("lastEventId=" + event(1) + "&entity=" + buyer, 1) == Ids{event(10)});
  CHECK(operations.get("/metrics").body.find("jangbu_sse_subscribers{stream=\"events\"}") !=
        std::string::npos);

  CHECK(shop.jangbu.stop() == 0);
  CHECK_FALSE(live.next());
  CHECK(live.clean_end());
}

TEST_CASE("What of the log cannot be followed is refused") {
  Shop shop;
  HttpClient operations = shop.operations();
  const int port = shop.jangbu.port(Service::operations);
  CHECK(EventStream(port, "/events/stream", "yesterday").status() == 400);
  CHECK(EventStream(port, "/events/stream", "999999.0").status() == 422);
  for (const std::string query : {"type=PurchaseComplete", "entity=42"}) {
    const Reply reply = operations.get("/events/stream?" + query);
    CHECK(reply.status == 422);
    CHECK(reply.json.at("field") == query.substr(0, query.find('=')));
  }
  const Reply head = operations.send("HEAD", "/events/stream", {}, {});
  CHECK(head.status == 200);
  CHECK(head.header("content-type") == "text/event-stream");
}

TEST_CASE("Streams that are asked for while NATS or PostgreSQL is away begin when they are back") {
  Shop shop;
  const Json opened = open_account(shop, "홍길동");
  const std::string account = id_of(opened);
  const std::string first = opened.at("version");
  const int port = shop.jangbu.port(Service::operations);
  const std::string past = "/events/stream?lastEventId=0.0&entity=" + account;
  shop.postgres.stop();
  // What comes needs no read model; what an entity has behind it does.
  EventStream without_read_model(port, past);
  shop.nats.kill();
  EventStream now(port, "/events/stream");
  EventStream resumed(port, "/events/stream", "0.0");
  EventStream deliveries(shop.jangbu.port(Service::delivery), "/deliveries/events");
  EventStream without_either(port, past);
  for (EventStream* stream : {&without_read_model, &now, &resumed, &deliveries, &without_either})
    CHECK(stream->status() == 200);
  shop.nats.start();
  CHECK(resumed.next()->id == first);
  shop.postgres.start();
  CHECK(without_read_model.next()->id == first);
  CHECK(without_either.next()->id == first);
  wait_until(
      "commands are taken", [&] { return shop.operations().get("/health/ready").status == 200; },
      60s);
  const Json next = open_account(shop, "김영희");
  CHECK(now.next()->data.at("type") == "AccountOpened");
  CHECK(now.last_event_id() == next.at("version"));
}

// The page shows a shop that is busy: a stream must keep up with far more than it can show. A
// client that reads too slowly (a sanitizer's does) is cut off, and misses nothing when it comes
// back.
TEST_CASE("Who follows the log misses none of thousands of events a second", "[busy]") {
  constexpr std::uint64_t accounts = 20'000;
  Shop shop;
  const int port = shop.jangbu.port(Service::operations);
  const std::string begin = event_at(log_end(shop));
  auto live = std::make_unique<EventStream>(port, "/events/stream");
  std::string rows;
  for (std::uint64_t i = 0; i < accounts; ++i)
    rows += R"({"name":"손님 )" + std::to_string(i) +
            R"(","address":{"line":"세종대로 175","zipCode":"03172"}})" + "\n";
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  auto imported = std::async(std::launch::async, [&] {
    Client client(shop.jangbu.port(Service::account));
    client.send(
        "POST /accounts:import HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/x-ndjson\r\n"
        "Content-Length: " +
        std::to_string(rows.size()) + "\r\n\r\n" + rows);
    const int status = client.read_answer().status;
    return std::pair(status, Clock::now());
  });
  std::string last = begin;
  int cut_off = 0;  // where this client is too slow for it: it comes back, as browsers do
  for (std::uint64_t heard = 0; heard < accounts; ++heard) {
    auto event = live->next();
    for (; !event && cut_off < 100; ++cut_off) {
      REQUIRE_FALSE(live->clean_end());
      live = std::make_unique<EventStream>(port, "/events/stream", last);
      REQUIRE(live->status() == 200);
      event = live->next();
    }
    REQUIRE(event);
    const auto place = [](const std::string& id) {
      const std::size_t dot = id.find('.');
      return std::pair(std::stoull(id.substr(0, dot)), std::stoull(id.substr(dot + 1)));
    };
    const auto [position, index] = place(event->id);
    const auto [last_position, last_index] = place(last);
    REQUIRE((position == last_position ? index == last_index + 1
                                       : position == last_position + 1 && index == 0));
    last = event->id;
  }
  const std::chrono::duration<double> took = Clock::now() - began;
  const auto [status, done] = imported.get();
  CHECK(status == 200);
  const std::chrono::duration<double> importing = done - began;
  WARN("imported in " << importing.count() << " s, heard in " << took.count() << " s, cut off "
                      << cut_off << " times");
}
