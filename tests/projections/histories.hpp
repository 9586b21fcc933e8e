// Valid histories of a shop, as random as a seed: what a writer might have appended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"

namespace jangbu::test {

class Histories {
 public:
  explicit Histories(std::uint32_t seed) : random_(seed) {}

  // What happens next. Entities of earlier commits take part; names become free and are taken
  // again.
  Commit next(std::size_t events);

  // As in a shop that does well, and fast: six in ten are purchases, the others scans,
  // cancellations and receipts of those that were made not long before. REQUIRES: open_shop().
  RecordedEvent trade();
  // Accounts, and products that never run out, for trade().
  Commit open_shop(std::size_t accounts, std::size_t products);

  // Pieces that can be bought, of every product there ever was.
  std::map<ProductId, std::int64_t> stocks() const;

 private:
  struct Account {
    AccountState state;
    bool open = true;
  };
  struct Product {
    ProductState state;
    bool listed = true;
  };
  struct Purchase {
    PurchaseCompleted completed;
    DeliveryStatus status = DeliveryStatus::preparing;
    std::string tracking_number;
  };

  RecordedEvent next_event();
  Event open_account();
  Event list_product();
  Event change_account(Account& account);
  Event change_product(Product& product);
  Event buy(std::size_t lines);
  Event go_on(std::size_t which);
  void forget(std::size_t which);
  RecordedEvent record(Event event);

  std::size_t below(std::size_t bound) { return random_() % bound; }
  template <class SomeId>
  SomeId new_id();

  std::mt19937 random_;
  std::int64_t ms_ = 1'772'357'400'000;  // 2026-03-01T09:30:00Z
  std::uint64_t ids_ = 0;
  std::vector<Account> accounts_;
  std::vector<Product> products_;
  std::vector<Purchase> purchases_;  // the open ones
};

}  // namespace jangbu::test
