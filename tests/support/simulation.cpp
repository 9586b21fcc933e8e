#include "tests/support/simulation.hpp"

#include <array>

#include "commands/ownership.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

constexpr std::array names{"홍길동", "Alice", "김철수", "Bob"};
constexpr std::array goods{"키보드", "tea", "책"};
constexpr std::int64_t quote_ms = 15 * 60 * 1000;

enum Kind : unsigned {
  open_account,
  open_own,
  change_address,
  change_details,
  close_account,
  list_product,
  list_another,
  list_own,
  change_price,
  change_stock,
  withdraw_product,
  request_quote,
  confirm_quote,
  confirm_again,
  buy_one,
  buy_lines,
  buy_same_twice,
  cancel,
  cancel_any,
  scan_on,
  scan_delivered,
  confirm_receipt,
  leave_closed,
  kinds,
};

// Those who ask: anyone, then the principals.
const Asker& asker_of(const Step& step) {
  static const auto all = [] {
    std::vector<Asker> askers{anyone()};
    for (unsigned number = 1; number <= Simulation::principals; ++number)
      askers.push_back(std::make_shared<const Principal>(
          principal(number, {Role::buyer, Role::seller, Role::carrier}, "CJ대한통운")));
    return askers;
  }();
  return all.at(step.asker);
}

// One of what there is, the newest for 0, or an id that nothing has.
template <class SomeId>
SomeId pick(const std::vector<SomeId>& some, unsigned number) {
  return some.empty() ? id<SomeId>(0xffffffff) : some[some.size() - 1 - number % some.size()];
}

}  // namespace

void showValue(const Step& step, std::ostream& out) {
  out << "{kind " << step.kind << ", who " << step.who << ", what " << step.what << ", amount "
      << step.amount << (step.keyed ? ", keyed" : "") << (step.ends_turn ? ", ends turn" : "")
      << ", asker " << step.asker << "}";
}

rc::Gen<std::vector<Step>> any_steps() {
  return rc::gen::scale(
      3,
      rc::gen::container<std::vector<Step>>(rc::gen::apply(
          [](unsigned kind, unsigned who, unsigned what, int amount, bool keyed, bool ends_turn,
             unsigned asker) { return Step{kind, who, what, amount, keyed, ends_turn, asker}; },
          rc::gen::inRange(0u, unsigned{kinds}), rc::gen::inRange(0u, 3u), rc::gen::inRange(0u, 3u),
          rc::gen::inRange(-3, 8), rc::gen::arbitrary<bool>(), rc::gen::arbitrary<bool>(),
          rc::gen::weightedElement<unsigned>({{2, 0}, {1, 1}, {1, 2}}))));
}

std::vector<std::string> Simulation::names_in_use() {
  std::vector<std::string> all(names.begin(), names.end());
  all.insert(all.end(), goods.begin(), goods.end());
  return all;
}

