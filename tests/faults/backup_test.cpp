// The shop moves to another machine: from an export that was made while people bought, or from a
// copy of the NATS server's files.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/cli/tool.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/faults/disk_market.hpp"

using namespace jangbu::test;

namespace {

namespace fs = std::filesystem;

// What the old shop promised, as the new one is to keep it.
struct Promises {
  explicit Promises(const Market& of) : market(of) {
    reply = market.shop.purchases().post("/purchases", order, key);
    if (reply.status != 201) throw std::runtime_error(reply.body);
  }

  void check(const ServeProcess& opened, const std::vector<Attempt>& made) const {
    HttpClient purchases = opened.client(Service::purchase);
    for (const Attempt& attempt : made) {
      CAPTURE(attempt.position);
      const Reply found = purchases.get(at("/purchases/" + attempt.purchase, attempt.position));
      REQUIRE(found.status == 200);
      REQUIRE(found.json.at("id") == attempt.purchase);
    }
    const Reply again = purchases.post("/purchases", order, key);
    CHECK(again.header("idempotent-replayed") == "true");
    CHECK(again.json == reply.json);
    CHECK(purchases.post("/purchases", order).status == 201);  // and it sells
  }

  const Market& market;
  const Json order{
      {"buyerId", market.buyer}, {"productId", market.products.front()}, {"quantity", 1}};
  const HttpClient::Fields key{{"Idempotency-Key", "from-before"}};
  Reply reply;
};

std::vector<Attempt> buy_some(const Market& market) {
  auto options = market.insistent(8);
  options.attempts = 300;
  Buyers buyers(options);
  return buyers.settle();
}

}  // namespace

TEST_CASE("A shop is exported while people buy, and opens on other servers") {
  Shop shop;
  const Market market(shop);
  const auto before = buy_some(market);
  const Promises promises(market);
  Buyers buyers(market.insistent(8));
  wait_for_sales(buyers, 100);

  const TemporaryFolder folder;
  const auto file = folder.path() / "shop.ndjson.gz";
  const std::size_t sales = buyers.sales();
  REQUIRE(run({"events", "export", file, "--gzip", "--nats-url", shop.nats.url()}).status == 0);
  wait_until("more sales", [&] { return buyers.sales() > sales; });
  // Once more, as from cron, with what came since.
  REQUIRE(run({"events", "export", file, "--gzip", "--nats-url", shop.nats.url()}).status == 0);
  buyers.enough();
  const auto during = buyers.settle();
  CHECK(shop.jangbu.stop() == 0);
  shop.nats.stop();

  NatsServer nats;
  PostgresServer postgres;
  const Ended imported = run({"events", "import", file, "--nats-url", nats.url(),
                              "--nats-monitor-url", nats.monitor_url()});
  CAPTURE(imported.errors);
  REQUIRE(imported.status == 0);
  CHECK(run({"events", "verify", "--nats-url", nats.url()}).status == 0);
  CHECK(count_wrong(before, nats) == 0);
  const Ledger ledger = read_ledger(nats);
  std::vector<Attempt> in_it = before;
  for (const Attempt& attempt : during)
    if (attempt.position <= ledger.end.value) in_it.push_back(attempt);
  CHECK(in_it.size() > before.size() + 100);
  CHECK(count_wrong(in_it, nats) == 0);
  CHECK(ledger.sales.size() == in_it.size() + 1);

  ServeProcess opened({.nats_url = nats.url(),
                       .nats_monitor_url = nats.monitor_url(),
                       .database = postgres.create_database()});
  promises.check(opened, in_it);
  CHECK(opened.stop() == 0);
}

TEST_CASE(
    "A copy of the NATS server's files, made while it stands still for a moment, is a backup") {
  Shop shop;
  const Market market(shop);
  const auto before = buy_some(market);
  const Promises promises(market);
  Buyers buyers(market.insistent(8));
  wait_for_sales(buyers, 100);

  const TemporaryFolder folder;
  shop.nats.stop();
  fs::copy(shop.nats.store(), folder.path() / "jetstream", fs::copy_options::recursive);
  shop.nats.start();
  wait_for_sales(buyers, 100);  // it goes on by itself
  buyers.enough();
  const auto during = buyers.settle();
  CHECK(buyers.lost() == 0);
  CHECK(shop.jangbu.stop() == 0);

  NatsServer nats({.volume = folder.path()});
  PostgresServer postgres;
  CHECK(run({"events", "verify", "--nats-url", nats.url()}).status == 0);
  const Ledger ledger = read_ledger(nats);
  std::vector<Attempt> in_it = before;
  for (const Attempt& attempt : during)
    if (attempt.position <= ledger.end.value) in_it.push_back(attempt);
  CHECK(in_it.size() >= before.size() + 100);
  CHECK(count_wrong(in_it, nats) == 0);
  ServeProcess opened({.nats_url = nats.url(),
                       .nats_monitor_url = nats.monitor_url(),
                       .database = postgres.create_database()});
  promises.check(opened, in_it);
  CHECK(opened.stop() == 0);
}
