// Everything that can happen in the shop. An event is a fact: named in the past tense, never
// changed and never withdrawn. Each event carries what the answer to its command shows, so that the
// answer can be reproduced from the log alone.
//
// Data that can identify a person (name, e-mail, address) is in a structure of its own inside the
// event, so that it can later be encrypted with a key per account.
//
// The wire type of an event is an explicit name and version; the C++ name may change, the wire type
// never does. To change what an event carries: keep the old struct in events/retired.hpp with its
// version and an `upcast()`, raise the version here, and add a golden file (events/README.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "events/values.hpp"

namespace jangbu {

struct WireType {
  std::string_view name;
  std::uint16_t version = 0;

  friend bool operator==(const WireType&, const WireType&) = default;
};

// A list of event types.
template <class... Fact>
struct Facts {};

template <class... One, class... Other>
Facts<One..., Other...> operator+(Facts<One...>, Facts<Other...>);
template <class... Fact>
std::variant<Fact...> variant_of(Facts<Fact...>);

// Whether an event is one of these types, each given alone or in a list:
// `OneOf<AccountFacts, NothingChanged> Fact`. A fold thereby names the events that it treats alike
// or ignores, so that an event it does not name fails to compile.
template <class Fact, class Named>
inline constexpr bool is_named_by = std::is_same_v<Fact, Named>;
template <class Fact, class... Named>
inline constexpr bool is_named_by<Fact, Facts<Named...>> = (std::is_same_v<Fact, Named> || ...);
template <class Fact, class... Named>
concept OneOf = (is_named_by<Fact, Named> || ...);

enum class EntityKind : std::uint8_t { account, product, purchase, last = purchase };

struct Entity {
  EntityKind kind = EntityKind::account;
  EntityId id;

  friend auto operator<=>(const Entity&, const Entity&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, id);
  }
};

std::string_view to_string(EntityKind kind);

// --- Accounts ------------------------------------------------------------------------------------

struct Person {
  std::string name;
  std::string email;  // empty: none given
  Address address;

  friend bool operator==(const Person&, const Person&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, email, address);
  }
};

// The state of an account after one of its events.
struct AccountState {
  AccountId account;
  Person person;
  MemberType member_type = MemberType::buyer;
  MembershipLevel membership_level = MembershipLevel::none;
  Timestamp opened_at;
  std::optional<PrincipalId> owner = {};  // who opened it for themselves; none: the clerks'

  friend bool operator==(const AccountState&, const AccountState&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(account, person, member_type, membership_level, opened_at, owner);
  }
};

struct AccountOpened {
  static constexpr WireType wire{"AccountOpened", 2};
  AccountState state;

