#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>

#include "tests/e2e/buyers.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

TEST_CASE("SIGTERM under load: whatever was begun is answered", "[busy]") {
  Shop shop({"--drain-s", "600"});  // nothing is to be waited for until then
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  const std::string product = id_of(list_product(shop, "쑥차 50g", 9'500, 1'000'000));
  for (int round = 0; round < 3; ++round) {
    Buyers buyers({.shops = {&shop.jangbu}, .products = {product}, .buyer = buyer});
    wait_until(
        "sales", [&] { return buyers.sales() >= 200; }, 60s);
    CHECK(shop.jangbu.stop() == 0);

    const auto made = buyers.settle();
    const Ledger ledger = read_ledger(shop.nats);
    std::size_t bought = 0;
    for (const Attempt& attempt : made) {
      // Between two requests the server may close the connection, and then listen no more.
      if (attempt.lost) {
        CHECK(*attempt.lost != NoReply::How::broken);
      } else {
        REQUIRE(attempt.bought());
        CHECK(ledger.sales.contains(attempt.purchase));
        ++bought;
      }
    }
    static std::size_t before = 0;
    CHECK(ledger.sales.size() == before + bought);
    before = ledger.sales.size();
    CHECK(shop.jangbu.sanitizer_report() == "");
    shop.jangbu.start();
  }
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("SIGTERM while the log is slow: requests in flight are waited for") {
  Shop shop;
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 20);

  // A command may take five seconds: on a machine that takes them for itself it is tried once more.
  constexpr auto in_time = 4s;
  Reply reply;
  for (int tries = 0; tries < 10 && reply.status != 201; ++tries) {
    if (tries > 0) {
      CHECK(shop.jangbu.stop() == 0);
      shop.jangbu.start();
    }
    HttpClient operations = shop.operations();
    const auto begin = std::chrono::steady_clock::now();
    shop.nats.pause();
    auto buyer = std::async(std::launch::async, [&] {
      return shop.purchases().post("/purchases", one_line("홍길동", "쑥차 50g"));
    });
    wait_until("the purchase to be in flight", [&] {
      return operations.get("/health/ready").json.at("checks").at("writer").at("queued") == 1;
    });
    shop.jangbu.signal(SIGTERM);
    wait_until("new clients to be refused",
               [&] { return !accepts_connections(shop.jangbu.port(Service::purchase)); });
    CHECK(shop.jangbu.running());
    shop.nats.resume();
    const auto held_for = std::chrono::steady_clock::now() - begin;
    reply = buyer.get();
    CHECK((reply.status == 201 || held_for > in_time));
  }
  CHECK(reply.status == 201);
  CHECK(reply.header("connection") == "close");
  CHECK(read_ledger(shop.nats).sales.contains(id_of(reply.json)));
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("SIGTERM while clients keep idle connections open", "[busy]") {
  Shop shop({"--drain-s", "600"});  // who is idle is not waited for
  std::vector<HttpClient> clients;
  for (const Service service : {Service::operations, Service::account, Service::product,
                                Service::purchase, Service::delivery}) {
    clients.push_back(shop.jangbu.client(service));
    REQUIRE(clients.back().get("/").status != 0);
  }
  CHECK(shop.jangbu.stop() == 0);
  // Nothing is wrong, so nothing is warned of.
  CHECK(shop.jangbu.log_text().find("[warning]") == std::string::npos);
  CHECK(shop.jangbu.log_text().find("[error]") == std::string::npos);
}
