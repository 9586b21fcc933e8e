// Why a command was refused: the rule it broke, with what the caller needs to fix it. A refusal
// changes nothing, and is true at the position that its answer names. Only api/answers/problems.cpp
// knows how refusals look over HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "events/events.hpp"
#include "events/values.hpp"

namespace jangbu::refusal {

// It is not the asker's to do (ownership.hpp).
struct Forbidden {
  std::string why;

  friend bool operator==(const Forbidden&, const Forbidden&) = default;
};

struct AccountNotFound {
  std::string account;  // the name or id asked for; empty: the asker's own

  friend bool operator==(const AccountNotFound&, const AccountNotFound&) = default;
};
struct AccountNameTaken {
  std::string name;
  std::optional<AccountId> holder;  // not told to those who may not see others' accounts

  friend bool operator==(const AccountNameTaken&, const AccountNameTaken&) = default;
};
struct AccountAlreadyOpen {
  AccountId account;  // the owner's

  friend bool operator==(const AccountAlreadyOpen&, const AccountAlreadyOpen&) = default;
};
struct AccountIsClosed {
  AccountId account;

  friend bool operator==(const AccountIsClosed&, const AccountIsClosed&) = default;
};

struct ProductNotFound {
  std::string product;

  friend bool operator==(const ProductNotFound&, const ProductNotFound&) = default;
};
struct ProductNameTaken {
  std::string name;
  ProductId holder;

  friend bool operator==(const ProductNameTaken&, const ProductNameTaken&) = default;
};
struct ProductIsWithdrawn {
  ProductId product;

  friend bool operator==(const ProductIsWithdrawn&, const ProductIsWithdrawn&) = default;
};
struct InsufficientStock {
  ProductId product;
  std::string name;
  std::int64_t requested = 0;
  std::int64_t available = 0;

  friend bool operator==(const InsufficientStock&, const InsufficientStock&) = default;
};
struct StockTooLarge {
  ProductId product;

  friend bool operator==(const StockTooLarge&, const StockTooLarge&) = default;
};

// The price of one product, or of the whole purchase if `product` is not set.
struct PriceDiffers {
  std::optional<ProductId> product;
  Money expected;
  Money actual;

  friend bool operator==(const PriceDiffers&, const PriceDiffers&) = default;
};
struct AddressDiffers {
  Recipient expected;
  Recipient actual;

  friend bool operator==(const AddressDiffers&, const AddressDiffers&) = default;
};
struct MixedCurrencies {
  Currency first;
  Currency other;

  friend bool operator==(const MixedCurrencies&, const MixedCurrencies&) = default;
};
struct TotalTooLarge {
  friend bool operator==(const TotalTooLarge&, const TotalTooLarge&) = default;
};
struct QuoteExpired {
  Timestamp expired_at;

  friend bool operator==(const QuoteExpired&, const QuoteExpired&) = default;
};

// The purchase is not in memory: it was closed, or never existed. The read model knows which.
struct NoOpenPurchase {
  PurchaseId purchase;

  friend bool operator==(const NoOpenPurchase&, const NoOpenPurchase&) = default;
};
struct AlreadyShipped {
  PurchaseId purchase;
  DeliveryStatus status = DeliveryStatus::preparing;

  friend bool operator==(const AlreadyShipped&, const AlreadyShipped&) = default;
};
struct IllegalStatusChange {
  PurchaseId purchase;
  DeliveryStatus from = DeliveryStatus::preparing;
  DeliveryStatus to = DeliveryStatus::preparing;

  friend bool operator==(const IllegalStatusChange&, const IllegalStatusChange&) = default;
};
struct TooManyScans {
  PurchaseId purchase;

  friend bool operator==(const TooManyScans&, const TooManyScans&) = default;
};
struct NotDelivered {
  PurchaseId purchase;
  DeliveryStatus status = DeliveryStatus::preparing;

  friend bool operator==(const NotDelivered&, const NotDelivered&) = default;
};

// The command expects other versions of the entity, or names none that we know.
struct VersionDiffers {
  std::vector<EventId> expected;
  EventId actual;

  friend bool operator==(const VersionDiffers&, const VersionDiffers&) = default;
};
struct KeyReused {
  friend bool operator==(const KeyReused&, const KeyReused&) = default;
};

}  // namespace jangbu::refusal

namespace jangbu {

using Refusal =
    std::variant<refusal::Forbidden, refusal::AccountNotFound, refusal::AccountNameTaken,
                 refusal::AccountAlreadyOpen, refusal::AccountIsClosed, refusal::ProductNotFound,
                 refusal::ProductNameTaken, refusal::ProductIsWithdrawn, refusal::InsufficientStock,
                 refusal::StockTooLarge, refusal::PriceDiffers, refusal::AddressDiffers,
                 refusal::MixedCurrencies, refusal::TotalTooLarge, refusal::QuoteExpired,
                 refusal::NoOpenPurchase, refusal::AlreadyShipped, refusal::IllegalStatusChange,
                 refusal::TooManyScans, refusal::NotDelivered, refusal::VersionDiffers,
                 refusal::KeyReused>;

}  // namespace jangbu
