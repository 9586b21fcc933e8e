#include "projections/views/shop.hpp"

#include "events/errors.hpp"

namespace jangbu {

namespace {

// One overload per event: it records and does not judge. decide() has settled what may happen.
class Fold {
 public:
  Fold(Shop& shop, EventId id, Timestamp recorded_at, Timestamp committed_at)
      : shop_(shop), id_(id), recorded_at_(recorded_at), committed_at_(committed_at) {}

  EntityView operator()(AccountOpened&& event) {
    return put(AccountView{std::move(event.state), std::nullopt, id_});
  }
  EntityView operator()(AddressChanged&& event) {
    return put(AccountView{std::move(event.state), std::nullopt, id_});
  }
  EntityView operator()(AccountDetailsChanged&& event) {
    return put(AccountView{std::move(event.state), std::nullopt, id_});
  }
  EntityView operator()(AccountClosed&& event) {
    return put(AccountView{std::move(event.state), event.closed_at, id_});
  }

  EntityView operator()(ProductListed&& event) {
    return put(ProductView{std::move(event.state), std::nullopt, id_});
  }
  EntityView operator()(PriceChanged&& event) {
    return put(ProductView{std::move(event.state), std::nullopt, id_});
  }
  EntityView operator()(StockChanged&& event) {
    return put(ProductView{std::move(event.state), std::nullopt, id_});
  }
  EntityView operator()(ProductWithdrawn&& event) {
    return put(ProductView{std::move(event.state), event.withdrawn_at, id_});
  }

  EntityView operator()(PurchaseCompleted&& event) {
    for (const PurchaseLine& line : event.lines) move_stock(line.product, -line.quantity);
    if (event.quote)
      shop_.keys.remember(id_cast<KeyHash>(*event.quote),
                          {id_cast<RequestHash>(event.purchase), id_}, committed_at_);
    return put(evolve(std::move(event), id_));
  }
  EntityView operator()(PurchaseCancelled&& event) {
    for (const PurchaseLine& line : event.lines) move_stock(line.product, line.quantity);
    return put(evolve(open_purchase(event.purchase), event, id_));
  }
  EntityView operator()(DeliveryScanned&& event) {
    return put(evolve(open_purchase(event.purchase), event, id_, recorded_at_));
  }
  EntityView operator()(ReceiptConfirmed&& event) {
    return put(evolve(open_purchase(event.purchase), event, id_));
  }

  // Only its command's key is remembered, as for any event.
  EntityView operator()(NothingChanged&&) { return {}; }

 private:
  EntityView put(AccountView account) {
    shop_.accounts.put(account);
    return std::make_shared<const AccountView>(std::move(account));
  }
  EntityView put(ProductView product) {
    shop_.products.put(product);
    shop_.stock.put({product.state.product, product.state.stock});
    return std::make_shared<const ProductView>(std::move(product));
  }
  EntityView put(PurchaseView purchase) {
    if (is_closed(purchase.status)) {
      shop_.purchases.erase(purchase.purchase.purchase);
    } else {
      shop_.purchases.put(purchase);
    }
    return std::make_shared<const PurchaseView>(std::move(purchase));
  }

  PurchaseView open_purchase(const PurchaseId& id) const {
    auto purchase = shop_.purchases.find(id);
    invariant(purchase.has_value(), "a delivery's events follow its purchase");
    return *std::move(purchase);
  }

  void move_stock(const ProductId& product, std::int64_t change) {
    const auto stock = shop_.stock.find(product);
    invariant(stock.has_value(), "a product that is bought was listed");
    std::int64_t pieces = 0;
    invariant(!__builtin_add_overflow(stock->pieces, change, &pieces) && pieces >= 0,
              "stock never falls below zero, nor beyond what can be counted");
    shop_.stock.put({product, pieces});
  }

  Shop& shop_;
  EventId id_;
  Timestamp recorded_at_;
  Timestamp committed_at_;
};

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
  products.keep();
  stock.keep();
  purchases.keep();
  keys.keep(committed_at);
}

void Shop::drop() {
  accounts.drop();
  products.drop();
  stock.drop();
  purchases.drop();
  keys.drop();
}

bool leaves_key(const RecordedEvent& recorded) {
  const auto* completed = std::get_if<PurchaseCompleted>(&recorded.event);
  return recorded.envelope.command_key || (completed && completed->quote);
}

EntityView fold(Shop& shop, RecordedEvent recorded, EventId id, Timestamp committed_at) {
  if (const auto& key = recorded.envelope.command_key)
    shop.keys.remember(key->key, {key->request, id}, committed_at);
  return std::visit(Fold{shop, id, recorded.envelope.occurred_at, committed_at},
                    std::move(recorded.event));
}

void fold(Shop& shop, Commit commit, Position position) {
  std::uint32_t index = 0;
  for (RecordedEvent& recorded : commit.events)
    fold(shop, std::move(recorded), EventId{position, index++}, commit.committed_at);
  shop.keep(commit.committed_at);
}

}  // namespace jangbu
