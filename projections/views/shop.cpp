#include "projections/views/shop.hpp"

#include <algorithm>
#include <span>
#include <type_traits>

#include "events/errors.hpp"

namespace jangbu {

namespace {

// The scans behind a PurchaseHead: how many they are, their bytes, and what follows them.
struct ScansInRow {
  explicit ScansInRow(RowInput behind_head) {
    behind_head(count);
    const std::string_view from = behind_head.rest();
    ScanInRow scan;
    for (std::uint64_t i = 0; i < count; ++i) behind_head(scan);
    behind = behind_head.rest();
    bytes = from.substr(0, from.size() - behind.size());
  }

  std::uint64_t count = 0;
  std::string_view bytes;
  std::string_view behind;
};

// An event of one of these kinds, which may be used up if it is an rvalue.
template <class Event, class... Facts>
concept OfKind = OneOf<std::remove_cvref_t<Event>, Facts...>;

// One overload per kind of event: it records and does not judge. decide() has settled what may
// happen. Returns the entity as it is afterwards if the answer to a command is to show it; a replay
// does not need it, and so does not make it.
class Fold {
 public:
  Fold(Shop& shop, bool answers, EventId id, Timestamp recorded_at, Timestamp committed_at)
      : shop_(shop),
        answers_(answers),
        id_(id),
        recorded_at_(recorded_at),
        committed_at_(committed_at) {}

  template <OfKind<AccountOpened> Given>
  EntityView operator()(Given&& event) {
    if (event.state.owner) shop_.owners.put({*event.state.owner, event.state.account});
    return put(AccountView{std::forward<Given>(event).state, std::nullopt, id_});
  }
  template <OfKind<AddressChanged, AccountDetailsChanged> Given>
  EntityView operator()(Given&& event) {
    return put(AccountView{std::forward<Given>(event).state, std::nullopt, id_});
  }
  template <OfKind<AccountClosed> Given>
  EntityView operator()(Given&& event) {
    if (event.state.owner) shop_.owners.erase(*event.state.owner);
    return put(AccountView{std::forward<Given>(event).state, event.closed_at, id_});
  }

  template <OfKind<ProductListed, PriceChanged, StockChanged> Given>
  EntityView operator()(Given&& event) {
    return put(ProductView{std::forward<Given>(event).state, std::nullopt, id_});
  }
  template <OfKind<ProductWithdrawn> Given>
  EntityView operator()(Given&& event) {
    return put(ProductView{std::forward<Given>(event).state, event.withdrawn_at, id_});
  }

  template <OfKind<PurchaseCompleted> Given>
  EntityView operator()(Given&& event) {
    buy(event);
    return answers_ ? answer(evolve(std::forward<Given>(event), id_)) : EntityView{};
  }
  EntityView operator()(const PurchaseCancelled& event) {
    for (const PurchaseLine& line : event.lines) move_stock(line.product, line.quantity);
    EntityView cancelled = answer_after(event);
    close(event.purchase);
    return cancelled;
  }
  EntityView operator()(const DeliveryScanned& event) {
    EntityView scanned = answer_after(event, recorded_at_);
    if (is_closed(event.status))
      close(event.purchase);
    else
      add_scan(event);
    return scanned;
  }
  EntityView operator()(const ReceiptConfirmed& event) {
    EntityView confirmed = answer_after(event);
    close(event.purchase);
    return confirmed;
  }

  // Only its command's key is remembered, as for any event.
  EntityView operator()(const NothingChanged&) { return {}; }

 private:
  EntityView put(AccountView account) {
    shop_.accounts.put(account);
    return answer(std::move(account));
  }
  EntityView put(ProductView product) {
    shop_.products.put(product);
    shop_.stock.put({product.state.product, product.state.stock});
    return answer(std::move(product));
  }

  void buy(const PurchaseCompleted& event) {
    for (const PurchaseLine& line : event.lines) move_stock(line.product, -line.quantity);
    if (event.quote)
      shop_.keys.remember(id_cast<KeyHash>(*event.quote),
                          {id_cast<RequestHash>(event.purchase), id_}, committed_at_);
    // As evolve() makes the view, without making one.
    shop_.purchases.write([&](RowOutput& output) {
      output(PurchaseHead{.purchase = event.purchase,
                          .buyer = event.buyer,
                          .status = DeliveryStatus::preparing,
                          .closed_at = {},
                          .purchase_version = id_,
                          .delivery_version = id_});
      constexpr std::uint64_t scans = 0;
      output(scans, event.recipient, event.lines, event.total, event.quote, event.purchased_at);
    });
  }

  // As evolve() does it to the view, without making one: the other scans are copied as they lie.
  void add_scan(const DeliveryScanned& event) {
    const auto write = [&](Table<PurchaseView>::Begun<PurchaseHead> row, RowOutput& output) {
      row.head.status = event.status;
      row.head.delivery_version = id_;
      const ScansInRow scans(row.rest);
      output(row.head, scans.count + 1);
      output.copy(scans.bytes);
      output(event.scan);
      output.copy(scans.behind);
    };
    require_open(shop_.purchases.rewrite<PurchaseHead>(event.purchase, write));
  }

  void close(const PurchaseId& purchase) { require_open(shop_.purchases.erase(purchase)); }

