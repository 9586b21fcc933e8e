// Buying: asking for a quote, confirming it, buying at once, and cancelling.
//
// A purchase has 1 to 100 lines in one currency and is decided as a whole: it takes the stock of
// all its lines, or of none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/decision.hpp"

namespace jangbu {

inline constexpr std::size_t max_lines = 100;
inline constexpr std::int64_t max_quantity = 1'000'000;

struct RequestedLine {
  ProductRef product;
  std::int64_t quantity = 1;  // 1 to max_quantity
};

struct RequestQuote {
  AccountRef buyer;
  std::vector<RequestedLine> lines;
};

struct QuotedLine {
  ProductId product;
  Money unit_price;
  std::int64_t quantity = 1;
};

// A quote that the buyer sent back, with its signature verified.
struct ConfirmQuote {
  PurchaseId purchase;  // new
  QuoteId quote;
  AccountId buyer;
  Recipient recipient;
  std::vector<QuotedLine> lines;
  Timestamp expires_at;
  Timestamp at;
};

struct BuyNow {
  PurchaseId purchase;  // new
  AccountRef buyer;
  std::vector<RequestedLine> lines;
  std::optional<Money> expected_total;
  Timestamp at;
};

struct CancelPurchase {
  PurchaseId purchase;
  std::string reason;
  Timestamp at;
};

Decision decide(const Shop& shop, const RequestQuote& command);
Decision decide(const Shop& shop, const ConfirmQuote& command);
Decision decide(const Shop& shop, const BuyNow& command);
Decision decide(const Shop& shop, const CancelPurchase& command);

}  // namespace jangbu
