// The stream of public events, as other teams read it, and what looks after it.
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>
#include <string>
#include <vector>

#include "infra/eventlog/nats_connection.hpp"
#include "infra/eventlog/public_stream.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/support/openapi_check.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using jangbu::PublicStream;

namespace {

using Flags = std::vector<std::string>;

struct Ended {
  int status;
  std::string output;
};

// Runs the program, to its end, with the servers of this shop.
Ended run(const Shop& shop, Flags arguments) {
  const TemporaryFolder folder;
  arguments.insert(arguments.end(), {"--nats-url", shop.nats.url()});
  const auto process = run_jangbu(arguments, folder.path() / "log");
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

Json api(const Shop& shop, const std::string& call) {
  jangbu::NatsConnection connection(shop.nats.url(), "test", 10s);
  return Json::parse(jangbu::payload(*connection.request("$JS.API." + call, "", 10s)));
}

std::vector<Json> published(const Shop& shop) {
  PublicStream stream({.url = shop.nats.url()}, 10s);
  std::vector<Json> events;
  const auto state = stream.find();
  if (!state || state->messages == 0) return events;
  for (auto at = state->first; at <= state->last; ++at)
    events.push_back(Json::parse(stream.message(at)->data));
  return events;
}

void wait_until_published(const Shop& shop, const std::string& id) {
  wait_until("event " + id + " in the public stream", [&] {
    const auto events = published(shop);
    return !events.empty() && events.back().at("id") == id;
  });
}

}  // namespace

TEST_CASE("All that happens in a shop is published, as its schemas say") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products(), purchases = shop.purchases(),
             deliveries = shop.deliveries();
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  const std::string leaving = id_of(open_account(shop, "이몽룡"));
  accounts.put("/accounts/" + buyer + "/address", address("춘천시 1", "24200"));
  accounts.patch("/accounts/" + buyer, {{"membershipLevel", "GOLD"}});
  accounts.delete_("/accounts/" + leaving);
  const std::string product = id_of(list_product(shop, "한지 노트", 12'000, 10));
  const std::string gone = id_of(list_product(shop, "먹", 15'000, 1));
  const Json price{{"unitPrice", won(13'000)}};
  products.put("/products/" + product + "/price", price);
  // Twice with one key: the second time nothing changes, and the log remembers that.
  for (const char* key : {"one", "two"})
    products.put("/products/" + product + "/price", price, {{"Idempotency-Key", key}});
  products.post("/products/" + product + "/stock", {{"change", 5}, {"reason", "입고"}});
  products.delete_("/products/" + gone);
  const std::string cancelled = id_of(buy(shop, "홍길동", "한지 노트"));
  purchases.post("/purchases/" + cancelled + "/cancellation", {{"reason", "변심"}});
  const std::string kept = id_of(buy(shop, "홍길동", "한지 노트"));
  for (const char* status : {"picked-up", "delivered"})
    record_scan(shop, kept, status, "2026-03-01T09:30:00Z");
  REQUIRE(deliveries.post("/deliveries/" + kept + "/receipt", Json::object()).status == 200);

  std::vector<std::string> expected;
  std::set<std::string> types;
  const Json log = shop.operations().get("/events?limit=100").json;
  for (const Json& event : log.at("items")) {
    if (event.at("type") == "NothingChanged") continue;
    expected.push_back(event.at("id"));
    types.insert(event.at("type"));
  }
  CHECK(types.size() == 12);  // all there are
  wait_until_published(shop, expected.back());

  const auto document = shop.jangbu.document(Service::operations);
  std::vector<std::string> ids;
  for (const Json& event : published(shop)) {
    CAPTURE(event.dump());
    ids.push_back(event.at("id"));
    const std::string name = event.at("dataschema");
    const Json schema =
        Json::parse(shop.operations().get(name.substr(std::string("jangbu:").size())).body);
    CHECK_NOTHROW(document->check_value(schema, event.at("data")));
    CHECK(event.at("source") == "/jangbu/shop");
  }
  CHECK(ids == expected);
  const Reply ready = shop.operations().get("/health/ready");
  CHECK(ready.json.at("checks").at("publisher").at("status") == "up");
}

TEST_CASE("Without a publisher nothing is published, until one goes through the log") {
  Shop shop({"--no-publisher"});
  const std::string opened = open_account(shop, "홍길동").at("version");
  CHECK_FALSE(shop.operations().get("/health/ready").json.at("checks").contains("publisher"));
  CHECK(api(shop, "STREAM.INFO.SHOP_PUBLIC").at("error").at("err_code") == 10059);
  const ServeProcess other(shop.options({"--no-writer", "--no-projector"}));
  wait_until_published(shop, opened);
}

TEST_CASE("A log that lacks what other teams have heard of is not served") {
  Shop shop;
  open_account(shop, "홍길동");
  wait_until_published(shop, open_account(shop, "성춘향").at("version"));
  CHECK(shop.jangbu.stop() == 0);
  REQUIRE(api(shop, "STREAM.DELETE.SHOP").at("success") == true);

  // Nothing else has seen the log.
  const TemporaryFolder folder;
  const auto serve = [&] {
    return run(shop, {"serve", "--port-base", std::to_string(free_port_base()),
                      "--nats-monitor-url", shop.nats.monitor_url(), "--database",
                      shop.postgres.create_database(), "--data", folder.path() / "data"});
  };
  const Ended ended = serve();
  CAPTURE(ended.output);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("other teams have seen a log that is not here") &&
                               ContainsSubstring("nats stream rm SHOP_PUBLIC"));
  CHECK(api(shop, "STREAM.INFO.SHOP").at("error").at("err_code") == 10059);
}

TEST_CASE("The public stream is looked after with jangbu public") {
  Shop shop;
  const std::string first = open_account(shop, "홍길동").at("version");
  const std::uint64_t end = log_end(shop);
  wait_until_published(shop, first);
  const auto status = [&] { return run(shop, {"public", "status"}); };
  CHECK(status().status == 0);
  CHECK_THAT(status().output, ContainsSubstring("1 messages") && ContainsSubstring(first));
  const Json for_machines = Json::parse(run(shop, {"public", "status", "--json"}).output);
  CHECK(for_machines.at("lastEvent") == first);
  CHECK(for_machines.at("logEnd") == end);

  SECTION("a stream that has its place is not told another") {
    const Ended ended = run(shop, {"public", "resume", "--from", first});
    CHECK(ended.status == 1);
    CHECK_THAT(ended.output, ContainsSubstring("by itself"));
  }
  SECTION("a stream that was purged goes on where it is told to") {
    CHECK(shop.jangbu.stop() == 0);
    REQUIRE(api(shop, "STREAM.PURGE.SHOP_PUBLIC").at("success") == true);
    CHECK(status().status == 1);
    CHECK_THAT(status().output, ContainsSubstring("jangbu public resume --from"));
    shop.jangbu.launch();
    wait_until("the publisher", [&] {
      try {
        const Json ready = shop.operations().get("/health/ready").json;
        return ready.at("status") == "degraded" &&
               ready.at("checks").at("publisher").at("state") == "stopped";
      } catch (const NoReply&) {
        return false;  // nobody listens yet
      }
    });
    const std::string second = open_account(shop, "성춘향").at("version");

    const std::uint64_t now = log_end(shop);
    const Ended beyond = run(shop, {"public", "resume", "--from", event_at(now + 2)});
    CHECK(beyond.status == 1);
    CHECK_THAT(beyond.output, ContainsSubstring("ends at position " + std::to_string(now)));
    const Ended resumed = run(shop, {"public", "resume", "--from", second});
    CAPTURE(resumed.output);
    CHECK(resumed.status == 0);
    wait_until_published(shop, second);
    CHECK(status().status == 0);
  }
  SECTION("wrong usage is told apart") {
    for (const char* id : {"1", "0.0", "one", "1.x", ""}) {
      CHECK(run(shop, {"public", "resume", "--from", id}).status == 2);
      CHECK(run(shop, {"serve", "--public-from", id}).status == 2);
    }
    CHECK(run(shop, {"serve", "--public-days", "0"}).status == 2);
    CHECK(run(shop, {"serve", "--public-max-bytes", "10"}).status == 2);
    const Ended none = run(shop, {"public", "status", "--stream", "NOBODYS"});
    CHECK(none.status == 1);
    CHECK_THAT(none.output, ContainsSubstring("--stream"));
  }
}