  static void require_open(bool is_open) {
    invariant(is_open, "a delivery's events follow its purchase");
  }

  void move_stock(const ProductId& product, std::int64_t change) {
    const auto write = [&](Table<StockView>::Begun<StockView> stock, RowOutput& output) {
      std::int64_t& pieces = stock.head.pieces;
      invariant(!__builtin_add_overflow(pieces, change, &pieces) && pieces >= 0,
                "stock never falls below zero, nor beyond what can be counted");
      output(stock.head);
    };
    invariant(shop_.stock.rewrite<StockView>(product, write),
              "a product that is bought was listed");
  }

  template <class View>
  EntityView answer(View&& view) const {
    if (!answers_) return {};
    return std::make_shared<const std::remove_cvref_t<View>>(std::forward<View>(view));
  }

  // REQUIRES: the shop has not folded the event yet.
  template <class Fact, class... Time>
  EntityView answer_after(const Fact& event, Time... recorded_at) const {
    if (!answers_) return {};
    auto before = shop_.purchases.find(event.purchase);
    require_open(before.has_value());
    return answer(evolve(*std::move(before), event, id_, recorded_at...));
  }

  Shop& shop_;
  bool answers_;
  EventId id_;
  Timestamp recorded_at_;
  Timestamp committed_at_;
};

// Fetches what folding the event will need.
class Expect {
 public:
  explicit Expect(const Shop& shop) : shop_(shop) {}

  void operator()(const PurchaseCompleted& event) const {
    if (event.quote) shop_.keys.expect(id_cast<KeyHash>(*event.quote));
    lines(event.lines);
    shop_.purchases.expect(event.purchase);
  }
  void operator()(const PurchaseCancelled& event) const {
    lines(event.lines);
    shop_.purchases.expect(event.purchase);
  }
  template <OneOf<DeliveryScanned, ReceiptConfirmed> Fact>
  void operator()(const Fact& event) const {
    shop_.purchases.expect(event.purchase);
  }
  template <OneOf<AccountFacts, ProductFacts, NothingChanged> Fact>
  void operator()(const Fact&) const {}

 private:
  void lines(const std::vector<PurchaseLine>& lines) const {
    for (const PurchaseLine& line : lines) shop_.stock.expect(line.product);
  }

  const Shop& shop_;
};

void expect(const Shop& shop, std::span<const RecordedEvent> events) {
  for (const RecordedEvent& recorded : events) {
    if (const auto& key = recorded.envelope.command_key) shop.keys.expect(key->key);
    std::visit(Expect(shop), recorded.event);
  }
}

}  // namespace

PurchaseView evolve(PurchaseCompleted event, EventId id) {
  return {.purchase = std::move(event), .purchase_version = id, .delivery_version = id};
}

PurchaseView evolve(PurchaseView before, const PurchaseCancelled& event, EventId id) {
  before.status = DeliveryStatus::cancelled;
  before.closed_at = event.cancelled_at;
  before.purchase_version = before.delivery_version = id;
  return before;
}

PurchaseView evolve(PurchaseView before, const DeliveryScanned& event, EventId id,
                    Timestamp recorded_at) {
  before.status = event.status;
  before.scans.push_back(event.scan);
  before.delivery_version = id;
  if (is_closed(event.status)) {
    before.closed_at = recorded_at;
    before.purchase_version = id;
  }
  return before;
}

PurchaseView evolve(PurchaseView before, const ReceiptConfirmed& event, EventId id) {
  before.status = DeliveryStatus::receipt_confirmed;
  before.closed_at = event.confirmed_at;
  before.purchase_version = before.delivery_version = id;
  return before;
}

void Shop::keep(Timestamp committed_at) {
  accounts.keep();
  owners.keep();
  products.keep();
  stock.keep();
  purchases.keep();
  keys.keep(committed_at);
}

void Shop::drop() {
  accounts.drop();
  owners.drop();
  products.drop();
  stock.drop();
  purchases.drop();
  keys.drop();
}

bool leaves_key(const RecordedEvent& recorded) {
  const auto* completed = std::get_if<PurchaseCompleted>(&recorded.event);
  return recorded.envelope.command_key || (completed && completed->quote);
}

namespace {

template <class Recorded>
EntityView fold(Shop& shop, bool answers, Recorded&& recorded, EventId id, Timestamp committed_at) {
  if (const auto& key = recorded.envelope.command_key)
    shop.keys.remember(key->key, {key->request, id}, committed_at);
  return std::visit(Fold{shop, answers, id, recorded.envelope.occurred_at, committed_at},
                    std::forward<Recorded>(recorded).event);
}

}  // namespace

EntityView fold(Shop& shop, RecordedEvent recorded, EventId id, Timestamp committed_at) {
  return fold(shop, true, std::move(recorded), id, committed_at);
}

void fold(Shop& shop, const Commit& commit, Position position) {
  constexpr std::size_t expected = 16;
  const std::span events(commit.events);
  for (std::size_t index = 0; index < events.size(); ++index) {
    if (index % expected == 0)
      expect(shop, events.subspan(index, std::min(expected, events.size() - index)));
    fold(shop, false, events[index], EventId{position, static_cast<std::uint32_t>(index)},
         commit.committed_at);
  }
  shop.keep(commit.committed_at);
}

}  // namespace jangbu
