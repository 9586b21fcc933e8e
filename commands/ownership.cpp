#include "commands/ownership.hpp"

#include <algorithm>

namespace jangbu {

namespace {

using NotTheirs = std::optional<Refusal>;

NotTheirs forbidden(const char* why) {
  return refusal::Forbidden{why};
}

// Says the same of every account but its own, so that nobody learns which accounts there are.
constexpr auto only_own_account = "You can only use your own account.";

// One overload per command. REQUIRES: the principal does not act for all.
class Judge {
 public:
  Judge(const Shop& shop, const Principal& asker) : shop_(shop), asker_(asker) {}

  NotTheirs operator()(const OpenAccount& command) const {
    if (!asker_.roles.has(Role::buyer) || command.owner != asker_.id)
      return forbidden("You can only open an account of your own, as a buyer.");
    if (command.member_type != MemberType::buyer)
      return forbidden("A buyer's account has the member type 'buyer'.");
    return without_level(command.membership_level != MembershipLevel::none);
  }
  NotTheirs operator()(const ChangeAddress& command) const { return own(command.account); }
  NotTheirs operator()(const ChangeAccountDetails& command) const {
    if (auto no = own(command.account)) return no;
    return without_level(command.membership_level.has_value());
  }
  NotTheirs operator()(const CloseAccount& command) const { return own(command.account); }

  NotTheirs operator()(const ListProduct& command) const {
    if (asker_.roles.has(Role::seller) && command.seller == asker_.id) return std::nullopt;
    return forbidden("You can only list products of your own, as a seller.");
  }
  NotTheirs operator()(const ChangePrice& command) const { return own(command.product); }
  NotTheirs operator()(const ChangeStock& command) const { return own(command.product); }
  NotTheirs operator()(const WithdrawProduct& command) const { return own(command.product); }

  NotTheirs operator()(const RequestQuote& command) const { return own(command.buyer); }
  NotTheirs operator()(const ConfirmQuote& command) const { return own(command.buyer); }
  NotTheirs operator()(const BuyNow& command) const { return own(command.buyer); }

  NotTheirs operator()(const CancelPurchase& command) const { return own(command.purchase); }
  NotTheirs operator()(const ConfirmReceipt& command) const { return own(command.purchase); }

  NotTheirs operator()(const RecordScan& command) const {
    const bool carries = asker_.roles.has(Role::carrier), sells = asker_.roles.has(Role::seller);
    if (!carries && !sells) return forbidden("Scans are recorded by carriers.");
    const auto delivery = shop_.purchases.find(command.purchase);
    if (!delivery) return std::nullopt;
    const Scan* first = delivery->scans.empty() ? nullptr : &delivery->scans.front();
    if (carries && first && first->carrier == asker_.carrier) {
      if (command.scan.carrier == asker_.carrier) return std::nullopt;
      return forbidden("A carrier's scans name its own code as their carrier.");
    }
    if (sells && has_own_line(delivery->purchase)) {
      // The first scan, or that one once more.
      const bool is_first = !first || *first == command.scan;
      if (is_first && command.scan.status == DeliveryStatus::label_created) return std::nullopt;
      return forbidden("A seller records the first scan only, with the status 'label-created'.");
    }
    return refusal::NoOpenPurchase{command.purchase};
  }
  // Whoever submits it has looked whose delivery it was.
  NotTheirs operator()(const LeaveClosed&) const { return std::nullopt; }

 private:
  bool owns(const AccountId& account) const {
    const auto begun = shop_.accounts.begin<AccountHead>(account);
    return asker_.roles.has(Role::buyer) && begun && begun->head.owner == asker_.id;
  }

  NotTheirs own(const AccountId& account) const {
    return owns(account) ? std::nullopt : forbidden(only_own_account);
  }
  NotTheirs own(const AccountRef& account) const {
    if (const auto* id = std::get_if<AccountId>(&account)) return own(*id);
    if (const auto* owner = std::get_if<PrincipalId>(&account))
      return asker_.roles.has(Role::buyer) && *owner == asker_.id ? std::nullopt
                                                                  : forbidden(only_own_account);
    const auto named = shop_.accounts.begin_by_name<AccountHead>(std::get<std::string>(account));
    return named && owns(named->head.account) ? std::nullopt : forbidden(only_own_account);
  }

  // Everybody sees products, so that one is not there is no secret.
  NotTheirs own(const ProductId& product) const {
    const auto begun = shop_.products.begin<ProductHead>(product);
    if (!begun || is_own(begun->head)) return std::nullopt;
    return forbidden("You can only change products that you listed yourself.");
  }
  bool is_own(const ProductHead& product) const {
    return asker_.roles.has(Role::seller) && product.seller == asker_.id;
  }

  NotTheirs own(const PurchaseId& purchase) const {
    const auto begun = shop_.purchases.begin<PurchaseHead>(purchase);
    if (!begun || owns(begun->head.buyer)) return std::nullopt;
    return refusal::NoOpenPurchase{purchase};
  }
  bool has_own_line(const PurchaseCompleted& purchase) const {
    return std::ranges::any_of(purchase.lines, [&](const PurchaseLine& line) {
      const auto begun = shop_.products.begin<ProductHead>(line.product);
      return begun && is_own(begun->head);
    });
  }

  static NotTheirs without_level(bool sets_level) {
    if (!sets_level) return std::nullopt;
    return forbidden("The shop decides on a buyer's membership level.");
  }

  const Shop& shop_;
  const Principal& asker_;
};

}  // namespace

std::optional<Refusal> not_theirs(const Shop& shop, const Command& command,
                                  const Principal& asker) {
  if (asker.acts_for_all()) return std::nullopt;
  return std::visit(Judge{shop, asker}, command);
}

std::string actor(const Shop& shop, const Principal& asker) {
  if (!asker.may_all)
    if (const auto open = shop.owners.find(asker.id)) return "account/" + to_string(open->account);
  return asker.name;
}

}  // namespace jangbu
