#include "api/load/plan.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <vector>

namespace jangbu::loadgen {

using namespace std::chrono_literals;

TEST_CASE("Purchases are due one after the other, as many a second as asked for") {
  const Plan plan({.rate = 3, .seconds = 4});
  CHECK(plan.size() == 12);
  CHECK(plan.due(0) == 0ns);
  CHECK(plan.due(1) == 333'333'333ns);
  CHECK(plan.due(3) == 1s);
  CHECK(plan.due(11) == 3s + 666'666'666ns);

  const Plan longest({.rate = 20'000, .seconds = 300});
  CHECK(longest.size() == 6'000'000);
  CHECK(longest.due(5'999'999) == 300s - 50us);
}

TEST_CASE("How many are due by a time is what the times say") {
  for (const std::int64_t rate : {1, 3, 7, 500, 20'000}) {
    const Plan plan({.rate = rate, .seconds = 3});
    CAPTURE(rate);
    CHECK(plan.due_by(-1ns) == 0);
    CHECK(plan.due_by(0ns) == 1);
    for (std::uint64_t n = 1; n < plan.size(); n += 1 + plan.size() / 100) {
      CHECK(plan.due_by(plan.due(n)) == n + 1);
      CHECK(plan.due_by(plan.due(n) - 1ns) == n);
    }
    CHECK(plan.due_by(3s) == plan.size());
    CHECK(plan.due_by(1h) == plan.size());
  }
}

TEST_CASE("The hot product has its share, and the others share the rest") {
  const Plan plan({.rate = 1'000, .seconds = 20, .buyers = 10, .products = 5, .hot_share = 0.3});
  std::map<std::size_t, std::int64_t> products, buyers;
  for (std::uint64_t n = 0; n < plan.size(); ++n) {
    ++products[plan.product(n)];
    ++buyers[plan.buyer(n)];
  }
  REQUIRE(products.size() == 5);
  REQUIRE(buyers.size() == 10);
  CHECK(plan.has_hot());
  CHECK(std::abs(products[Plan::hot_product] - 6'000) < 300);
  for (std::size_t other = 1; other < 5; ++other) {
    CHECK(std::abs(products[other] - 3'500) < 250);
    CHECK(plan.stock(other) >= products[other]);
  }
  for (const auto& [buyer, count] : buyers) CHECK(std::abs(count - 2'000) < 200);
  // One half of it must be refused.
  CHECK(plan.stock(Plan::hot_product) == products[Plan::hot_product] / 2);
}

TEST_CASE("Without a share nothing is hot, and with all of it everything is") {
  const Plan none({.rate = 100, .seconds = 1, .products = 2, .hot_share = 0});
  CHECK_FALSE(none.has_hot());
  CHECK(none.stock(0) == 100);
  std::vector<std::int64_t> products(2);
  for (std::uint64_t n = 0; n < none.size(); ++n) ++products[none.product(n)];
  CHECK(products[0] > 20);
  CHECK(products[1] > 20);

  const Plan all({.rate = 100, .seconds = 1, .products = 2, .hot_share = 1});
  for (std::uint64_t n = 0; n < all.size(); ++n) REQUIRE(all.product(n) == Plan::hot_product);
  CHECK(all.stock(0) == 50);

  const Plan single({.rate = 100, .seconds = 1, .products = 1, .hot_share = 0.2});
  for (std::uint64_t n = 0; n < single.size(); ++n) REQUIRE(single.product(n) == 0);
  CHECK(single.stock(0) == 50);
}

}  // namespace jangbu::loadgen
