#include "commands/purchase.hpp"

#include <map>

#include "events/errors.hpp"

namespace jangbu {

namespace {

std::string text_of(const AccountRef& account) {
  if (const auto* id = std::get_if<AccountId>(&account)) return to_string(*id);
  if (std::holds_alternative<PrincipalId>(account)) return {};
  return std::get<std::string>(account);
}

std::string text_of(const ProductRef& product) {
  if (const auto* id = std::get_if<ProductId>(&product)) return to_string(*id);
  return std::get<std::string>(product);
}

// Both factors are positive and below 2^63; their product need not be.
std::optional<Money> times(const Money& price, std::int64_t quantity) {
  std::int64_t amount = 0;
  if (__builtin_mul_overflow(price.amount, quantity, &amount) || amount > Money::max_amount)
    return std::nullopt;
  return Money{amount, price.currency};
}

// The offer for these lines at the current address and prices, or the first rule that forbids it.
std::variant<Offer, Refusal> offer(const Shop& shop, const AccountRef& buyer,
                                   const std::vector<RequestedLine>& lines) {
  const auto account = find(shop, buyer);
  if (!account) return refusal::AccountNotFound{text_of(buyer)};
  const AccountState& state = account->state;
  if (account->closed_at) return refusal::AccountIsClosed{state.account};

  Offer offer{.buyer = state.account,
              .recipient = {state.person.name, state.person.address},
              .lines = {},
              .total = {}};
  offer.lines.reserve(lines.size());
  for (const RequestedLine& line : lines) {
    const auto found = find(shop, line.product);
    if (!found) return refusal::ProductNotFound{text_of(line.product)};
    const ProductHead& product = *found;
    if (product.withdrawn_at) return refusal::ProductIsWithdrawn{product.product};
    if (offer.lines.empty()) offer.total.currency = product.unit_price.currency;
    if (offer.total.currency != product.unit_price.currency)
      return refusal::MixedCurrencies{offer.total.currency, product.unit_price.currency};
    const auto total = times(product.unit_price, line.quantity);
    if (!total || offer.total.amount + total->amount > Money::max_amount)
      return refusal::TotalTooLarge{};
    offer.total.amount += total->amount;
    offer.lines.push_back(
        {product.product, product.name, product.unit_price, line.quantity, *total});
  }
  return offer;
}

// The first product whose stock does not cover all its lines together.
std::optional<Refusal> lacking_stock(const Shop& shop, const std::vector<PurchaseLine>& lines) {
  std::map<ProductId, std::int64_t> wanted;
  for (const PurchaseLine& line : lines) wanted[line.product] += line.quantity;
  for (const PurchaseLine& line : lines) {
    const auto requested = wanted.extract(line.product);
    if (requested.empty()) continue;  // an earlier line of the same product has asked for all of it
    const auto available = shop.stock.find(line.product);
    invariant(available.has_value(), "every product has a stock");
    if (requested.mapped() > available->pieces)
      return refusal::InsufficientStock{line.product, line.name, requested.mapped(),
                                        available->pieces};
  }
  return std::nullopt;
}

PurchaseCompleted completed(Offer offer, PurchaseId purchase, std::optional<QuoteId> quote,
                            Timestamp at) {
  return {.purchase = purchase,
          .buyer = offer.buyer,
          .recipient = std::move(offer.recipient),
          .lines = std::move(offer.lines),
          .total = offer.total,
          .quote = quote,
          .purchased_at = at};
}

// A late scan can show this even when the status does not.
bool was_picked_up(const Table<PurchaseView>::Begun<PurchaseHead>& purchase) {
  bool picked_up = purchase.head.status >= DeliveryStatus::picked_up;
  if (picked_up) return true;
  for_each_scan(purchase.rest, [&](const ScanInRow& scan) {
    picked_up = scan.status >= DeliveryStatus::picked_up;
    return !picked_up;
  });
  return picked_up;
}

}  // namespace

Decision decide(const Shop& shop, const RequestQuote& command) {
  auto offered = offer(shop, command.buyer, command.lines);
  if (auto* refused = std::get_if<Refusal>(&offered)) return *refused;
  return std::get<Offer>(std::move(offered));
}

Decision decide(const Shop& shop, const ConfirmQuote& command) {
  if (const auto used = shop.keys.find(id_cast<KeyHash>(command.quote)))
    return Repeated{used->event, id_cast<PurchaseId>(used->request)};
  if (command.at >= command.expires_at) return refusal::QuoteExpired{command.expires_at};
  std::vector<RequestedLine> lines;
  lines.reserve(command.lines.size());
  for (const QuotedLine& line : command.lines) lines.push_back({line.product, line.quantity});
  auto offered = offer(shop, command.buyer, lines);
  if (auto* refused = std::get_if<Refusal>(&offered)) return *refused;
  Offer& now = std::get<Offer>(offered);
  if (now.recipient.address != command.recipient.address)
    return refusal::AddressDiffers{command.recipient, now.recipient};
  for (std::size_t i = 0; i < now.lines.size(); ++i)
    if (now.lines[i].unit_price != command.lines[i].unit_price)
      return refusal::PriceDiffers{now.lines[i].product, command.lines[i].unit_price,
                                   now.lines[i].unit_price};
  if (auto lacking = lacking_stock(shop, now.lines)) return *lacking;
  return completed(std::move(now), command.purchase, command.quote, command.at);
}

Decision decide(const Shop& shop, const BuyNow& command) {
  auto offered = offer(shop, command.buyer, command.lines);
  if (auto* refused = std::get_if<Refusal>(&offered)) return *refused;
  Offer& now = std::get<Offer>(offered);
  if (command.expected_total && *command.expected_total != now.total)
    return refusal::PriceDiffers{std::nullopt, *command.expected_total, now.total};
  if (auto lacking = lacking_stock(shop, now.lines)) return *lacking;
  return completed(std::move(now), command.purchase, std::nullopt, command.at);
}

Decision decide(const Shop& shop, const CancelPurchase& command) {
  const auto begun = shop.purchases.begin<PurchaseHead>(command.purchase);
  if (!begun) return refusal::NoOpenPurchase{command.purchase};
  if (was_picked_up(*begun)) return refusal::AlreadyShipped{command.purchase, begun->head.status};
  const PurchaseCompleted purchase = shop.purchases.find(command.purchase)->purchase;
  return PurchaseCancelled{.purchase = purchase.purchase,
                           .buyer = purchase.buyer,
                           .recipient = purchase.recipient,
                           .lines = purchase.lines,
                           .total = purchase.total,
                           .purchased_at = purchase.purchased_at,
                           .reason = command.reason,
                           .cancelled_at = command.at};
}

}  // namespace jangbu
