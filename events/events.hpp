// Everything that can happen in the shop. An event is a fact: past tense, never changed, never
// taken back. Each carries what the answer to its command shows, so that the answer can be given
// again from the log alone.
//
// What can identify a person (name, e-mail, address) is in a structure of its own inside the event,
// so that it can later be sealed with a key per account.
//
// The wire type of an event is an explicit name and version; the C++ name may change, these never
// do. To change what an event carries: keep the old struct in events/retired.hpp with its version
// and an `upcast()`, raise the version here, add a golden file (events/README.md).
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

// A list of types of events.
template <class... Fact>
struct Facts {};

template <class... One, class... Other>
Facts<One..., Other...> operator+(Facts<One...>, Facts<Other...>);
template <class... Fact>
std::variant<Fact...> variant_of(Facts<Fact...>);

// Whether an event is this one, or one of these: `OneOf<AccountFacts, NothingChanged> Fact`. So a
// fold names what it treats alike, or ignores, and a new event that it does not name does not
// compile.
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

// An account as it is after an event of it.
struct AccountState {
  AccountId account;
  Person person;
  MemberType member_type = MemberType::buyer;
  MembershipLevel membership_level = MembershipLevel::none;
  Timestamp opened_at;

  friend bool operator==(const AccountState&, const AccountState&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(account, person, member_type, membership_level, opened_at);
  }
};

struct AccountOpened {
  static constexpr WireType wire{"AccountOpened", 1};
  AccountState state;

  friend bool operator==(const AccountOpened&, const AccountOpened&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

struct AddressChanged {
  static constexpr WireType wire{"AddressChanged", 1};
  AccountState state;

  friend bool operator==(const AddressChanged&, const AddressChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

// Name, e-mail or membership level.
struct AccountDetailsChanged {
  static constexpr WireType wire{"AccountDetailsChanged", 1};
  AccountState state;

  friend bool operator==(const AccountDetailsChanged&, const AccountDetailsChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

struct AccountClosed {
  static constexpr WireType wire{"AccountClosed", 1};
  AccountState state;
  Timestamp closed_at;

  friend bool operator==(const AccountClosed&, const AccountClosed&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state, closed_at);
  }
};

// --- Products ------------------------------------------------------------------------------------

// A product as it is after an event of it. Purchases move the stock too, without an event of the
// product's own.
struct ProductState {
  ProductId product;
  std::string name;
  Money unit_price;
  std::int64_t stock = 0;  // pieces that can be bought
  std::string description;
  Timestamp listed_at;

  friend bool operator==(const ProductState&, const ProductState&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(product, name, unit_price, stock, description, listed_at);
  }
};

struct ProductListed {
  static constexpr WireType wire{"ProductListed", 1};
  ProductState state;

  friend bool operator==(const ProductListed&, const ProductListed&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

struct PriceChanged {
  static constexpr WireType wire{"PriceChanged", 1};
  ProductState state;

  friend bool operator==(const PriceChanged&, const PriceChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(state);
  }
};

// Stock received (change > 0) or corrected (change < 0) by hand.
struct StockChanged {
  static constexpr WireType wire{"StockChanged", 1};
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
  static constexpr WireType wire{"ProductWithdrawn", 1};
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

// To whom and where a purchase goes: as the account was when it was made.
struct Recipient {
  std::string name;
  Address address;

  friend bool operator==(const Recipient&, const Recipient&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, address);
  }
};

// The stock of every line is taken by this event itself. Its delivery begins with it.
struct PurchaseCompleted {
  static constexpr WireType wire{"PurchaseCompleted", 2};
  PurchaseId purchase;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;
  std::optional<QuoteId> quote;  // that was confirmed; nothing when bought at once
  Timestamp purchased_at;

  friend bool operator==(const PurchaseCompleted&, const PurchaseCompleted&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, recipient, lines, total, quote, purchased_at);
  }
};

// The stock of every line comes back.
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

// What a carrier reported.
struct Scan {
  std::string carrier;
  std::string tracking_number;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::string location;  // empty: not told
  std::string code;      // the carrier's own; empty: not told
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
  DeliveryStatus status = DeliveryStatus::preparing;  // of the delivery, after this scan
  std::optional<DeliveryStatus> previous;             // before it; version 1 did not tell

  friend bool operator==(const DeliveryScanned&, const DeliveryScanned&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, scan, status, previous);
  }
};

// The buyer has it. The delivery is closed.
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

// A command that had an idempotency key found things to be as it wanted them. It is in the log so
// that its key is remembered, and its answer can be given again. What it was about is as it was: it
// has no part in its history, and leaves its version.
struct NothingChanged {
  static constexpr WireType wire{"NothingChanged", 1};
  Entity entity;
  EventId version;                    // the event that left the entity as the answer showed it
  std::optional<std::int64_t> stock;  // of a product: purchases move it without events of its own

  friend bool operator==(const NothingChanged&, const NothingChanged&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(entity, version.position.value, version.index, stock);
  }
};

// -------------------------------------------------------------------------------------------------

// The facts of each aggregate, and all of them. Their order is not stored.
using AccountFacts = Facts<AccountOpened, AddressChanged, AccountDetailsChanged, AccountClosed>;
using ProductFacts = Facts<ProductListed, PriceChanged, StockChanged, ProductWithdrawn>;
using PurchaseFacts =
    Facts<PurchaseCompleted, PurchaseCancelled, DeliveryScanned, ReceiptConfirmed>;

using Event = decltype(variant_of(AccountFacts{} + ProductFacts{} + PurchaseFacts{} +
                                  Facts<NothingChanged>{}));

WireType wire_type(const Event& event);
// What the event is about. A delivery's events are its purchase's.
Entity entity_of(const Event& event);

}  // namespace jangbu
