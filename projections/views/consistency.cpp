#include "projections/views/consistency.hpp"

#include <cstdint>
#include <map>

namespace jangbu {

namespace {

// One overload per event. Each returns the first contradiction it finds; no text means none.
class Judge {
 public:
  explicit Judge(const Shop& shop) : shop_(shop) {}

  std::string operator()(const AccountOpened& event) const {
    if (shop_.accounts.find(event.state.account)) return "the account was opened before";
    if (shop_.accounts.find_by_name(event.state.person.name))
      return "another open account has the name " + event.state.person.name;
    if (event.state.owner && shop_.owners.find(*event.state.owner))
      return "its owner has another open account";
    return {};
  }
  std::string operator()(const AddressChanged& event) const { return open(event.state); }
  std::string operator()(const AccountDetailsChanged& event) const {
    const auto owner = shop_.accounts.find_by_name(event.state.person.name);
    if (owner && owner->state.account != event.state.account)
      return "another open account has the name " + event.state.person.name;
    return open(event.state);
  }
  std::string operator()(const AccountClosed& event) const { return open(event.state); }

  std::string operator()(const ProductListed& event) const {
    if (shop_.products.find(event.state.product)) return "the product was listed before";
    if (shop_.products.find_by_name(event.state.name))
      return "another product on sale has the name " + event.state.name;
    if (event.state.stock < 0) return "its stock is below zero";
    return {};
  }
  std::string operator()(const PriceChanged& event) const { return on_sale(event.state, 0); }
  std::string operator()(const StockChanged& event) const {
    return on_sale(event.state, event.change);
  }
  std::string operator()(const ProductWithdrawn& event) const { return on_sale(event.state, 0); }

  std::string operator()(const PurchaseCompleted& event) const {
    if (shop_.purchases.find(event.purchase)) return "the purchase was completed before";
    const auto buyer = shop_.accounts.find(event.buyer);
    if (!buyer) return "its buyer has no account";
    if (buyer->closed_at) return "its buyer's account is closed";
    if (event.lines.empty()) return "it has no lines";
    std::map<ProductId, std::int64_t> bought;
    std::int64_t total = 0;
    for (const PurchaseLine& line : event.lines) {
      const auto product = shop_.products.find(line.product);
      if (!product) return "the product " + to_string(line.product) + " was never listed";
      if (product->withdrawn_at) return "the product " + to_string(line.product) + " was withdrawn";
      if (line.quantity < 1) return "a line's quantity is below one";
      std::int64_t amount = 0;
      if (__builtin_mul_overflow(line.unit_price.amount, line.quantity, &amount) ||
          line.total != Money{amount, line.unit_price.currency})
        return "a line's total is not its price times its quantity";
      if (line.total.currency != event.total.currency ||
          __builtin_add_overflow(total, amount, &total) ||
          __builtin_add_overflow(bought[line.product], line.quantity, &bought[line.product]))
        return "its total is not the sum of its lines";
      if (const auto stock = shop_.stock.find(line.product); bought[line.product] > stock->pieces)
        return "it takes " + std::to_string(bought[line.product]) + " of the product " +
               to_string(line.product) + ", of which there were " + std::to_string(stock->pieces);
    }
    if (total != event.total.amount) return "its total is not the sum of its lines";
    return {};
  }
  std::string operator()(const PurchaseCancelled& event) const {
    const auto purchase = shop_.purchases.find(event.purchase);
    if (!purchase) return "no purchase is open that it could cancel";
    const PurchaseCompleted& completed = purchase->purchase;
    if (completed.buyer != event.buyer) return "its buyer is not the purchase's";
    if (completed.lines != event.lines || completed.total != event.total)
      return "its lines are not the purchase's";
    return {};
  }
  std::string operator()(const DeliveryScanned& event) const {
    const auto purchase = shop_.purchases.find(event.purchase);
    if (!purchase) return "no delivery is open that it could be a scan of";
    if (purchase->purchase.buyer != event.buyer) return "its buyer is not the purchase's";
    if (event.previous && *event.previous != purchase->status)
      return "the status before it was " + std::string(to_string(purchase->status)) + ", not " +
             std::string(to_string(*event.previous));
    return {};
  }
  std::string operator()(const ReceiptConfirmed& event) const {
    const auto purchase = shop_.purchases.find(event.purchase);
    if (!purchase) return "no delivery is open whose receipt it could confirm";
    if (purchase->purchase.buyer != event.buyer) return "its buyer is not the purchase's";
    if (purchase->status != DeliveryStatus::delivered)
      return "the delivery was not delivered, but " + std::string(to_string(purchase->status));
    return {};
  }
  std::string operator()(const NothingChanged& event) const {
    switch (event.entity.kind) {
      case EntityKind::account: {
        const auto account = shop_.accounts.find(id_cast<AccountId>(event.entity.id));
        return account ? at(event, account->version) : "the account was never opened";
      }
      case EntityKind::product: {
        const auto id = id_cast<ProductId>(event.entity.id);
        const auto product = shop_.products.find(id);
        if (!product) return "the product was never listed";
        if (event.stock != shop_.stock.find(id)->pieces) return "the stock was another";
        return at(event, product->version);
      }
      case EntityKind::purchase:  // it may be closed, and a used quote refers to its first event
        break;
    }
    return {};
  }

 private:
  static std::string at(const NothingChanged& event, EventId version) {
    if (event.version == version) return {};
    return "it says that the last event of it was " + to_string(event.version) + ", but it was " +
           to_string(version);
  }

  std::string open(const AccountState& state) const {
    const auto account = shop_.accounts.find(state.account);
    if (!account) return "the account was never opened";
    if (account->closed_at) return "the account is closed";
    if (account->state.owner != state.owner) return "its owner is not the account's";
    return {};
  }

  // The state's stock must be the stock before it plus the change.
  std::string on_sale(const ProductState& state, std::int64_t change) const {
    const auto product = shop_.products.find(state.product);
    if (!product) return "the product was never listed";
    if (product->withdrawn_at) return "the product is withdrawn";
    if (product->state.seller != state.seller) return "its seller is not the product's";
    if (state.stock < 0) return "its stock is below zero";
    const std::int64_t before = shop_.stock.find(state.product)->pieces;
    std::int64_t after = 0;
    if (__builtin_add_overflow(before, change, &after) || after != state.stock)
      return "it says that the stock is " + std::to_string(state.stock) + " after a change of " +
             std::to_string(change) + ", but there were " + std::to_string(before);
    return {};
  }

  const Shop& shop_;
};

}  // namespace

std::string contradiction(const Shop& shop, const Event& event) {
  return std::visit(Judge{shop}, event);
}

}  // namespace jangbu
