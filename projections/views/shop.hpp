// What commands are validated against: accounts, products with their stock, purchases on their way,
// and the commands that were already carried out. A fold of the log, held in memory.
//
// Rows are immutable and shared: a change puts a new row in place of the old one, so an answer can
// be made from a row on another thread while the shop goes on.
//
// Threads: a Shop belongs to one thread (the writer's); the rows may be read from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"
#include "projections/views/table.hpp"

namespace jangbu {

struct AccountView {
  AccountState state;
  std::optional<Timestamp> closed_at;
  EventId version;  // the account's last event

  friend bool operator==(const AccountView&, const AccountView&) = default;
};

struct ProductView {
  ProductState state;  // its stock is as of the product's last own event; Shop::stock is now
  std::optional<Timestamp> withdrawn_at;
  EventId version;

  friend bool operator==(const ProductView&, const ProductView&) = default;
};

// A purchase with its delivery. In memory while it is open; the view made by the event that closes
// it is only for the answer.
struct PurchaseView {
  PurchaseCompleted purchase;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::vector<Scan> scans;  // in the order they were recorded
  std::optional<Timestamp> closed_at;
  EventId purchase_version;  // scans on the way do not change the purchase
  EventId delivery_version;

  friend bool operator==(const PurchaseView&, const PurchaseView&) = default;
};

using Account = std::shared_ptr<const AccountView>;
using Product = std::shared_ptr<const ProductView>;
using Purchase = std::shared_ptr<const PurchaseView>;

// An entity after an event.
using EntityView = std::variant<Account, Product, Purchase>;

bool is_closed(DeliveryStatus status);

// A purchase as it is after an event of it.
PurchaseView evolve(PurchaseCompleted event, EventId id);
PurchaseView evolve(PurchaseView before, const PurchaseCancelled& event, EventId id);
PurchaseView evolve(PurchaseView before, const DeliveryScanned& event, EventId id);
PurchaseView evolve(PurchaseView before, const ReceiptConfirmed& event, EventId id);

// Commands that were carried out, by their idempotency key or by the quote they used up: for 24
// hours of the log's time, or, when they are more than the budget, for as long as it lasts, but
// never for less than an hour.
//
// What is forgotten when follows from the log and the budget alone, so a replay remembers what the
// running shop did. What the log holds of the last hour is remembered whatever the budget: it is
// kept by taking no more commands that have to be remembered.
class CommandKeys {
 public:
  struct Remembered {
    RequestHash request;  // zero for a quote
    EventId event;

    friend bool operator==(const Remembered&, const Remembered&) = default;
  };

  static constexpr std::int64_t longest_ms = 24 * 60 * 60 * 1000;
  static constexpr std::int64_t shortest_ms = 60 * 60 * 1000;
  static constexpr std::size_t default_budget = 50'000'000;
  // What one takes, roughly: measured, see docs/operations.md.
  static constexpr std::size_t bytes_each = 112;

  explicit CommandKeys(std::size_t budget = default_budget) : budget_(budget) {}

  const Remembered* find(const KeyHash& key) const { return keys_.find(key); }
  void remember(const KeyHash& key, const Remembered& command, Timestamp committed_at);

  // No room for one more: those that are here may not be forgotten yet.
  bool full(Timestamp now) const;

  // How far back keys are remembered.
  std::int64_t window_ms(Timestamp now) const;

  // Keeps what was remembered since the last keep() or drop(), and forgets what is older than the
  // window that ends now.
  void keep(Timestamp now);
  void drop();

  std::size_t size() const { return by_age_.size(); }
  const Table<KeyHash, Remembered>& all() const { return keys_; }

 private:
  void forget_oldest();
  // True when a younger entry of the key has been, or will be, there.
  bool was_renewed(const KeyHash& key);

  std::size_t budget_;
  Table<KeyHash, Remembered> keys_;
  std::deque<std::pair<Timestamp, KeyHash>> by_age_;  // oldest first
  std::size_t staged_ = 0;                            // how many at the end of by_age_
  // Keys that are more than once in by_age_, and how often more: they were forgotten by a shop of a
  // smaller budget and used again.
  std::unordered_map<KeyHash, std::size_t> renewed_;
};

struct Shop {
  Table<AccountId, Account> accounts;
  Table<std::string, AccountId> account_names;  // of open accounts
  Table<ProductId, Product> products;
  Table<std::string, ProductId> product_names;  // of products not withdrawn
  Table<ProductId, std::int64_t> stock;         // apart, since every purchase moves it
  Table<PurchaseId, Purchase> purchases;        // open ones
  CommandKeys keys;

  // What was folded since the last keep() or drop() stays, or goes.
  void keep(Timestamp committed_at);
  void drop();
};

// Whether the event's command is remembered in the shop's keys.
bool leaves_key(const RecordedEvent& recorded);

// Takes an event in and gives the entity as it is after it. REQUIRES: the event was decided, or
// folded before, on a shop like this one.
EntityView fold(Shop& shop, RecordedEvent recorded, EventId id, Timestamp committed_at);

// Takes a whole commit in, and keeps it.
void fold(Shop& shop, Commit commit, Position position);

}  // namespace jangbu
