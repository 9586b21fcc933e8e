// Why a command was refused: the rule it broke, with what the caller needs to mend it. A refusal
// changed nothing, and was true at the position its answer tells. api/problems.cpp is the only
// place that knows how they look over HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "events/events.hpp"
#include "events/values.hpp"

namespace jangbu::refusal {

struct AccountNotFound {
  std::string account;  // the name or id that was asked for
};
struct AccountNameTaken {
  std::string name;
  AccountId holder;
};
struct AccountIsClosed {
  AccountId account;
};

struct ProductNotFound {
  std::string product;
};
struct ProductNameTaken {
  std::string name;
  ProductId holder;
};
struct ProductIsWithdrawn {
  ProductId product;
};
struct InsufficientStock {
  ProductId product;
  std::string name;
  std::int64_t requested = 0;
  std::int64_t available = 0;
};
struct StockTooLarge {
  ProductId product;
};

// The price of a product, or of the whole purchase when `product` is not given.
struct PriceDiffers {
  std::optional<ProductId> product;
  Money expected;
  Money actual;
};
struct AddressDiffers {
  Recipient expected;
  Recipient actual;
};
struct MixedCurrencies {
  Currency first;
  Currency other;
};
struct TotalTooLarge {};
struct QuoteExpired {
  Timestamp expired_at;
};

// Not in memory: it was closed, or never was. The read model knows which.
struct NoOpenPurchase {
  PurchaseId purchase;
};
struct AlreadyShipped {
  PurchaseId purchase;
  DeliveryStatus status = DeliveryStatus::preparing;
};
struct IllegalStatusChange {
  PurchaseId purchase;
  DeliveryStatus from = DeliveryStatus::preparing;
  DeliveryStatus to = DeliveryStatus::preparing;
};
struct NotDelivered {
  PurchaseId purchase;
  DeliveryStatus status = DeliveryStatus::preparing;
};

// The command was meant for another version of the entity.
struct VersionDiffers {
  EventId expected;
  EventId actual;
};
struct KeyReused {};

}  // namespace jangbu::refusal

namespace jangbu {

using Refusal =
    std::variant<refusal::AccountNotFound, refusal::AccountNameTaken, refusal::AccountIsClosed,
                 refusal::ProductNotFound, refusal::ProductNameTaken, refusal::ProductIsWithdrawn,
                 refusal::InsufficientStock, refusal::StockTooLarge, refusal::PriceDiffers,
                 refusal::AddressDiffers, refusal::MixedCurrencies, refusal::TotalTooLarge,
                 refusal::QuoteExpired, refusal::NoOpenPurchase, refusal::AlreadyShipped,
                 refusal::IllegalStatusChange, refusal::NotDelivered, refusal::VersionDiffers,
                 refusal::KeyReused>;

}  // namespace jangbu
