// What the log itself says: read and folded by the tests, past the shop that is tested.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "events/commit.hpp"
#include "events/values.hpp"
#include "projections/views/shop.hpp"
#include "tests/support/nats_server.hpp"

namespace jangbu::test {

struct Sale {
  Position position;
  PurchaseCompleted purchase;
};

struct Ledger {
  Position end;
  std::map<std::string, std::vector<Sale>> sales;  // by purchase id: more than one is an error
  std::vector<std::string> correlations;           // of the events, in order
  jangbu::Shop views;

  std::int64_t stock_of(const std::string& product) const;
  // Pieces of the product in all purchases.
  std::int64_t sold(const std::string& product) const;
};

Ledger read_ledger(const NatsServer& nats);

}  // namespace jangbu::test
