// Calls of a burst to the shop: how long they wait for one that has had enough.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <string>

#include "api/client/http_pool.hpp"
#include "api/client/shop_client.hpp"
#include "api/http/server.hpp"
#include "api/load/shop_calls.hpp"

using namespace jangbu;
using namespace std::chrono_literals;

TEST_CASE("Calls that come too often are made again when the shop says so") {
  std::atomic<int> asked = 0;
  http::Server server{
      "127.0.0.1", 0,
      http::Router().add(http::Method::get, "/",
                         [&](http::Request&&, const http::Exchange& exchange) {
                           if (asked++ > 0) return exchange.respond({.body = "{}"});
                           exchange.respond({.status = 429, .headers = {{"Retry-After", "1"}}});
                         })};
  server.start();
  const ShopClient shop({.port_base = server.port()}, 10s);
  HttpPool pool(1);
  const std::atomic<loadgen::Wish> wish = loadgen::Wish::go_on;
  loadgen::ShopCalls calls(pool, shop, wish);
  const std::string url = calls.url(ShopClient::Service::operations) + "/";

  const auto begun = std::chrono::steady_clock::now();
  SECTION("one") {
    CHECK(calls.insist({.url = url}).status == 200);
  }
  SECTION("many") {
    long status = 0;
    calls.each({{.url = url}}, 60s,
               [&](std::size_t, const HttpPool::Answer& answer) { status = answer.status; });
    CHECK(status == 200);
  }
  CHECK(std::chrono::steady_clock::now() - begun >= 1s);
  CHECK(asked == 2);
}
