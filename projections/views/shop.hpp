// What commands are validated against: accounts, products with their stock, open purchases, and the
// commands that were already carried out. A fold of the log, held in memory.
//
// A copy of a shop shares its contents with the original until one of the two changes them, and
// another thread may read it while the writer goes on.
//
// Threads: a Shop belongs to one thread (the writer's), which also makes the copies; a copy belongs
// to whoever receives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"
#include "projections/views/command_keys.hpp"
#include "projections/views/store/table.hpp"

namespace jangbu {

// Raised whenever a fold changes, or the makeup of a view or a command key: older snapshots are
// then of no use.
inline constexpr std::uint32_t fold_version = 5;

struct AccountView {
  using Key = AccountId;
  static constexpr bool named = true;  // until it is closed

  AccountState state;
  std::optional<Timestamp> closed_at;
  EventId version;  // the account's last event

  friend bool operator==(const AccountView&, const AccountView&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state.account, closed_at, state.person.name, state.owner, state.person.email,
            state.person.address, state.member_type, state.membership_level, state.opened_at,
            version.position.value, version.index);
  }
};

// Whose account it is: the beginning of its row.
struct AccountHead {
  AccountId account;
  std::optional<Timestamp> closed_at;
  std::string_view name;  // points into the row
  std::optional<PrincipalId> owner;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(account, closed_at, name, owner);
  }
};

// The open account of somebody who has one.
struct OwnerView {
  using Key = PrincipalId;
  static constexpr bool named = false;

  PrincipalId owner;
  AccountId account;

  friend bool operator==(const OwnerView&, const OwnerView&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(owner, account);
  }
};

struct ProductView {
  using Key = ProductId;
  static constexpr bool named = true;  // until it is withdrawn

  ProductState state;  // stock as of the product's own last event; Shop::stock is current
  std::optional<Timestamp> withdrawn_at;
  EventId version;

  friend bool operator==(const ProductView&, const ProductView&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(state.product, withdrawn_at, state.name, state.unit_price, state.seller, state.stock,
            state.description, state.listed_at, version.position.value, version.index);
  }
};

// What a purchase needs of a product, and whose it is: the beginning of its row, without the
// description.
struct ProductHead {
  ProductId product;
  std::optional<Timestamp> withdrawn_at;
  std::string name;
  Money unit_price;
  std::optional<PrincipalId> seller;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(product, withdrawn_at, name, unit_price, seller);
  }
};

// A product's stock, kept apart from the product since every purchase moves it.
struct StockView {
  using Key = ProductId;
  static constexpr bool named = false;

  ProductId product;
  std::int64_t pieces = 0;

  friend bool operator==(const StockView&, const StockView&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(product, pieces);
  }
};

// A purchase with its delivery. Held in memory while it is open; the view made by the event that
// closes it is only for the answer.
struct PurchaseView {
  using Key = PurchaseId;
  static constexpr bool named = false;

  PurchaseCompleted purchase;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::vector<Scan> scans;  // in the order they were recorded
  std::optional<Timestamp> closed_at;
  EventId purchase_version;  // scans on the way do not change the purchase
  EventId delivery_version;

  friend bool operator==(const PurchaseView&, const PurchaseView&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase.purchase, purchase.buyer, status, closed_at, purchase_version.position.value,
            purchase_version.index, delivery_version.position.value, delivery_version.index, scans,
            purchase.recipient, purchase.lines, purchase.total, purchase.quote,
            purchase.purchased_at);
  }
};

// The beginning of a purchase's row, without the parts that may be many. Its scans follow.
struct PurchaseHead {
  PurchaseId purchase;
  AccountId buyer;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::optional<Timestamp> closed_at;
  EventId purchase_version;
  EventId delivery_version;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, status, closed_at, purchase_version.position.value,
            purchase_version.index, delivery_version.position.value, delivery_version.index);
  }
};

// A Scan as it lies in a row; its texts point into the row.
struct ScanInRow {
  std::string_view carrier, tracking_number;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::string_view location, code;
  Timestamp occurred_at;

  friend bool operator==(const ScanInRow& a, const Scan& b) {
    return a.occurred_at == b.occurred_at && a.status == b.status &&
           a.tracking_number == b.tracking_number && a.carrier == b.carrier &&
           a.location == b.location && a.code == b.code;
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(carrier, tracking_number, status, location, code, occurred_at);
  }
};

// Visits the scans behind a PurchaseHead, in the order they were recorded, as long as `visit`
// returns true; nothing is copied. Returns how many there are in all.
template <class Visit>
std::uint64_t for_each_scan(RowInput behind_head, const Visit& visit) {
  std::uint64_t count = 0;
  behind_head(count);
  ScanInRow scan;
  for (std::uint64_t i = 0; i < count; ++i) {
    behind_head(scan);
    if (!visit(scan)) break;
  }
  return count;
}

using Account = std::shared_ptr<const AccountView>;
using Product = std::shared_ptr<const ProductView>;
using Purchase = std::shared_ptr<const PurchaseView>;

// An entity after an event.
using EntityView = std::variant<Account, Product, Purchase>;

// A purchase as one of its events leaves it. A parcel that went back closes it when that was
// recorded, not when the carrier says it happened.
PurchaseView evolve(PurchaseCompleted event, EventId id);
PurchaseView evolve(PurchaseView before, const PurchaseCancelled& event, EventId id);
PurchaseView evolve(PurchaseView before, const DeliveryScanned& event, EventId id,
                    Timestamp recorded_at);
PurchaseView evolve(PurchaseView before, const ReceiptConfirmed& event, EventId id);

struct Shop {
  Table<AccountView> accounts;
  Table<OwnerView> owners;  // of open accounts
  Table<ProductView> products;
  Table<StockView> stock;
  Table<PurchaseView> purchases;  // open ones
  CommandKeys keys;

  // Keeps, or drops, what was folded since the last keep() or drop().
  void keep(Timestamp committed_at);
  void drop();
};

// Whether the event's command is remembered in the shop's keys.
bool leaves_key(const RecordedEvent& recorded);

// Folds an event and returns the entity as it is afterwards; none after NothingChanged. REQUIRES:
// the event was decided, or folded before, on a shop like this one.
EntityView fold(Shop& shop, RecordedEvent recorded, EventId id, Timestamp committed_at);

// Folds a whole commit, and keeps it.
void fold(Shop& shop, const Commit& commit, Position position);

}  // namespace jangbu
