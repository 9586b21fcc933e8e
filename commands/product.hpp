// Commands on products.
//
// Prices and quantities arrive here within their limits. A name belongs to at most one product that
// is not withdrawn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "commands/decision.hpp"

namespace jangbu {

// The most that receiving stock may reach. Cancelled purchases can lift the stock above it, since
// their pieces come back whatever was received meanwhile; such stock can be sold and corrected
// downwards as usual.
inline constexpr std::int64_t max_stock = 1'000'000'000'000;

struct ListProduct {
  ProductId product;  // new
  std::string name;
  Money unit_price;
  std::int64_t stock = 0;
  std::string description;
  Timestamp at;
  std::optional<PrincipalId> seller = {};  // none: it is listed by a clerk
};

struct ChangePrice {
  ProductId product;
  Money unit_price;
};

// Receives stock (change > 0) or corrects it (change < 0).
struct ChangeStock {
  ProductId product;
  std::int64_t change = 0;
  std::string reason;
};

struct WithdrawProduct {
  ProductId product;
  Timestamp at;
};

Decision decide(const Shop& shop, const ListProduct& command);
Decision decide(const Shop& shop, const ChangePrice& command);
Decision decide(const Shop& shop, const ChangeStock& command);
Decision decide(const Shop& shop, const WithdrawProduct& command);

// The product's current state: its row holds the stock only as of the product's own last event.
ProductState state_now(const Shop& shop, const ProductView& row);

}  // namespace jangbu
