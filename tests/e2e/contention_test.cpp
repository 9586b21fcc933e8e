// 1,000 attempts by 64 buyers at once on a product of which there are 100: exactly 100 are sold,
// everyone else is told so, and the log says the same.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <catch2/catch_test_macros.hpp>
#include <future>

#include "infra/eventlog/jetstream_log.hpp"
#include "infra/ids.hpp"
#include "tests/e2e/buyers.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/replay.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

constexpr std::size_t attempts = 1'000;
constexpr std::int64_t in_stock = 100;

void check_sold_out(const Shop& shop, const std::vector<Attempt>& made,
                    const std::string& product) {
  REQUIRE(made.size() == attempts);
  CHECK(std::ranges::count_if(made, &Attempt::bought) == in_stock);
  CHECK(std::ranges::count_if(made, &Attempt::sold_out) == attempts - in_stock);

  const Ledger ledger = read_ledger(shop.nats);
  for (const Attempt& attempt : made) {
    if (!attempt.bought()) continue;
    CAPTURE(attempt.purchase);
    REQUIRE(ledger.sales.contains(attempt.purchase));
    const auto& sales = ledger.sales.at(attempt.purchase);
    REQUIRE(sales.size() == 1);
    CHECK(sales.front().position.value == attempt.position);
  }
  CHECK(ledger.sold(product) == in_stock);
  CHECK(ledger.stock_of(product) == 0);
  const Reply reply = shop.products().get(at("/products/" + product, ledger.end.value));
  CHECK(reply.status == 200);
  CHECK(reply.json.at("stock") == 0);
}

// Appends commits to the shop's stream as another program would, each where the log ends at that
// moment.
class Rival {
 public:
  Rival(const NatsServer& nats, int commits)
      : done_(std::async(std::launch::async,
                         [this, url = nats.url(), commits] { append(url, commits); })) {}

  void finish() { done_.get(); }
  int refused() const { return refused_; }

 private:
  void append(const std::string& url, int commits) {
    using namespace jangbu;
    const auto log = JetStreamLog::connect({.url = url, .monitor_url = {}}, 10s);
    for (int stored = 0; stored < commits;) {
      const Position end = log->last();
      const auto before = log->read(end);
      const Timestamp now{std::max(system_now().ms, decode(before.value()).committed_at.ms)};
      const Event event = AccountOpened{{.account = new_id<AccountId>(),
                                         .person = {"rival " + std::to_string(stored), "", {}},
                                         .opened_at = now}};
      const std::string payload = encode_commit({now, {{{.occurred_at = now}, event}}});
      const auto result = log->append(end, {new_id<CommitId>(), payload}, 5s);
      if (std::holds_alternative<Appended>(result)) ++stored;
      if (std::holds_alternative<WrongSequence>(result)) ++refused_;
      if (std::holds_alternative<NoAnswer>(result)) throw std::runtime_error("no answer");
    }
  }

  std::atomic<int> refused_{0};
  std::future<void> done_;
};

