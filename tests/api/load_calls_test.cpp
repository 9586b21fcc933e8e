// Calls of a burst to the shop: how long they wait for one that has had enough, and who is asked.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "api/client/http_pool.hpp"
#include "api/http/server.hpp"
#include "api/load/instances.hpp"
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
  loadgen::Instances instances(std::vector<ShopPlace>{{.port_base = server.port()}});
  HttpPool pool(1);
  const std::atomic<loadgen::Wish> wish = loadgen::Wish::go_on;
  loadgen::ShopCalls calls(pool, instances, wish);

  const auto begun = std::chrono::steady_clock::now();
  SECTION("one") {
    CHECK(calls.insist({.path = "/"}).status == 200);
  }
  SECTION("many") {
    long status = 0;
    calls.each({{.path = "/"}}, 60s,
               [&](std::size_t, const HttpPool::Answer& answer) { status = answer.status; });
    CHECK(status == 200);
  }
  CHECK(std::chrono::steady_clock::now() - begun >= 1s);
  CHECK(asked == 2);
}

TEST_CASE("Calls take turns among instances, and leave alone who is away or not ready") {
  std::atomic<bool> is_ready = true;
  std::atomic<int> asked[2] = {0, 0};
  const auto instance = [&](int n, const std::atomic<bool>& ready) {
    return http::Router().add(http::Method::get, "/",
                              [&, n](http::Request&&, const http::Exchange& exchange) {
                                ++asked[n];
                                if (ready) return exchange.respond({.body = "{}"});
                                exchange.respond({.status = 503,
                                                  .body = R"({"code":"not-ready"})",
                                                  .headers = {{"Retry-After", "60"}}});
                              });
  };
  const std::atomic<bool> always = true;
  auto one = std::make_unique<http::Server>("127.0.0.1", 0, instance(0, is_ready));
  http::Server two("127.0.0.1", 0, instance(1, always));
  one->start();
  two.start();
  loadgen::Instances instances({{.port_base = one->port()}, {.port_base = two.port()}}, 1h);
  HttpPool pool(1);
  const std::atomic<loadgen::Wish> wish = loadgen::Wish::go_on;
  loadgen::ShopCalls calls(pool, instances, wish);
  const auto call = [&](int times) {
    for (int i = 0; i < times; ++i) CHECK(calls.insist({.path = "/"}).status == 200);
  };
  call(4);
  CHECK(asked[0] == 2);
  CHECK(asked[1] == 2);
  SECTION("not ready") {
    is_ready = false;
  }
  SECTION("away") {
    one.reset();
  }
  call(4);
  CHECK(asked[1] == 6);
  CHECK(asked[0] <= 3);
}
