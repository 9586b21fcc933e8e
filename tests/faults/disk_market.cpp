#include "tests/faults/disk_market.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/ledger.hpp"
#include "tests/e2e/replay.hpp"
#include "tests/e2e/requests.hpp"

namespace jangbu::test {

namespace {

std::size_t count_wrong(const std::vector<Attempt>& made, const Ledger& ledger) {
  return static_cast<std::size_t>(std::ranges::count_if(made, [&](const Attempt& attempt) {
    const auto found = ledger.sales.find(attempt.purchase);
    return found == ledger.sales.end() || found->second.size() != 1 ||
           found->second.front().position.value != attempt.position;
  }));
}

}  // namespace

std::string Market::open_buyer() const {
  return id_of(open_account(shop, "홍길동"));
}

std::vector<std::string> Market::list_products() const {
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i)
    ids.push_back(id_of(list_product(shop, "product " + std::to_string(i), 1'000, 1'000'000)));
  return ids;
}

void Market::check_with_strangers(const std::vector<Attempt>& made, std::size_t strangers) const {
  const Ledger ledger = read_ledger(shop.nats);
  CHECK(std::ranges::all_of(made, &Attempt::bought));
  CHECK(count_wrong(made, ledger) == 0);
  // Nothing that nobody was told of: they all insisted on an answer.
  CHECK(ledger.sales.size() >= made.size());
  CHECK(ledger.sales.size() <= made.size() + strangers);
  const auto projected = projected_rows(shop);
  CHECK(projected.at("purchases").size() == ledger.sales.size());
  CHECK(projected == replayed_rows(shop));
  for (const std::string& product : products) {
    const Reply reply = shop.products().get(at("/products/" + product, ledger.end.value));
    CAPTURE(reply.body);
    REQUIRE(reply.status == 200);
    CHECK(reply.json.at("stock") == ledger.stock_of(product));
  }
}

void wait_for_sales(const Buyers& buyers, std::size_t more) {
  const std::size_t enough = buyers.sales() + more;
  wait_until(
      "sales", [&] { return buyers.sales() >= enough; }, 60s);
}

std::size_t count_wrong(const std::vector<Attempt>& made, const NatsServer& nats) {
  return count_wrong(made, read_ledger(nats));
}

bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

}  // namespace jangbu::test
