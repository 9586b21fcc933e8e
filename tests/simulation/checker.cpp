#include "tests/simulation/checker.hpp"

#include <algorithm>
#include <charconv>
#include <variant>

namespace jangbu::simulation {

namespace {

void demand(bool holds, const std::function<std::string()>& otherwise) {
  if (!holds) throw Violation(otherwise());
}

std::string words(const Refusal& refusal) {
  if (const auto* lacking = std::get_if<refusal::InsufficientStock>(&refusal))
    return "only " + std::to_string(lacking->available) + " in stock";
  return "refused (" + std::to_string(refusal.index()) + ")";
}

}  // namespace

std::string to_string(const Try& one) {
  return std::to_string(one.command) + "." + std::to_string(one.number);
}

std::optional<Try> parse_try(std::string_view text) {
  Try one;
  const char* const end = text.data() + text.size();
  const auto command = std::from_chars(text.data(), end, one.command);
  if (command.ec != std::errc() || command.ptr == end || *command.ptr != '.') return std::nullopt;
  const auto number = std::from_chars(command.ptr + 1, end, one.number);
  if (number.ec != std::errc() || number.ptr != end) return std::nullopt;
  return one;
}

Checker::Totals& Checker::Totals::operator+=(const Totals& other) {
  commits += other.commits;
  terms += other.terms;
  voids += other.voids;
  recorded += other.recorded;
  repeated += other.repeated;
  unchanged += other.unchanged;
  offers += other.offers;
  refused += other.refused;
  not_done += other.not_done;
  unknown += other.unknown;
  return *this;
}

// --- The log -------------------------------------------------------------------------------------

void Checker::landed(const StoredCommit& stored) {
  last_ = stored.position;
  ++totals_.commits;
  const Origin& origin = stored.origin;
  if (origin.decided_at && origin.decided_at->next() != stored.position) {
    ++totals_.voids;
    return;
  }
  const Commit commit = decode(stored);
  const std::string place = " at " + std::to_string(stored.position.value);
  if (origin.author && commit.events.empty()) {
    if (active_ != origin.author->id && !origin.successor) ++totals_.terms;
    demand(!origin.successor || active_ == origin.author->id,
           [&] { return origin.author->name + " hands over what it does not have," + place; });
    active_ = origin.author->id;
  } else if (origin.author) {
    demand(active_ == origin.author->id,
           [&] { return origin.author->name + " appends without a claim," + place; });
  }
  for (std::uint32_t i = 0; i < commit.events.size(); ++i) {
    const RecordedEvent& recorded = commit.events[i];
    const EventId id{stored.position, i};
    landed(recorded.event, id);
    const auto by = parse_try(recorded.envelope.correlation);
    if (!by) continue;  // from before
    demand(!not_done_.contains(*by), [&] {
      return "command " + to_string(*by) + " was answered as not done, and is in the log" + place;
    });
    const auto [done, is_first] = done_.emplace(by->command, Done{*by, id});
    demand(is_first, [&] {
      return "command " + to_string(*by) + " is in the log" + place + " and at " +
             std::to_string(done->second.event.position.value);
    });
  }
}

void Checker::landed(const Event& event, EventId id) {
  if (const auto* bought = std::get_if<PurchaseCompleted>(&event)) {
    demand(accounts_.contains(bought->buyer) && !closed_.contains(bought->buyer),
           [&] { return "a closed account buys at " + std::to_string(id.position.value); });
    for (const PurchaseLine& line : bought->lines) move_stock(line.product, -line.quantity, id);
  } else if (const auto* changed = std::get_if<StockChanged>(&event)) {
    move_stock(changed->state.product, changed->change, id);
    demand(changed->state.stock == products_.at(changed->state.product).back().stock, [&] {
      return "the stock is not what it should be at " + std::to_string(id.position.value);
    });
  } else if (const auto* price = std::get_if<PriceChanged>(&event)) {
    auto& history = products_.at(price->state.product);
    history.push_back({id, history.back().stock, price->state.unit_price.amount});
  } else if (const auto* listed = std::get_if<ProductListed>(&event)) {
    products_[listed->state.product].push_back(
        {id, listed->state.stock, listed->state.unit_price.amount});
  } else if (const auto* opened = std::get_if<AccountOpened>(&event)) {
    accounts_.insert(opened->state.account);
  } else if (const auto* closed = std::get_if<AccountClosed>(&event)) {
    demand(closed_.insert(closed->state.account).second,
           [&] { return "an account is closed twice, at " + std::to_string(id.position.value); });
  }
}

void Checker::move_stock(const ProductId& product, std::int64_t change, EventId id) {
  auto& history = products_.at(product);
  const std::int64_t stock = history.back().stock + change;
  demand(stock >= 0,
         [&] { return "sold more than there is, at " + std::to_string(id.position.value); });
  history.push_back({id, stock, history.back().price});
}

std::int64_t Checker::stock(const ProductId& product) const {
  return products_.at(product).back().stock;
}

// --- Answers -------------------------------------------------------------------------------------

void Checker::asked(const Try& one) {
  asked_.emplace(one, last_);
}

void Checker::not_done(const Try& one) {
  ++totals_.not_done;
  not_done_.insert(one);
  const auto done = done_.find(one.command);
  demand(done == done_.end() || done->second.by != one, [&] {
    return "command " + to_string(one) + " is answered as not done, and is in the log at " +
           std::to_string(done->second.event.position.value);
  });
}

void Checker::told(const Try& one, const Outcome& outcome) {
  if (const auto* why = std::get_if<NotDecided>(&outcome.result)) {
    if (*why == NotDecided::outcome_unknown) return unknown();
    return not_done(one);
  }
  const Position from = asked_.at(one);
  const auto who = [&] { return "command " + to_string(one); };
  demand(outcome.position >= from && outcome.position <= last_, [&] {
    return who() + " is told position " + std::to_string(outcome.position.value) +
           ", though the log ended at " + std::to_string(from.value) +
           " when it was asked, and at " + std::to_string(last_.value) + " when it was answered";
  });
  check_result(one, outcome, from);
}

void Checker::check_result(const Try& one, const Outcome& outcome, Position from) {
  const auto who = [&] { return "command " + to_string(one); };
  const Asked& asked = command_(one.command);
  const auto done = done_.find(one.command);
  std::optional<EventId> event;
  if (const auto* recorded = std::get_if<Recorded>(&outcome.result)) {
    ++totals_.recorded;
    event = recorded->event;
    demand(event->position == outcome.position,
           [&] { return who() + " is told another position than its event's"; });
    demand(done != done_.end() && done->second.by == one,
           [&] { return who() + " was acknowledged, and is not in the log"; });
  } else if (const auto* repeated = std::get_if<Repeated>(&outcome.result)) {
    ++totals_.repeated;
    event = repeated->event;
    demand(asked.has_key, [&] { return who() + " is told that it was repeated"; });
    demand(done != done_.end(), [&] { return who() + " is told of an event that is not there"; });
  }
  if (event) {
    return demand(done->second.event == *event, [&] {
      return who() + " is told of the event at " + std::to_string(event->position.value) +
             ", and is at " + std::to_string(done->second.event.position.value);
    });
  }
  // That nothing changes is remembered by an event, too, if there is a key.
  const bool is_noted = std::holds_alternative<Unchanged>(outcome.result) && done != done_.end() &&
                        done->second.by == one;
  demand(!asked.has_key || done == done_.end() || is_noted ||
             done->second.event.position > outcome.position,
         [&] { return who() + " has a key, was carried out, and is decided again"; });
  if (const auto* refusal = std::get_if<Refusal>(&outcome.result)) {
    ++totals_.refused;
    return demand(is_true(*refusal, asked, from),
                  [&] { return who() + " is told what was not so: " + words(*refusal); });
  }
  if (const auto* offer = std::get_if<Offer>(&outcome.result)) {
    ++totals_.offers;
    const auto& line = offer->lines.at(0);
    return demand(was(line.product, from,
                      [&](const Product& is) { return is.price == line.unit_price.amount; }),
                  [&] { return who() + " is offered a price that was not so"; });
  }
  ++totals_.unchanged;
  if (const auto* change = std::get_if<ChangePrice>(&asked.command))
    return demand(was(change->product, from,
                      [&](const Product& is) { return is.price == change->unit_price.amount; }),
                  [&] { return who() + " is told that the price is that already"; });
  if (const auto* close = std::get_if<CloseAccount>(&asked.command))
    return demand(closed_.contains(close->account),
                  [&] { return who() + " is told that the account is closed already"; });
  throw Violation(who() + " is told that nothing changed");
}

bool Checker::was(const ProductId& product, Position from,
                  const std::function<bool(const Product&)>& holds) const {
  const auto& history = products_.at(product);
  for (auto moment = history.rbegin(); moment != history.rend(); ++moment) {
    if (holds(*moment)) return true;
    if (moment->since.position <= from) return false;  // all before is past
  }
  return false;
}

bool Checker::is_true(const Refusal& refusal, const Asked& asked, Position from) const {
  if (const auto* lacking = std::get_if<refusal::InsufficientStock>(&refusal))
    return lacking->available < lacking->requested &&
           was(lacking->product, from,
               [&](const Product& is) { return is.stock == lacking->available; });
  if (const auto* closed = std::get_if<refusal::AccountIsClosed>(&refusal))
    return closed_.contains(closed->account);
  if (const auto* price = std::get_if<refusal::PriceDiffers>(&refusal)) {
    const auto& buy = std::get<BuyNow>(asked.command);
    const auto& line = buy.lines.at(0);
    return price->actual != price->expected &&
           was(std::get<ProductId>(line.product), from,
               [&](const Product& is) { return is.price * line.quantity == price->actual.amount; });
  }
  return false;  // none of the others can occur
}

}  // namespace jangbu::simulation
