// The disk is full, under the log or under the read models, while people buy; then there is room
// again.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/faults/disk_market.hpp"
#include "tests/faults/disk_mounts.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using Clock = std::chrono::steady_clock;

namespace {

void require_mounts() {
  const std::string why = cannot_mount();
  if (!why.empty()) SKIP("no disk that is full: " << why);
}

// NATS would not set aside on these volumes what it may become by default.
const std::vector<std::string> small_public_stream{"--public-max-bytes", "1048576"};

Json writer_of(const Shop& shop) {
  return shop.operations().get("/health/ready").json.at("checks").at("writer");
}

std::string reason_of(const Json& check) {
  return check.value("reason", std::string());
}

// What everybody is told while the log cannot take anything.
void check_refusing(const Shop& shop, const std::string& reason) {
  wait_until(
      "the reason", [&] { return reason_of(writer_of(shop)).find(reason) != std::string::npos; },
      60s);
  const Json writer = writer_of(shop);
  CAPTURE(writer.dump());
  CHECK(writer.at("state") == "log-away");
  CHECK_THAT(reason_of(writer), ContainsSubstring("restart it"));
  CHECK(shop.operations().get("/health/ready").status == 503);
  CHECK(shop.operations().get("/health/live").status == 200);

  const Reply reply = shop.purchases().post("/purchases", one_line("홍길동", "product 0"));
  CHECK(reply.status == 503);
  CHECK(reply.has("retry-after"));
  CHECK(shop.products().get("/products").status == 200);
}

}  // namespace

TEST_CASE("The log's disk is full while people buy") {
  require_mounts();
  SmallVolume volume(16 << 20);
  Shop shop({.in_jetstream = "max_file_store: 1GB", .volume = volume.path()},
            {.flags = small_public_stream});
  const Market market(shop);
  Buyers buyers(market.insistent(8));
  wait_for_sales(buyers, 200);
  volume.fill(64 << 10);
  wait_until(
      "answers 503", [&] { return buyers.unavailable() > 0; }, 60s);
  const std::size_t sales = buyers.sales();
  check_refusing(shop, "no space left on device");
  CHECK(buyers.sales() == sales);

  volume.make_room();
  shop.nats.stop();
  shop.nats.start();
  wait_for_sales(buyers, 200);
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.lost() == 0);
  // The publisher tries again from time to time.
  wait_until("readiness", [&] { return shop.jangbu.ready(); });
  // The stranger of check_refusing() had no key to insist with: it may have bought.
  market.check_with_strangers(made, 1);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("The log has used what it may of its disk while people buy") {
  require_mounts();
  SmallVolume volume(16 << 20);
  volume.fill(512 << 10);  // nats-server takes three quarters of what is free when it starts
  Shop shop({.volume = volume.path()}, {.flags = {"--no-publisher"}});  // half a MiB has no room
  const Market market(shop);
  Buyers buyers(market.insistent(8));
  wait_until(
      "answers 503", [&] { return buyers.unavailable() > 0; }, 60s);
  const std::size_t sales = buyers.sales();
  check_refusing(shop, "max_file_store");
  CHECK(buyers.sales() == sales);

  volume.make_room();
  shop.nats.stop();
  shop.nats.start();
  wait_for_sales(buyers, 200);
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.lost() == 0);
  market.check_with_strangers(made, 1);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("The database's disk is full while people buy") {
  require_mounts();
  SmallVolume volume(160 << 20);
  Shop shop({}, {.database_volume = volume.path()});
  const Market market(shop);
  Buyers buyers(market.insistent(8));
  wait_for_sales(buyers, 200);
  volume.fill();

  HttpClient operations = shop.operations();
  wait_until(
      "the projector to say so",
      [&] {
        const Reply ready = operations.get("/health/ready");
        return ready.status == 200 && ready.json.at("status") == "degraded";
      },
      60s);
  // Commands go on. Queries answer what is there, or say that they cannot.
  wait_for_sales(buyers, 1'000);
  CHECK(buyers.unavailable() == 0);
  HttpClient products = shop.products();
  for (int i = 0; i < 20; ++i) {
    const Reply reply = products.get("/products/" + market.products.front());
    CAPTURE(reply.body);
    CHECK((reply.status == 200 || reply.status == 503));
    CHECK((reply.status == 200 || reply.has("retry-after")));
  }

  volume.make_room();
  wait_for_sales(buyers, 200);
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.unavailable() == 0);
  CHECK(buyers.lost() == 0);
  wait_until(
      "readiness",
      [&] {
        // It ended if it could not recover on the full disk, which may take it until now.
        if (!shop.postgres.running()) shop.postgres.start();
        return shop.jangbu.ready();
      },
      60s);
  market.check(made);
  CHECK(shop.jangbu.stop() == 0);
}