Command Simulation::command_of(const Step& step) {
  const AccountId account = pick(accounts_, step.who);
  const ProductId product = pick(products_, step.what);
  const PurchaseId purchase = pick(purchases_, step.what);
  const std::int64_t positive = std::abs(step.amount) + 1;
  std::optional<PrincipalId> owner;
  if (step.asker > 0) owner = asker_of(step)->id;
  switch (static_cast<Kind>(step.kind)) {
    case open_account:
    case open_own:
      return OpenAccount{id<AccountId>(steps_),
                         {names[step.who % names.size()], "", {"서울", "03171"}},
                         MemberType::buyer,
                         MembershipLevel::none,
                         now_,
                         owner};
    case change_address:
      return ChangeAddress{account, {"부산 " + std::to_string(step.amount), "48094"}};
    case change_details:
      return ChangeAccountDetails{account, names[step.what % names.size()], {}, {}};
    case close_account:
      return CloseAccount{account, now_};
    case list_product:
    case list_another:
    case list_own:
      return ListProduct{id<ProductId>(steps_),
                         goods[step.what % goods.size()],
                         step.amount < 0 ? dollars(100) : won(1'000 * positive),
                         4 * positive,
                         "",
                         now_,
                         owner};
    case change_price:
      return ChangePrice{product, won(1'000 * positive)};
    case change_stock:
      return ChangeStock{product, step.amount, "실사"};
    case withdraw_product:
      return WithdrawProduct{product, now_};
    case request_quote:
      return RequestQuote{account, {{product, positive}}};
    case confirm_quote:
    case confirm_again: {
      if (quotes_.empty())
        return ConfirmQuote{id<PurchaseId>(steps_), id<QuoteId>(0), account, {}, {}, now_, now_};
      const Quote& quote = quotes_[step.what % quotes_.size()];
      ConfirmQuote command{
          id<PurchaseId>(steps_), quote.id, quote.offer.buyer, quote.offer.recipient, {},
          quote.expires_at,       now_};
      for (const PurchaseLine& one : quote.offer.lines)
        command.lines.push_back({one.product, one.unit_price, one.quantity});
      return command;
    }
    case buy_one:
      return BuyNow{id<PurchaseId>(steps_), account, {{product, positive}}, {}, now_};
    case buy_lines:
      return BuyNow{id<PurchaseId>(steps_),
                    account,
                    {{product, 1}, {pick(products_, step.what + 1), positive}},
                    {},
                    now_};
    case buy_same_twice:
      return BuyNow{id<PurchaseId>(steps_), account, {{product, positive}, {product, 1}}, {}, now_};
    case cancel:
    case cancel_any:
      return CancelPurchase{purchase, "변심", now_};
    case scan_on:
      return RecordScan{purchase,
                        scan(static_cast<DeliveryStatus>(1 + std::abs(step.amount) % 9), now_)};
    case scan_delivered:
      return RecordScan{purchase, scan(DeliveryStatus::delivered, now_)};
    case leave_closed:
      return LeaveClosed{purchase, {{1}, 0}};
    case confirm_receipt:
    case kinds:
      break;
  }
  return ConfirmReceipt{purchase, now_};
}

Decision Simulation::take(const Step& step) {
  ++steps_;
  now_.ms += options_.step_ms;
  const Command command = command_of(step);
  taken_.insert(command.index());
  Conditions conditions;
  if (step.keyed) conditions.key = key(steps_);
  const Asker& asker = asker_of(step);
  Decision decision = decide(shop_, command, conditions, *asker);
  if (const auto* offer = std::get_if<Offer>(&decision))
    quotes_.push_back({id<QuoteId>(steps_), *offer, {now_.ms + quote_ms}});
  std::optional<Event> event;
  if (const auto* fact = std::get_if<Event>(&decision))
    event = *fact;
  else
    event = nothing_changed(shop_, conditions, *asker, decision);
  if (!event) return decision;

  const RecordedEvent recorded{{now_, conditions.key, {}, {}, actor(shop_, *asker)}, *event};
  const EventId event_id{{log_.size() + 1}, static_cast<std::uint32_t>(staged_.size())};
  if (staged_.empty()) committed_at_ = now_;
  fold(shop_, recorded, event_id, committed_at_);
  staged_.push_back(recorded);
  events_.push_back(recorded);
  accepted_.push_back({command, conditions, asker, event_id});
  if (const auto* opened = std::get_if<AccountOpened>(&*event))
    accounts_.push_back(opened->state.account);
  if (const auto* listed = std::get_if<ProductListed>(&*event))
    products_.push_back(listed->state.product);
  if (const auto* completed = std::get_if<PurchaseCompleted>(&*event))
    purchases_.push_back(completed->purchase);
  return decision;
}

void Simulation::commit() {
  if (staged_.empty()) return;
  log_.push_back(encode_commit(Commit{committed_at_, staged_}));
  staged_.clear();
  shop_.keep(committed_at_);
}

void Simulation::drop() {
  events_.resize(events_.size() - staged_.size());
  accepted_.resize(accepted_.size() - staged_.size());
  staged_.clear();
  shop_.drop();
}

void Simulation::run(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    take(step);
    if (step.ends_turn) commit();
  }
  commit();
}

Shop replay(const std::vector<std::string>& log) {
  Shop shop;
  Position position;
  for (const std::string& payload : log) {
    position = position.next();
    fold(shop, decode({position, {}, commit_format, payload, {}}), position);
  }
  return shop;
}

}  // namespace jangbu::test