  friend bool operator==(const AccountOpened&, const AccountOpened&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

struct AddressChanged {
  static constexpr WireType wire{"AddressChanged", 2};
  AccountState state;

  friend bool operator==(const AddressChanged&, const AddressChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

// Name, e-mail or membership level.
struct AccountDetailsChanged {
  static constexpr WireType wire{"AccountDetailsChanged", 2};
  AccountState state;

  friend bool operator==(const AccountDetailsChanged&, const AccountDetailsChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

struct AccountClosed {
  static constexpr WireType wire{"AccountClosed", 2};
  AccountState state;
  Timestamp closed_at;

  friend bool operator==(const AccountClosed&, const AccountClosed&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, closed_at);
  }
};

// --- Products ------------------------------------------------------------------------------------

// The state of a product after one of its events. Purchases change the stock too, without an event
// of the product itself.
struct ProductState {
  ProductId product;
  std::string name;
  Money unit_price;
  std::int64_t stock = 0;  // units that can be bought
  std::string description;
  Timestamp listed_at;
  std::optional<PrincipalId> seller = {};  // who listed it as their own; none: the clerks'

  friend bool operator==(const ProductState&, const ProductState&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(product, name, unit_price, stock, description, listed_at, seller);
  }
};

struct ProductListed {
  static constexpr WireType wire{"ProductListed", 2};
  ProductState state;

  friend bool operator==(const ProductListed&, const ProductListed&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

struct PriceChanged {
  static constexpr WireType wire{"PriceChanged", 2};
  ProductState state;

  friend bool operator==(const PriceChanged&, const PriceChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

// Stock received (change > 0), or corrected by hand (change < 0).
struct StockChanged {
  static constexpr WireType wire{"StockChanged", 2};
  ProductState state;
  std::int64_t change = 0;
  std::string reason;

  friend bool operator==(const StockChanged&, const StockChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, change, reason);
  }
};

struct ProductWithdrawn {
  static constexpr WireType wire{"ProductWithdrawn", 2};
  ProductState state;
  Timestamp withdrawn_at;

  friend bool operator==(const ProductWithdrawn&, const ProductWithdrawn&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, withdrawn_at);
  }
};

// --- Purchases and their deliveries --------------------------------------------------------------

struct PurchaseLine {
  ProductId product;
  std::string name;
  Money unit_price;
  std::int64_t quantity = 0;
  Money total;  // unit_price times quantity

  friend bool operator==(const PurchaseLine&, const PurchaseLine&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(product, name, unit_price, quantity, total);
  }
};

// The name and address a purchase is sent to, as the account had them when it was made.
struct Recipient {
  std::string name;
  Address address;

  friend bool operator==(const Recipient&, const Recipient&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, address);
  }
};

// This event itself takes the stock of every line and starts the delivery.
struct PurchaseCompleted {
  static constexpr WireType wire{"PurchaseCompleted", 2};
  PurchaseId purchase;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;
  std::optional<QuoteId> quote;  // the confirmed quote; empty when bought without one
  Timestamp purchased_at;

  friend bool operator==(const PurchaseCompleted&, const PurchaseCompleted&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, recipient, lines, total, quote, purchased_at);
  }
};

// Puts the stock of every line back.
struct PurchaseCancelled {
  static constexpr WireType wire{"PurchaseCancelled", 1};
  PurchaseId purchase;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;
  Timestamp purchased_at;
  std::string reason;
  Timestamp cancelled_at;

  friend bool operator==(const PurchaseCancelled&, const PurchaseCancelled&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, recipient, lines, total, purchased_at, reason, cancelled_at);
  }
};

// A carrier's report.
struct Scan {
  std::string carrier;
  std::string tracking_number;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::string location;  // empty: not given
  std::string code;      // the carrier's own; empty: not given
  Timestamp occurred_at;

  friend bool operator==(const Scan&, const Scan&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(carrier, tracking_number, status, location, code, occurred_at);
  }
};

struct DeliveryScanned {
  static constexpr WireType wire{"DeliveryScanned", 2};
  PurchaseId purchase;
  AccountId buyer;
  Scan scan;
  DeliveryStatus status = DeliveryStatus::preparing;  // the delivery's, after this scan
  std::optional<DeliveryStatus> previous;             // before it; unknown in version 1

  friend bool operator==(const DeliveryScanned&, const DeliveryScanned&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, scan, status, previous);
  }
};

// The buyer has received the goods. The delivery is closed.
struct ReceiptConfirmed {
  static constexpr WireType wire{"ReceiptConfirmed", 1};
  PurchaseId purchase;
  AccountId buyer;
  Timestamp confirmed_at;

  friend bool operator==(const ReceiptConfirmed&, const ReceiptConfirmed&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, confirmed_at);
  }
};

// --- Commands that changed nothing ---------------------------------------------------------------

// A command with an idempotency key found everything as it wanted it. The event is in the log so
// that the key is remembered and the answer can be given again. It leaves its entity unchanged: it
// is not part of the entity's history and does not change its version.
struct NothingChanged {
  static constexpr WireType wire{"NothingChanged", 1};
  Entity entity;
  EventId version;                    // the event that left the entity as the answer showed it
  std::optional<std::int64_t> stock;  // a product's: purchases change it without its own event

  friend bool operator==(const NothingChanged&, const NothingChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(entity, version.position.value, version.index, stock);
  }
};

// -------------------------------------------------------------------------------------------------

// The facts of each aggregate, and all facts together. Their order is not stored.
using AccountFacts = Facts<AccountOpened, AddressChanged, AccountDetailsChanged, AccountClosed>;
using ProductFacts = Facts<ProductListed, PriceChanged, StockChanged, ProductWithdrawn>;
using PurchaseFacts =
    Facts<PurchaseCompleted, PurchaseCancelled, DeliveryScanned, ReceiptConfirmed>;

using Event = decltype(variant_of(AccountFacts{} + ProductFacts{} + PurchaseFacts{} +
                                  Facts<NothingChanged>{}));

WireType wire_type(const Event& event);
// The entity that the event is about. Events of a delivery belong to its purchase.
Entity entity_of(const Event& event);

}  // namespace jangbu
