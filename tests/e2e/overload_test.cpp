// Far more clients than the shop can serve, and then few again.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <map>

#include "tests/bench/http_load.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

bool always() {
  return true;
}

class Crowd {
 public:
  Crowd(const Shop& shop, const std::string& buyer, const std::string& product)
      : port_(shop.jangbu.port(Service::purchase)),
        purchase_(jangbu::bench::post_request(
            "/purchases",
            Json{{"buyerId", buyer}, {"productId", product}, {"quantity", 1}}.dump())) {}

  // For so long, and until it is enough.
  void buy(std::size_t clients, std::chrono::seconds time,
           const std::function<bool()>& enough = always) {
    const auto end = std::chrono::steady_clock::now() + time;
    jangbu::bench::run({.port = port_,
                        .connections = clients,
                        .next =
                            [&](std::string& request) {
                              request = purchase_;
                              return std::chrono::steady_clock::now() < end || !enough();
                            },
                        .answered =
                            [&](int status, std::string_view body) {
                              ++answers[status];
                              if (status == 503 && body.find(R"("code":"overloaded")") == body.npos)
                                ++unexpected;
                            },
                        .time = 60s});
  }

  std::map<int, std::size_t> answers;
  std::size_t unexpected = 0;

 private:
  const int port_;
  const std::string purchase_;
};

}  // namespace

TEST_CASE("Two thousand clients before a queue of a hundred: some buy, the others are told at once",
          "[busy]") {
  Shop shop({"--queue", "100"});
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  const std::string product = id_of(list_product(shop, "수저", 39'900, 1'000'000'000));
  Crowd crowd(shop, buyer, product);
  crowd.buy(16, 1s);
  CHECK(crowd.answers.size() == 1);
  CHECK(crowd.answers[201] > 0);
  const std::size_t memory_before_kib = shop.jangbu.most_memory_kib();

  std::size_t bought_by_one = 0;
  auto refused = std::async(std::launch::async, [&] {
    HttpClient one = shop.purchases();
    for (;; ++bought_by_one) {
      const Reply reply = one.post("/purchases", one_line("홍길동", "수저"));
      if (reply.status != 201) return reply;
    }
  });
  const std::size_t bought_before = crowd.answers[201];
  crowd.buy(2'000, 3s, [&] { return refused.wait_for(0s) == std::future_status::ready; });
  CHECK(crowd.answers[201] > bought_before);
  CHECK(crowd.answers[503] > 0);
  CHECK(crowd.answers.size() == 2);
  CHECK(crowd.unexpected == 0);
  const Reply told = refused.get();
  CHECK(told.status == 503);
  CHECK(told.header("retry-after") == "1");
  // For each client at most a head, a body and an answer; and the purchases that are open now.
  constexpr std::size_t client_kib = 80, purchase_kib = 1;
  if (!has_sanitizer)
    CHECK(shop.jangbu.most_memory_kib() <
          memory_before_kib + 2'000 * client_kib + crowd.answers[201] * purchase_kib);

  const std::size_t refused_before = crowd.answers[503];
  crowd.buy(16, 1s);
  CHECK(crowd.answers[503] == refused_before);
  CHECK(shop.operations().get("/health/ready").status == 200);
  CHECK(read_ledger(shop.nats).sales.size() == crowd.answers[201] + bought_by_one);
  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}
