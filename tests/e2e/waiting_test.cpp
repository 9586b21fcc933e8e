// Read your own writes: queries that wait for their position over HTTP.
#include <algorithm>
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

  // They wait for ten seconds: on a machine that takes those for itself, half as many begin anew.
  using Clock = std::chrono::steady_clock;
  constexpr auto in_time = 8s;
  bool waited = false;
  std::uint64_t position = opened.position();
  for (std::size_t queries = 300; queries > 0 && !waited; queries /= 2) {
    const auto begin = Clock::now();
    const auto is_late = [&] { return Clock::now() > begin + in_time; };
    const std::uint64_t next = position + 1;
    std::vector<Client> waiting;
    while (waiting.size() < queries && !is_late()) {
      waiting.emplace_back(shop.jangbu.port(Service::account));
      waiting.back().send(get_request(at(path, next)));
    }
    wait_until("all of them to wait", [&] {
      const auto in_progress = shop.jangbu.metric("jangbu_queries_in_progress");
      return is_late() || in_progress == static_cast<double>(queries);
    });
    // Who need not wait is answered meanwhile.
    CHECK(accounts.get(at(path, position)).status == 200);

    const auto rest = Clock::now();
    const auto before = shop.jangbu.processor_time();
    wait_until("a second", [&] { return Clock::now() > rest + 1s; });
    const auto processor_time = shop.jangbu.processor_time() - before;
    const auto is_answered = [](Client& client) { return client.readable_within(0ms); };
    const bool any_answered = std::ranges::any_of(waiting, is_answered);

    const char* const level = position % 2 == 0 ? "GOLD" : "SILVER";
    const Reply changed = accounts.patch(path, {{"membershipLevel", level}});
    waited = !is_late();
    REQUIRE(changed.position() == next);
    position = next;
    for (Client& client : waiting) {
      const Answer answer = client.read_answer();
      if (!waited) continue;
      REQUIRE(answer.status == 200);
      REQUIRE(std::stoull(answer.headers.at("event-position")) >= next);
      REQUIRE(Json::parse(answer.body) == changed.json);
    }
    if (!waited) continue;
    CHECK(processor_time < 500ms);
    CHECK_FALSE(any_answered);
  }
  CHECK(waited);
  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}