std::size_t conflicts_in(const std::string& log) {
  constexpr std::string_view said = "stepped down";
  std::size_t count = 0;
  for (auto at = log.find(said); at != log.npos; at = log.find(said, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("64 buyers, 1,000 attempts, 100 in stock", "[busy]") {
  Shop shop;
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  const std::string product = id_of(list_product(shop, "놋쇠 수저 세트", 39'900, in_stock));

  Buyers buyers(
      {.shops = {&shop.jangbu}, .products = {product}, .buyer = buyer, .attempts = attempts});
  check_sold_out(shop, buyers.settle(), product);
  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}

TEST_CASE("64 buyers at two instances of one shop, and a stranger that appends, too", "[busy]") {
  Shop shop;
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  const std::string product = id_of(list_product(shop, "놋쇠 수저 세트", 39'900, in_stock));
  ServeProcess second(shop.options());

  Rival rival(shop.nats, 10);
  Buyers buyers({.shops = {&shop.jangbu, &second},
                 .products = {product},
                 .buyer = buyer,
                 .attempts = attempts,
                 .insist = true});
  const auto made = buyers.settle();
  rival.finish();
  check_sold_out(shop, made, product);

  // They did meet.
  CHECK(conflicts_in(shop.jangbu.log_text()) + conflicts_in(second.log_text()) > 0);
  CHECK(projected_rows(shop) == replayed_rows(shop));
  CHECK(shop.jangbu.stop() == 0);
  CHECK(second.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
  CHECK(second.sanitizer_report() == "");
}

TEST_CASE("A purchase made at another instance is never taken for a closed one") {
  Shop shop;
  ServeProcess second(shop.options());
  open_account(shop, "홍길동");
  list_product(shop, "놋쇠 수저 세트", 39'900, 20);
  HttpClient deliveries = second.client(Service::delivery);
  for (int i = 0; i < 20; ++i) {
    const std::string path = "/deliveries/" + id_of(buy(shop, "홍길동", "놋쇠 수저 세트"));
    wait_until("the delivery", [&] { return deliveries.get(path).status == 200; });
    wait_until("its scan", [&] {
      const Reply reply =
          deliveries.post(path + "/scans", scan("picked-up", "2026-03-02T09:00:00Z"));
      CAPTURE(reply.body);
      if (reply.status == 503) {
        REQUIRE(reply.code() == "not-ready");
        return false;
      }
      REQUIRE(reply.status == 200);
      return true;
    });
  }
}

TEST_CASE("A command that another instance carried out is told again, or later") {
  Shop shop;
  ServeProcess second(shop.options());
  open_account(shop, "홍길동");
  list_product(shop, "놋쇠 수저 세트", 39'900, 20);
  for (int i = 0; i < 20; ++i) {
    const std::string id = id_of(buy(shop, "홍길동", "놋쇠 수저 세트"));
    const std::string path = "/purchases/" + id + "/cancellation";
    const HttpClient::Fields key{{"Idempotency-Key", "cancel-" + id}};
    const Reply first = shop.purchases().send("POST", path, {}, key);
    REQUIRE(first.status == 200);
    HttpClient purchases = second.client(Service::purchase);
    REQUIRE(purchases.get(at("/purchases/" + id, first.position())).json.at("status") ==
            "cancelled");
    // Its read model knows; its writer may not.
    wait_until("the first answer", [&] {
      const Reply reply = purchases.send("POST", path, {}, key);
      CAPTURE(reply.body);
      if (reply.status == 503) {
        REQUIRE(reply.code() == "not-ready");
        return false;
      }
      REQUIRE(reply.status == 200);
      CHECK(reply.header("idempotent-replayed") == "true");
      CHECK(reply.position() == first.position());
      return true;
    });
  }
}

TEST_CASE("Cancelling and the first scan race, and exactly one of them wins", "[busy]") {
  constexpr std::size_t rounds = 200;
  Shop shop;
  ServeProcess second(shop.options());
  open_account(shop, "홍길동");
  const std::string product = id_of(list_product(shop, "놋쇠 수저 세트", 39'900, rounds));
  std::vector<std::string> purchases;
  for (std::size_t i = 0; i < rounds; ++i)
    purchases.push_back(id_of(buy(shop, "홍길동", "놋쇠 수저 세트")));
  const auto writer_position = [](HttpClient operations) -> std::uint64_t {
    return operations.get("/health/ready").json.at("checks").at("writer").at("position");
  };
  wait_until("the second writer to know them", [&] {
    return writer_position(second.client(Service::operations)) ==
           writer_position(shop.operations());
  });

  // They begin at the same moment, each at a writer of its own, and take turns with these.
  std::barrier both(2);
  const auto race = [&](Service service, const std::string& before_id, const std::string& after_id,
                        const Json& body, std::size_t turn) {
    return std::async(std::launch::async, [=, &shop, &second, &purchases, &both] {
      HttpClient clients[] = {shop.jangbu.client(service), second.client(service)};
      std::vector<Reply> replies;
      for (const std::string& id : purchases) {
        std::string path = before_id;
        path.append(id).append(after_id);
        both.arrive_and_wait();
        replies.push_back(clients[(replies.size() + turn) % 2].post(path, body));
      }
      return replies;
    });
  };
  auto cancelling = race(Service::purchase, "/purchases/", "/cancellation", Json::object(), 0);
  auto scanning = race(Service::delivery, "/deliveries/", "/scans",
                       scan("picked-up", "2026-03-02T09:00:00Z"), 1);
  const auto cancelled = cancelling.get();
  const auto scanned = scanning.get();

  const Ledger ledger = read_ledger(shop.nats);
  std::size_t shipped = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    CAPTURE(i, cancelled[i].body, scanned[i].body);
    const bool is_shipped = scanned[i].status == 200;
    CHECK(cancelled[i].status == (is_shipped ? 409 : 200));
    CHECK(scanned[i].status == (is_shipped ? 200 : 409));
    CHECK((is_shipped ? cancelled[i] : scanned[i]).code() ==
          (is_shipped ? "already-shipped" : "illegal-status-change"));
    if (is_shipped) ++shipped;
    const Json history = shop.purchases()
                             .get(at("/purchases/" + purchases[i] + "/history", ledger.end.value))
                             .json.at("items");
    REQUIRE(history.size() == 2);
    CHECK(history[1].at("type") == (is_shipped ? "DeliveryScanned" : "PurchaseCancelled"));
  }
  CHECK(shipped > 0);
  CHECK(shipped < rounds);
  CHECK(shop.products().get(at("/products/" + product, ledger.end.value)).json.at("stock") ==
        rounds - shipped);
}

TEST_CASE("64 buyers, and kill -9 in the middle", "[busy]") {
  Shop shop;
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  std::size_t lost = 0;
  for (const std::size_t sales_before : {0u, 10u, 40u}) {
    CAPTURE(sales_before);
    const std::string product =
        id_of(list_product(shop, "수저 " + std::to_string(sales_before), 39'900, in_stock));
    std::promise<void> enough;
    Buyers buyers({.shops = {&shop.jangbu},
                   .products = {product},
                   .buyer = buyer,
                   .attempts = attempts,
                   .insist = true,
                   .sales_before = sales_before,
                   .then = [&] { enough.set_value(); }});
    enough.get_future().wait();
    shop.jangbu.kill();
    shop.jangbu.start();
    check_sold_out(shop, buyers.settle(), product);
    lost += buyers.lost();
  }
  CHECK(lost > 0);
  CHECK(projected_rows(shop) == replayed_rows(shop));
  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}
