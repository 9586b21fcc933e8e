#include "commands/command.hpp"

#include <algorithm>

#include "commands/ownership.hpp"

namespace jangbu {

namespace {

// The version of the entity that a command addresses, if that entity is in memory.
class VersionOf {
 public:
  explicit VersionOf(const Shop& shop) : shop_(shop) {}

  template <class ToAccount>
  requires requires(const ToAccount& to) { to.account; }
  std::optional<EventId> operator()(const ToAccount& to) const {
    return of(shop_.accounts.find(to.account), &AccountView::version);
  }
  template <class ToProduct>
  requires requires(const ToProduct& to) { to.product; }
  std::optional<EventId> operator()(const ToProduct& to) const {
    return of(shop_.products.find(to.product), &ProductView::version);
  }
  std::optional<EventId> operator()(const CancelPurchase& to) const {
    return of(to.purchase, &PurchaseHead::purchase_version);
  }
  std::optional<EventId> operator()(const RecordScan& to) const {
    return of(to.purchase, &PurchaseHead::delivery_version);
  }
  std::optional<EventId> operator()(const ConfirmReceipt& to) const {
    return of(to.purchase, &PurchaseHead::delivery_version);
  }
  // These make something new.
  std::optional<EventId> operator()(const RequestQuote&) const { return std::nullopt; }
  std::optional<EventId> operator()(const ConfirmQuote&) const { return std::nullopt; }
  std::optional<EventId> operator()(const BuyNow&) const { return std::nullopt; }
  // Whoever submits it has already compared the versions.
  std::optional<EventId> operator()(const LeaveClosed&) const { return std::nullopt; }

 private:
  template <class View>
  static std::optional<EventId> of(const std::optional<View>& view, EventId View::*version) {
    return view ? std::optional((*view).*version) : std::nullopt;
  }

  std::optional<EventId> of(const PurchaseId& purchase, EventId PurchaseHead::*version) const {
    const auto begun = shop_.purchases.begin<PurchaseHead>(purchase);
    return begun ? std::optional(begun->head.*version) : std::nullopt;
  }

  const Shop& shop_;
};

// The entity as an answer shows it.
struct AsShown {
  NothingChanged operator()(const Account& account) const {
    return {{EntityKind::account, id_cast<EntityId>(account->state.account)}, account->version, {}};
  }
  NothingChanged operator()(const Product& product) const {
    return {{EntityKind::product, id_cast<EntityId>(product->state.product)},
            product->version,
            product->state.stock};
  }
  NothingChanged operator()(const Purchase& purchase) const {
    return {{EntityKind::purchase, id_cast<EntityId>(purchase->purchase.purchase)},
            purchase->delivery_version,
            {}};
  }
};

bool is_same_request(const RequestHash& request, const Conditions& as) {
  return request == as.key->request ||
         std::ranges::find(as.former_keys, request, &CommandKey::request) != as.former_keys.end();
}

// The command that was carried out with this key before.
struct Done {
  CommandKeys::Remembered command;
  bool unscoped;  // as in Repeated
};

// REQUIRES: there is a key.
std::optional<Done> find_done(const Shop& shop, const Conditions& by, const Principal& asker) {
  if (const auto done = shop.keys.find(by.key->key)) return Done{*done, false};
  for (const CommandKey& former : by.former_keys) {
    if (former.key == by.key->key) continue;
    const auto done = shop.keys.find(former.key);
    if (done && (asker.acts_for_all() || is_same_request(done->request, by)))
      return Done{*done, !asker.acts_for_all()};
  }
  return std::nullopt;
}

// A name that is taken is refused, whosever it is, but whose it is stays the shop's.
void hide_others(Decision& decision) {
  if (auto* refused = std::get_if<Refusal>(&decision))
    if (auto* taken = std::get_if<refusal::AccountNameTaken>(refused)) taken->holder.reset();
}

}  // namespace

Timestamp time_of(const Command& command, Timestamp now) {
  return std::visit(
      [&](const auto& given) {
        if constexpr (requires { given.at; })
          return given.at;
        else
          return now;
      },
      command);
}

Decision decide(const Shop& shop, const Command& command, const Conditions& conditions,
                const Principal& asker) {
  if (auto refused = not_theirs(shop, command, asker)) return *std::move(refused);
  if (conditions.key) {
    if (const auto done = find_done(shop, conditions, asker)) {
      if (!is_same_request(done->command.request, conditions)) return refusal::KeyReused{};
      return Repeated{.event = done->command.event, .unscoped = done->unscoped};
    }
  }
  if (conditions.if_match) {
    const auto actual = std::visit(VersionOf{shop}, command);
    const auto& expected = *conditions.if_match;
    if (actual && std::find(expected.begin(), expected.end(), *actual) == expected.end())
      return refusal::VersionDiffers{expected, *actual};
  }
  Decision decision = std::visit([&](const auto& to) { return decide(shop, to); }, command);
  if (!asker.acts_for_all()) hide_others(decision);
  return decision;
}

std::optional<NothingChanged> nothing_changed(const Shop& shop, const Conditions& conditions,
                                              const Principal& asker, const Decision& decision) {
  if (!conditions.key || find_done(shop, conditions, asker)) return std::nullopt;
  if (const auto* unchanged = std::get_if<Unchanged>(&decision))
    return std::visit(AsShown{}, unchanged->entity);
  if (const auto* repeated = std::get_if<Repeated>(&decision); repeated && repeated->purchase)
    return NothingChanged{
        {EntityKind::purchase, id_cast<EntityId>(*repeated->purchase)}, repeated->event, {}};
  return std::nullopt;
}

}  // namespace jangbu
