// Every part stops, or is killed, while people buy: what was acknowledged is there, once, and the
// read models say what the log says.
#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <future>

#include "tests/e2e/buyers.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/replay.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

struct Market {
  Shop shop;
  std::string buyer = id_of(open_account(shop, "홍길동"));
  std::vector<std::string> products = list();

  std::vector<std::string> list() const {
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i)
      ids.push_back(id_of(list_product(shop, "product " + std::to_string(i), 1'000, 1'000'000)));
    return ids;
  }

  Buyers::Options insistent(unsigned count) const {
    return {.shops = {&shop.jangbu},
            .products = products,
            .buyer = buyer,
            .count = count,
            .insist = true};
  }

  void check(const std::vector<Attempt>& made) {
    const Ledger ledger = read_ledger(shop.nats);
    CHECK(std::ranges::all_of(made, &Attempt::bought));
    std::size_t wrong = 0;
    for (const Attempt& attempt : made) {
      const auto found = ledger.sales.find(attempt.purchase);
      const bool right = found != ledger.sales.end() && found->second.size() == 1 &&
                         found->second.front().position.value == attempt.position;
      if (!right) ++wrong;
    }
    CHECK(wrong == 0);
    // Nothing that nobody was told of: they all insisted on an answer.
    CHECK(ledger.sales.size() == made.size());
    const auto projected = projected_rows(shop);
    CHECK(projected.at("purchases").size() == made.size());
    CHECK(projected == replayed_rows(shop));
    for (const std::string& product : products) {
      const Reply reply = shop.products().get(at("/products/" + product, ledger.end.value));
      CAPTURE(reply.body);
      REQUIRE(reply.status == 200);
      CHECK(reply.json.at("stock") == ledger.stock_of(product));
    }
  }

  void close() {
    CHECK(shop.jangbu.stop() == 0);
    CHECK(shop.jangbu.sanitizer_report() == "");
  }
};

void wait_for_sales(const Buyers& buyers, std::size_t more) {
  const std::size_t enough = buyers.sales() + more;
  wait_until(
      "sales", [&] { return buyers.sales() >= enough; }, 60s);
}

}  // namespace

TEST_CASE("NATS that refuses us for a while stops commands, readiness says why, and they go on") {
  Shop shop;
  open_account(shop, "before");
  shop.nats.reload("authorization { users: [{ user: somebody, password: else }] }");
  Reply ready;
  wait_until("the refusals", [&] {
    ready = shop.operations().get("/health/ready");
    // The writer looks after the log every second.
    return ready.status == 503 && ready.body.find("Authorization Violation") != std::string::npos;
  });
  CHECK(ready.json.at("checks").at("log").at("status") == "down");
  CHECK(shop.accounts().get("/accounts").status == 200);
  // Past where a connection of cnats gives up for good.
  wait_until("further tries", [&] {
    const std::string log = shop.nats.log_text();
    std::size_t tries = 0;
    for (auto at = log.find("authentication error"); at != log.npos;
         at = log.find("authentication error", at + 1))
      ++tries;
    return tries > 5;
  });

  shop.nats.reload("");
  wait_until("readiness", [&] { return shop.jangbu.ready(); });
  open_account(shop, "after");
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Everything stops in order, and starts again") {
  Market market;
  Shop& shop = market.shop;
  Buyers buyers([&] {
    auto options = market.insistent(16);
    options.attempts = 500;
    return options;
  }());
  const auto made = buyers.settle();
  const Json quote = ask_for_quote(shop, "홍길동", "product 0");
  const Json unused = ask_for_quote(shop, "홍길동", "product 0");
  const Reply confirmed = shop.purchases().post("/purchases", {{"quoteId", quote.at("quoteId")}});
  REQUIRE(confirmed.status == 201);
  const auto before = projected_rows(shop);
  CHECK(before.at("purchases").size() == 501);

  REQUIRE(shop.jangbu.stop() == 0);
  shop.postgres.stop();
  shop.nats.stop();
  shop.nats.start();
  shop.postgres.start();
  shop.jangbu.start();

  CHECK(projected_rows(shop) == before);
  CHECK(replayed_rows(shop) == before);
  const Ledger ledger = read_ledger(shop.nats);
  CHECK(ledger.sales.size() == 501);
  for (const Attempt& attempt : made) CHECK(ledger.sales.contains(attempt.purchase));

  // Quotes survive, too: the used one, and the other.
  Reply reply = shop.purchases().post("/purchases", {{"quoteId", quote.at("quoteId")}});
  CHECK(reply.json == confirmed.json);
  CHECK(reply.position() == confirmed.position());
  reply = shop.purchases().post("/purchases", {{"quoteId", unused.at("quoteId")}});
  CHECK(reply.status == 201);
  CHECK(reply.position() == ledger.end.value + 1);
  market.close();
}

TEST_CASE("kill -9 of jangbu while people buy", "[busy]") {
  Market market;
  Buyers buyers(market.insistent(32));
  for (int i = 0; i < 3; ++i) {
    wait_for_sales(buyers, 300);
    market.shop.jangbu.kill();
    market.shop.jangbu.start();
  }
  wait_for_sales(buyers, 300);
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.lost() > 0);
  market.check(made);
  market.close();
}

