// Read your own writes: queries that wait for their position over HTTP.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"

using namespace jangbu::test;

TEST_CASE("Many queries wait for a commit, and cost next to nothing meanwhile", "[busy]") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  const Reply opened = accounts.post("/accounts", account("홍길동"));
  REQUIRE(opened.status == 201);
  const std::string path = "/accounts/" + id_of(opened.json);
  const std::uint64_t next = opened.position() + 1;

  // So few that the first still waits when the last has been sent, on a slow machine, too.
  constexpr int queries = 300;
  std::vector<Client> waiting;
  for (int i = 0; i < queries; ++i) {
    waiting.emplace_back(shop.jangbu.port(Service::account));
    waiting.back().send(get_request(at(path, next) + "&waitMs=10000"));
  }
  wait_until("all of them to wait",
             [&] { return shop.jangbu.metric("jangbu_queries_in_progress") == queries; });
  // Who need not wait is answered meanwhile.
  CHECK(accounts.get(at(path, opened.position())).status == 200);

  const auto begin = std::chrono::steady_clock::now();
  const auto processor_time = shop.jangbu.processor_time();
  wait_until("a second", [&] { return std::chrono::steady_clock::now() > begin + 1s; });
  CHECK(shop.jangbu.processor_time() - processor_time < 500ms);
  for (Client& client : waiting) REQUIRE_FALSE(client.readable_within(0ms));

  const Reply changed = accounts.patch(path, {{"membershipLevel", "GOLD"}});
  REQUIRE(changed.position() == next);
  for (Client& client : waiting) {
    const Answer answer = client.read_answer();
    REQUIRE(answer.status == 200);
    REQUIRE(std::stoull(answer.headers.at("event-position")) >= next);
    REQUIRE(Json::parse(answer.body) == changed.json);
  }
  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}
