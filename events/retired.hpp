// Event versions that are no longer written. Stored events stay readable: each version is upcast to
// the next one (README.md, "To change what an event carries").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/events.hpp"

namespace jangbu {

// --- Accounts and products, before they had owners -----------------------------------------------

struct AccountState1 {
  AccountId account;
  Person person;
  MemberType member_type = MemberType::buyer;
  MembershipLevel membership_level = MembershipLevel::none;
  Timestamp opened_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(account, person, member_type, membership_level, opened_at);
  }
  AccountState upcast() && {
    return {.account = account,
            .person = std::move(person),
            .member_type = member_type,
            .membership_level = membership_level,
            .opened_at = opened_at,
            .owner = {}};
  }
};

struct AccountOpened1 {
  static constexpr WireType wire{"AccountOpened", 1};
  AccountState1 state;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
  AccountOpened upcast() && { return {std::move(state).upcast()}; }
};

struct AddressChanged1 {
  static constexpr WireType wire{"AddressChanged", 1};
  AccountState1 state;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
  AddressChanged upcast() && { return {std::move(state).upcast()}; }
};

struct AccountDetailsChanged1 {
  static constexpr WireType wire{"AccountDetailsChanged", 1};
  AccountState1 state;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
  AccountDetailsChanged upcast() && { return {std::move(state).upcast()}; }
};

struct AccountClosed1 {
  static constexpr WireType wire{"AccountClosed", 1};
  AccountState1 state;
  Timestamp closed_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, closed_at);
  }
  AccountClosed upcast() && { return {std::move(state).upcast(), closed_at}; }
};

struct ProductState1 {
  ProductId product;
  std::string name;
  Money unit_price;
  std::int64_t stock = 0;
  std::string description;
  Timestamp listed_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(product, name, unit_price, stock, description, listed_at);
  }
  ProductState upcast() && {
    return {.product = product,
            .name = std::move(name),
            .unit_price = unit_price,
            .stock = stock,
            .description = std::move(description),
            .listed_at = listed_at,
            .seller = {}};
  }
};

struct ProductListed1 {
  static constexpr WireType wire{"ProductListed", 1};
  ProductState1 state;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
  ProductListed upcast() && { return {std::move(state).upcast()}; }
};

struct PriceChanged1 {
  static constexpr WireType wire{"PriceChanged", 1};
  ProductState1 state;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
  PriceChanged upcast() && { return {std::move(state).upcast()}; }
};

struct StockChanged1 {
  static constexpr WireType wire{"StockChanged", 1};
  ProductState1 state;
  std::int64_t change = 0;
  std::string reason;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, change, reason);
  }
  StockChanged upcast() && { return {std::move(state).upcast(), change, std::move(reason)}; }
};

struct ProductWithdrawn1 {
  static constexpr WireType wire{"ProductWithdrawn", 1};
  ProductState1 state;
  Timestamp withdrawn_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, withdrawn_at);
  }
  ProductWithdrawn upcast() && { return {std::move(state).upcast(), withdrawn_at}; }
};

// --- Purchases and their deliveries --------------------------------------------------------------

// Did not record the status before the scan.
struct DeliveryScanned1 {
  static constexpr WireType wire{"DeliveryScanned", 1};
  PurchaseId purchase;
  AccountId buyer;
  Scan scan;
  DeliveryStatus status = DeliveryStatus::preparing;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, scan, status);
  }
  DeliveryScanned upcast() && {
    return {.purchase = purchase,
            .buyer = buyer,
            .scan = std::move(scan),
            .status = status,
            .previous = {}};
  }
};

// Recorded only whether there was a quote; a quoted purchase had the id of its quote.
struct PurchaseCompleted1 {
  static constexpr WireType wire{"PurchaseCompleted", 1};
  PurchaseId purchase;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;
  bool quoted = false;
  Timestamp purchased_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, recipient, lines, total, quoted, purchased_at);
  }
  PurchaseCompleted upcast() && {
    return {.purchase = purchase,
            .buyer = buyer,
            .recipient = std::move(recipient),
            .lines = std::move(lines),
            .total = total,
            .quote = quoted ? std::optional(id_cast<QuoteId>(purchase)) : std::nullopt,
            .purchased_at = purchased_at};
  }
};

using RetiredFacts =
    Facts<AccountOpened1, AddressChanged1, AccountDetailsChanged1, AccountClosed1, ProductListed1,
          PriceChanged1, StockChanged1, ProductWithdrawn1, DeliveryScanned1, PurchaseCompleted1>;

}  // namespace jangbu