TEST_CASE("kill -9 of nats-server while people buy", "[busy]") {
  Market market;
  Shop& shop = market.shop;
  Buyers buyers(market.insistent(16));
  wait_for_sales(buyers, 300);

  // A short absence: the same bytes are sent again, and nobody notices.
  shop.nats.kill();
  shop.nats.start();
  wait_for_sales(buyers, 300);

  // A long one: people are told so. Queries go on.
  const auto unavailable = buyers.unavailable();
  shop.nats.kill();
  wait_until(
      "answers 503", [&] { return buyers.unavailable() > unavailable; }, 60s);
  HttpClient operations = shop.operations();
  Reply reply = operations.get("/health/ready");
  CHECK(reply.status == 503);
  CHECK(reply.json.at("checks").at("writer").at("state") == "log-away");
  CHECK(operations.get("/health/live").status == 200);
  CHECK(shop.products().get("/products/" + market.products.front()).status == 200);

  shop.nats.start();
  wait_for_sales(buyers, 300);
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.lost() == 0);
  market.check(made);
  // Whoever else waited for NATS goes on a moment later.
  wait_until("all to be up", [&] {
    reply = operations.get("/health/ready");
    return reply.json.at("status") == "up";
  });
  CHECK(reply.status == 200);
  market.close();
}

TEST_CASE("Commands that the log cannot take are refused, never acknowledged", "[busy]") {
  Shop shop;
  open_account(shop, "홍길동");
  const std::string tea = id_of(list_product(shop, "쑥차 50g", 9'500, 20));
  HttpClient purchases = shop.purchases();
  shop.nats.kill();

  const Json order = one_line("홍길동", "쑥차 50g");
  const HttpClient::Fields key{{"Idempotency-Key", "whatever-became-of-it"}};
  auto first = std::async(std::launch::async,
                          [&] { return shop.purchases().post("/purchases", order, key); });
  wait_until("the first to be sent, and sent again",
             [&] { return shop.jangbu.metric("jangbu_writer_resends_total") > 0; });
  // One that is not even sent.
  Reply reply = purchases.post("/purchases", order, {{"Idempotency-Key", "another"}});
  CHECK(reply.status == 503);
  CHECK(reply.code() == "overloaded");
  CHECK(reply.has("retry-after"));
  reply = first.get();
  CHECK(reply.status == 503);
  CHECK(reply.code() == "outcome-unknown");
  CHECK(reply.has("retry-after"));
  // It is still being resolved: its key stays in flight until the log tells.
  reply = purchases.post("/purchases", order, key);
  CHECK(reply.status == 409);
  CHECK(reply.code() == "idempotency-key-in-flight");

  shop.nats.start();
  wait_until("the log to tell", [&] {
    return (reply = purchases.post("/purchases", order, key)).code() != "idempotency-key-in-flight";
  });
  CHECK(reply.status == 201);
  CHECK(reply.header("idempotent-replayed") == "true");
  const Ledger ledger = read_ledger(shop.nats);
  CHECK(ledger.sold(tea) == 1);
  CHECK(ledger.sales.contains(id_of(reply.json)));
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("kill -9 of PostgreSQL while people buy", "[busy]") {
  Market market;
  Shop& shop = market.shop;
  Buyers buyers(market.insistent(16));
  wait_for_sales(buyers, 300);
  shop.postgres.kill();

  // Commands go on; queries say that they cannot.
  wait_for_sales(buyers, 300);
  CHECK(buyers.unavailable() == 0);
  const std::string product = "/products/" + market.products.front();
  Reply reply;
  wait_until("answers 503", [&] { return (reply = shop.products().get(product)).status == 503; });
  CHECK(reply.code() == "read-model-unavailable");
  CHECK(reply.has("retry-after"));
  CHECK(shop.deliveries().get("/deliveries").status == 503);
  reply = shop.operations().get("/health/ready");
  CHECK(reply.status == 200);
  CHECK(reply.json.at("status") == "degraded");

  shop.postgres.start();
  wait_for_sales(buyers, 300);
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.unavailable() == 0);
  CHECK(buyers.lost() == 0);
  wait_until(
      "the queries", [&] { return shop.products().get(product).status == 200; }, 60s);
  market.check(made);
  wait_until("readiness", [&] { return shop.jangbu.ready(); });
  market.close();
}

TEST_CASE("PostgreSQL restarts in order, and is caught up with", "[busy]") {
  Market market;
  Shop& shop = market.shop;
  Buyers buyers(market.insistent(4));
  for (int i = 0; i < 2; ++i) {
    wait_for_sales(buyers, 200);
    shop.postgres.stop();
    wait_for_sales(buyers, 200);
    shop.postgres.start();
  }
  buyers.enough();
  const auto made = buyers.settle();
  wait_until(
      "readiness", [&] { return shop.jangbu.ready(); }, 60s);
  market.check(made);
  market.close();
}
