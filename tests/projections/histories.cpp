#include "tests/projections/histories.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace jangbu::test {

namespace {

// With what a database might stumble over.
constexpr std::array<const char*, 6> names{"홍길동",    "김철수",           "O'Brien; DROP TABLE x",
                                           "Zoë \"Z\"", "{NULL,\\\\}\ttab", "田中 さくら 🍣"};

constexpr std::array stages{DeliveryStatus::label_created,  DeliveryStatus::picked_up,
                            DeliveryStatus::in_transit,     DeliveryStatus::out_for_delivery,
                            DeliveryStatus::attempt_failed, DeliveryStatus::exception,
                            DeliveryStatus::delivered,      DeliveryStatus::returned_to_sender};

Money won(std::int64_t amount) {
  return {amount, {}};
}

}  // namespace

template <class SomeId>
SomeId Histories::new_id() {
  SomeId id;
  ++ids_;
  for (std::size_t i = 0; i < 8; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(ids_ >> (8 * (7 - i)));
  for (std::size_t i = 8; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(random_());
  return id;
}

Commit Histories::next(std::size_t events) {
  Commit commit;
  for (std::size_t i = 0; i < events; ++i) commit.events.push_back(next_event());
  commit.committed_at = {ms_};
  return commit;
}

Commit Histories::open_shop(std::size_t accounts, std::size_t products) {
  Commit commit;
  for (std::size_t i = 0; i < accounts; ++i) commit.events.push_back(record(open_account()));
  for (std::size_t i = 0; i < products; ++i) {
    Event listed = list_product();
    products_.back().state.stock = std::get<ProductListed>(listed).state.stock = 1'000'000'000;
    commit.events.push_back(record(std::move(listed)));
  }
  commit.committed_at = {ms_};
  return commit;
}

RecordedEvent Histories::trade() {
  constexpr std::size_t most_open = 20'000;
  ++ms_;
  if (purchases_.size() == most_open) forget(below(most_open));
  if (purchases_.empty() || below(10) < 6) return record(buy(1 + below(3)));
  return record(go_on(below(purchases_.size())));
}

std::map<ProductId, std::int64_t> Histories::stocks() const {
  std::map<ProductId, std::int64_t> stocks;
  for (const Product& product : products_) stocks[product.state.product] = product.state.stock;
  return stocks;
}

RecordedEvent Histories::record(Event event) {
  RecordedEvent recorded{{}, std::move(event)};
  recorded.envelope.occurred_at = {ms_};
  recorded.envelope.correlation = "request-" + std::to_string(ids_);
  return recorded;
}

RecordedEvent Histories::next_event() {
  ms_ += static_cast<std::int64_t>(below(1'000));
  if (accounts_.empty() || below(20) == 0) return record(open_account());
  if (products_.empty() || below(20) == 0) return record(list_product());
  switch (below(8)) {
    case 0: {
      Account& account = accounts_[below(accounts_.size())];
      if (account.open) return record(change_account(account));
      break;
    }
    case 1: {
      Product& product = products_[below(products_.size())];
      if (product.listed) return record(change_product(product));
      break;
    }
    case 2:
    case 3:
    case 4:
      if (!purchases_.empty()) return record(go_on(below(purchases_.size())));
      break;
    default:
      break;
  }
  return record(buy(1 + below(3)));
}

Event Histories::open_account() {
  AccountState state{.account = new_id<AccountId>(),
                     .person = {names[below(names.size())] + std::to_string(ids_),
                                below(2) ? "a@example.com" : "",
                                {"세종대로 " + std::to_string(below(300)), "03171"}},
                     .member_type = below(4) ? MemberType::buyer : MemberType::seller,
                     .membership_level = static_cast<MembershipLevel>(below(4)),
                     .opened_at = {ms_}};
  accounts_.push_back({state});
  return AccountOpened{state};
}

Event Histories::list_product() {
  ProductState state{.product = new_id<ProductId>(),
                     .name = names[below(names.size())] + std::to_string(ids_),
                     .unit_price = won(static_cast<std::int64_t>(100 + below(90'000))),
                     .stock = static_cast<std::int64_t>(below(30)),
                     .description = below(2) ? "설명 \"quoted\"" : "",
                     .listed_at = {ms_}};
  products_.push_back({state});
  return ProductListed{state};
}

Event Histories::change_account(Account& account) {
  AccountState& state = account.state;
  switch (below(5)) {
    case 0:
      account.open = false;
      return AccountClosed{state, {ms_}};
    case 1:
      state.person.name = names[below(names.size())] + std::to_string(++ids_);
      return AccountDetailsChanged{state};
    default:
      state.person.address.line = "Street " + std::to_string(below(100));
      return AddressChanged{state};
  }
}

Event Histories::change_product(Product& product) {
  ProductState& state = product.state;
  switch (below(6)) {
    case 0:
      product.listed = false;
      return ProductWithdrawn{state, {ms_}};
    case 1:
      state.unit_price.amount += 100;
      return PriceChanged{state};
    default: {
      const auto change = static_cast<std::int64_t>(1 + below(20));
      state.stock += change;
      return StockChanged{state, change, "delivery"};
    }
  }
}

// Of what can be had; where nothing can, a new product is listed instead.
Event Histories::buy(std::size_t lines) {
  std::vector<Product*> offered;
  for (std::size_t tries = 0; tries < 8 && offered.size() < lines; ++tries) {
    Product& product = products_[below(products_.size())];
    if (product.listed && product.state.stock > 0 &&
        std::find(offered.begin(), offered.end(), &product) == offered.end())
      offered.push_back(&product);
  }
  if (offered.empty()) return list_product();
  const AccountState& buyer = accounts_[below(accounts_.size())].state;
  PurchaseCompleted purchase{
      .purchase = new_id<PurchaseId>(),
      .buyer = buyer.account,
      .recipient = {buyer.person.name, buyer.person.address},
      .lines = {},
      .total = won(0),
      .quote = below(2) == 0 ? std::optional(new_id<QuoteId>()) : std::nullopt,
      .purchased_at = {ms_}};
  for (Product* product : offered) {
    ProductState& state = product->state;
    const auto quantity = static_cast<std::int64_t>(
        1 + below(static_cast<std::size_t>(std::min<std::int64_t>(state.stock, 3))));
    const Money total = won(state.unit_price.amount * quantity);
    state.stock -= quantity;
    purchase.total.amount += total.amount;
    purchase.lines.push_back({state.product, state.name, state.unit_price, quantity, total});
  }
  purchases_.push_back({purchase, DeliveryStatus::preparing, std::to_string(ids_)});
  return purchase;
}

// A cancellation, a scan or a receipt.
Event Histories::go_on(std::size_t which) {
  Purchase& purchase = purchases_[which];
  const PurchaseCompleted completed = purchase.completed;
  if (purchase.status <= DeliveryStatus::label_created && below(5) == 0) {
    const auto id = [](const Product& product) { return product.state.product; };  // ascending
    for (const PurchaseLine& line : completed.lines)
      std::ranges::lower_bound(products_, line.product, {}, id)->state.stock += line.quantity;
    forget(which);
    return PurchaseCancelled{
        completed.purchase, completed.buyer,        completed.recipient, completed.lines,
        completed.total,    completed.purchased_at, "changed my mind",   {ms_}};
  }
  if (purchase.status == DeliveryStatus::delivered && below(2) == 0) {
    forget(which);
    return ReceiptConfirmed{completed.purchase, completed.buyer, {ms_}};
  }
  // A scan that comes late enters the history and leaves the status.
  Scan scan{.carrier = below(2) ? "CJ대한통운" : "우체국",
            .tracking_number = purchase.tracking_number,
            .status = stages[below(stages.size())],
            .location = below(2) ? "서울" : "",
            .code = "",
            .occurred_at = {ms_}};
  if (purchase.status == DeliveryStatus::delivered) scan.status = DeliveryStatus::in_transit;
  purchase.status = std::max(purchase.status, scan.status);
  const DeliveryScanned scanned{completed.purchase, completed.buyer, scan, purchase.status};
  if (purchase.status == DeliveryStatus::returned_to_sender) forget(which);
  return scanned;
}

void Histories::forget(std::size_t which) {
  std::swap(purchases_[which], purchases_.back());
  purchases_.pop_back();
}

}  // namespace jangbu::test
