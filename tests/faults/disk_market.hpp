// A shop with something to sell and insistent buyers, and the question whether it kept its promise.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/e2e/buyers.hpp"
#include "tests/support/shop.hpp"

namespace jangbu::test {

struct Market {
  explicit Market(Shop& of) : shop(of) {}

  Buyers::Options insistent(unsigned count) const {
    return {.shops = {&shop.jangbu},
            .products = products,
            .buyer = buyer,
            .count = count,
            .insist = true};
  }

  // Every purchase that was made is in the log, once, at its position, and nothing else is; the
  // read models say what the log says, and so do answers.
  void check(const std::vector<Attempt>& made) const { check_with_strangers(made, 0); }
  // The same where so many more may have bought, or not.
  void check_with_strangers(const std::vector<Attempt>& made, std::size_t strangers) const;

  Shop& shop;
  const std::string buyer = open_buyer();
  const std::vector<std::string> products = list_products();

 private:
  std::string open_buyer() const;
  std::vector<std::string> list_products() const;
};

void wait_for_sales(const Buyers& buyers, std::size_t more);

// Those of the purchases that the log does not have exactly once, at their positions.
std::size_t count_wrong(const std::vector<Attempt>& made, const NatsServer& nats);

// Whether the program under test was built with a sanitizer.
bool sanitized();

}  // namespace jangbu::test
