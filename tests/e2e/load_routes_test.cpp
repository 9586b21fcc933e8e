// Bursts that are asked for over HTTP.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <string>

#include "api/load/options.hpp"
#include "tests/support/shop.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Json await_end(HttpClient& operations) {
  Json told;
  wait_until(
      "the end of the burst",
      [&] {
        told = operations.get("/load").json;
        return told.contains("finishedAt");
      },
      60s);
  return told;
}

}  // namespace

TEST_CASE("Nobody buys in bursts unless that is allowed") {
  Shop shop;
  HttpClient operations = shop.operations();
  const Reply refused = operations.post("/load", Json::object());
  CHECK(refused.status == 403);
  CHECK(refused.code() == "load-not-allowed");
  CHECK_THAT(refused.body, ContainsSubstring("--allow-load"));
  const Reply got = operations.get("/load");
  CHECK(got.status == 200);
  CHECK(got.json == Json{{"allowed", false}, {"state", "none"}});
  CHECK(operations.delete_("/load").status == 200);
}

TEST_CASE("A burst over HTTP is begun, watched and checked", "[busy]") {
  Shop shop({"--allow-load"});
  HttpClient operations = shop.operations();
  CHECK(operations.get("/load").json == Json{{"allowed", true}, {"state", "none"}});

  const Json options{{"rate", 50},    {"seconds", 6},    {"buyers", 10},
                     {"products", 4}, {"hotShare", 0.5}, {"connections", 8}};
  const Reply begun = operations.post("/load", options);
  CAPTURE(begun.body);
  REQUIRE(begun.status == 202);
  CHECK(begun.header("location") == "/load");
  CHECK(begun.json.at("options") == options);
  const Reply second = operations.post("/load", Json::object());
  CHECK(second.status == 409);
  CHECK(second.code() == "load-running");
  wait_until("a second of it", [&] { return !operations.get("/load").json.at("seconds").empty(); });

  const Json told = await_end(operations);
  CAPTURE(told.dump());
  CHECK(told.at("state") == "done");
  CHECK(told.at("planned") == 300);
  CHECK(told.at("purchased") > 100);
  CHECK(told.at("refused").at("insufficient-stock") > 20);
  CHECK(told.at("invariants").size() == 5);
  for (const Json& invariant : told.at("invariants")) CHECK(invariant.at("ok") == true);

  // And another one, of another name.
  const Reply again = operations.post("/load", {{"rate", 50}, {"seconds", 1}});
  REQUIRE(again.status == 202);
  CHECK(again.json.at("run") != told.at("run"));
  CHECK(await_end(operations).at("state") == "done");
}

TEST_CASE("A burst over HTTP can be stopped, and is checked then") {
  Shop shop({"--allow-load"});
  HttpClient operations = shop.operations();
  REQUIRE(operations.post("/load", {{"rate", 100}, {"seconds", 60}}).status == 202);
  wait_until("some purchases", [&] { return operations.get("/load").json.at("purchased") > 20; });
  CHECK(operations.delete_("/load").status == 200);
  const Json told = await_end(operations);
  CAPTURE(told.dump());
  CHECK(told.at("state") == "stopped");
  CHECK(told.at("sent") < 6'000);
  CHECK(told.at("invariants").size() == 5);
  for (const Json& invariant : told.at("invariants")) CHECK(invariant.at("ok") == true);
}

TEST_CASE("A shop that is told to end does not wait for a burst", "[busy]") {
  Shop shop({"--allow-load"});
  HttpClient operations = shop.operations();
  REQUIRE(operations.post("/load", {{"rate", 500}, {"seconds", 60}}).status == 202);
  wait_until("some purchases", [&] { return operations.get("/load").json.at("purchased") > 20; });
  const auto told = std::chrono::steady_clock::now();
  CHECK(shop.jangbu.stop() == 0);
  CHECK(std::chrono::steady_clock::now() - told < 40s);
  CHECK(shop.jangbu.sanitizer_report().empty());
}

TEST_CASE("A burst over HTTP has bounds") {
  constexpr const jangbu::loadgen::Bounds& most = jangbu::loadgen::http_bounds;
  Shop shop({"--allow-load"});
  HttpClient operations = shop.operations();
  const auto check = [&](const Json& options, const std::string& field) {
    CAPTURE(options.dump());
    const Reply reply = operations.post("/load", options);
    CHECK(reply.status == 422);
    CHECK(reply.json.at("field") == field);
  };
  check({{"rate", 0}}, "rate");
  check({{"rate", most.rate.max + 1}}, "rate");
  check({{"rate", "fast"}}, "rate");
  check({{"seconds", most.seconds.max + 1}}, "seconds");
  check({{"buyers", most.buyers.max + 1}}, "buyers");
  check({{"products", most.products.max + 1}}, "products");
  check({{"hotShare", 1.5}}, "hotShare");
  check({{"hotShare", "much"}}, "hotShare");
  check({{"connections", most.connections.max + 1}}, "connections");
  check({{"speed", 5}}, "speed");
  // A page of elsewhere can send only what a browser does not ask about first.
  CHECK(operations.send("POST", "/load", "{}", {{"Content-Type", "text/plain"}}).status == 415);
  CHECK(operations.get("/load").json.at("state") == "none");
}
