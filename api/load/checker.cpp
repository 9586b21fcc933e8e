#include "api/load/checker.hpp"

#include <limits>

namespace jangbu::loadgen {

namespace {

constexpr std::uint64_t most_cases = 3;

std::string name_of(std::uint64_t n, const Attempt& attempt) {
  std::string text = "purchase " + std::to_string(n + 1);
  if (attempt.outcome == Outcome::purchased)
    text += " (" + to_string(attempt.purchase) + ", told to be at " +
            std::to_string(attempt.position) + ")";
  return text;
}

}  // namespace

void Checker::Complaints::add(const std::string& what) {
  if (++count_ <= most_cases) first_ += (first_.empty() ? "" : "; ") + what;
}

Invariant Checker::Complaints::invariant(std::string name, const std::string& if_ok) const {
  if (count_ == 0) return {std::move(name), true, if_ok};
  const std::string more =
      count_ > most_cases ? "; and " + std::to_string(count_ - most_cases) + " more" : "";
  return {std::move(name), false, first_ + more};
}

Checker::Checker(std::span<const Attempt> attempts, std::span<const LoadProduct> products)
    : attempts_(attempts), products_(products), times_(attempts.size()) {
  for (const LoadProduct& product : products) {
    product_of_.emplace(product.id, stocks_.size());
    stocks_.push_back({.now = product.listed, .at_shown = product.listed});
  }
}

void Checker::purchased(const LoggedPurchase& logged) {
  for (const LoggedLine& line : logged.lines) {
    const auto product = product_of_.find(line.product);
    if (product == product_of_.end()) continue;
    stocks_[product->second].sold += line.quantity;
    move(logged.event.position, product->second, -line.quantity);
  }
  if (!logged.attempt) return;
  if (*logged.attempt < attempts_.size()) return claim(logged, *logged.attempt);
  refused_.add("purchase " + std::to_string(*logged.attempt + 1) + " is in the log at " +
               to_string(logged.event) + " and was never asked for");
}

void Checker::claim(const LoggedPurchase& logged, std::uint64_t n) {
  const Attempt& attempt = attempts_[n];
  std::uint8_t& times = times_[n];
  if (times < std::numeric_limits<std::uint8_t>::max()) ++times;
  const std::string where = name_of(n, attempt) + " is in the log at " + to_string(logged.event);
  Complaints& complaints = attempt.uncertain ? uncertain_ : acknowledged_;
  if (times > 1) complaints.add(where + ", for the " + std::to_string(times) + ". time");
  const bool as_asked = logged.lines.size() == 1 && logged.lines.front().quantity == 1 &&
                        logged.lines.front().product == products_[attempt.product].id;
  if (!as_asked) complaints.add(where + ", but not as it was asked for");
  if (attempt.outcome == Outcome::refused)
    (attempt.uncertain ? uncertain_ : refused_).add(where + " and was refused");
  if (attempt.outcome == Outcome::purchased &&
      (attempt.position != logged.event.position.value || attempt.purchase != logged.purchase))
    complaints.add(where + " as " + to_string(logged.purchase));
}

void Checker::stock_changed(Position at, const std::string& product, std::int64_t change) {
  if (const auto found = product_of_.find(product); found != product_of_.end())
    move(at, found->second, change);
}

void Checker::move(Position at, std::size_t product, std::int64_t change) {
  Stock& stock = stocks_[product];
  stock.now += change;
  if (at <= products_[product].shown_at) stock.at_shown = stock.now;
  if (stock.now < 0 && change < 0)
    oversold_.add(std::to_string(-stock.now) + " more of '" + products_[product].name +
                  "' were sold at " + std::to_string(at.value) + " than there were");
}

std::vector<Invariant> Checker::finish() {
  std::uint64_t acknowledged = 0, refused = 0, repeated = 0, left = 0, there = 0;
  for (std::uint64_t n = 0; n < attempts_.size(); ++n) {
    const Attempt& attempt = attempts_[n];
    acknowledged += attempt.outcome == Outcome::purchased ? 1 : 0;
    refused += attempt.outcome == Outcome::refused ? 1 : 0;
    repeated += attempt.uncertain ? 1 : 0;
    left += attempt.outcome == Outcome::unknown ? 1 : 0;
    there += attempt.outcome == Outcome::unknown && times_[n] > 0 ? 1 : 0;
    if (attempt.outcome == Outcome::purchased && times_[n] == 0)
      (attempt.uncertain ? uncertain_ : acknowledged_)
          .add(name_of(n, attempt) + " is not in the log");
  }
  std::int64_t sold = 0;
  for (std::size_t i = 0; i < products_.size(); ++i) {
    const LoadProduct& product = products_[i];
    sold += stocks_[i].sold;
    if (product.shown < 0)
      stock_.add("'" + product.name + "' shows a stock of " + std::to_string(product.shown));
    if (product.shown != stocks_[i].at_shown)
      stock_.add("'" + product.name + "' shows a stock of " + std::to_string(product.shown) +
                 " at " + std::to_string(product.shown_at.value) + " instead of " +
                 std::to_string(stocks_[i].at_shown));
  }
  const std::int64_t hot = products_.empty() ? 0 : products_.front().listed;
  const std::int64_t hot_sold = stocks_.empty() ? 0 : stocks_.front().sold;
  const auto text = [](auto number) { return std::to_string(number); };
  std::string settled = repeated == 0 ? "no outcome was uncertain"
                                      : text(repeated) +
                                            " were uncertain and asked for again: each is there "
                                            "once or not at all, as it was told";
  if (left > 0)
    settled += "; " + text(left) + " stayed uncertain, of which " + text(there) + " are there";
  return {acknowledged_.invariant("acknowledged-in-log",
                                  text(acknowledged) +
                                      " acknowledged purchases are in the log, each once, where "
                                      "its answer said"),
          refused_.invariant("refused-not-in-log",
                             "of " + text(refused) + " refused purchases none is in the log"),
          uncertain_.invariant("uncertain-settled", settled),
          stock_.invariant("stock-adds-up", "of " + text(products_.size()) +
                                                " products the read model shows what was listed "
                                                "minus the " +
                                                text(sold) + " that were sold"),
          oversold_.invariant("never-oversold",
                              "no more was sold of any product than there was: " + text(hot_sold) +
                                  " of " + text(hot) + " of '" +
                                  (products_.empty() ? "" : products_.front().name) + "'")};
}

}  // namespace jangbu::loadgen
