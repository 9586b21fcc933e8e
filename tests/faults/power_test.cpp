// The power fails while people buy: nats-server's store is on a disk that forgets whatever was not
// synced. What was acknowledged is there; and a server that acknowledges before it syncs is found
// out by the same test.
#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <random>
#include <string_view>

#include "infra/eventlog/jetstream_log.hpp"
#include "tests/faults/disk_market.hpp"
#include "tests/faults/disk_mounts.hpp"
#include "tests/faults/power_volume.hpp"

using namespace jangbu::test;

namespace {

using Keep = PowerVolume::Keep;

void require_fuse() {
  if (std::string_view(JANGBU_POWER_FS).empty())
    SKIP("no loss of power: built without libfuse3-dev");
  const std::string why = cannot_mount_fuse();
  if (!why.empty()) SKIP("no loss of power without FUSE: " << why);
}

// As many cuts as said, each of them at some moment within a second of purchases.
void buy_through_power_cuts(int cuts) {
  std::mt19937 random(Catch::getSeed());
  PowerVolume volume(Catch::getSeed());
  Shop shop({.volume = volume.path()}, {});
  const Market market(shop);
  Buyers buyers(market.insistent(16));
  for (int i = 0; i < cuts; ++i) {
    CAPTURE(i);
    wait_for_sales(buyers, 20 + random() % 200);
    // The disk first: who acknowledges what it did not take would be found out.
    volume.cut(i % 2 == 0 ? Keep::nothing : Keep::some);
    shop.nats.kill();
    shop.jangbu.kill();
    volume.start();
    shop.nats.start();
    shop.jangbu.start();
  }
  wait_for_sales(buyers, 100);
  buyers.enough();
  market.check(buyers.settle());
  CHECK(shop.jangbu.stop() == 0);
}

}  // namespace

TEST_CASE("Power fails while people buy") {
  require_fuse();
  buy_through_power_cuts(12);
}

TEST_CASE("Power fails a hundred times", "[.long]") {
  require_fuse();
  buy_through_power_cuts(100);
}

TEST_CASE("Power fails under a server that does not sync: purchases are lost, and it is noticed") {
  require_fuse();
  PowerVolume volume(Catch::getSeed());
  Shop shop({.sync_always = false, .volume = volume.path()},
            {.flags = {"--accept-weak-durability"}});
  const Market market(shop);
  Buyers buyers([&] {
    auto options = market.insistent(16);
    options.attempts = 200;
    return options;
  }());
  const auto made = buyers.settle();
  CHECK(count_wrong(made, shop.nats) == 0);
  volume.cut(Keep::nothing);
  shop.nats.kill();
  volume.start();
  shop.nats.start();

  // All of them, and the stream itself: nats-server syncs every two minutes unless it is told
  // otherwise.
  const auto log = jangbu::JetStreamLog::connect({.url = shop.nats.url(), .monitor_url = {}}, 10s);
  CHECK_THROWS_WITH(log->last(), Catch::Matchers::ContainsSubstring("it does not exist"));
  wait_until("the writer to notice", [&] {
    return shop.operations().get("/health/ready").json.at("checks").at("writer").at("state") ==
           "halted";
  });
}
