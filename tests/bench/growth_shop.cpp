#include "tests/bench/growth_shop.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include "projections/tables/deliveries.hpp"
#include "tests/bench/log_filler.hpp"
#include "tests/bench/shop_content.hpp"
#include "tests/support/http_client.hpp"

namespace jangbu::bench {

using test::Service;

namespace {

constexpr std::size_t page = 20;
constexpr std::size_t variants = 50;

constexpr std::uint64_t big_buyer = 0, small_buyer = 1;
constexpr std::uint64_t first_cancelled = 20, first_returned = 40, first_stuck = 45;
constexpr DeliveryStatus under_way[] = {DeliveryStatus::preparing,
                                        DeliveryStatus::picked_up,
                                        DeliveryStatus::in_transit,
                                        DeliveryStatus::out_for_delivery,
                                        DeliveryStatus::available_for_pickup,
                                        DeliveryStatus::delivered};

// So many of the newest purchases are open.
std::uint64_t open_of(std::uint64_t purchases) {
  return purchases / 100;
}

std::string_view purchase_status(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::returned_to_sender:
      return "returned";
    case DeliveryStatus::cancelled:
      return "cancelled";
    case DeliveryStatus::receipt_confirmed:
      return "received";
    default:
      return "completed";
  }
}

// The same in every run.
std::vector<std::uint64_t> some_between(std::uint64_t low, std::uint64_t high) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < variants; ++i) numbers.push_back(low + random() % (high - low));
  return numbers;
}

}  // namespace

GrowthShop::GrowthShop(EventLog& log, std::uint64_t events)
    : accounts_(std::max<std::uint64_t>(1'000, events / 50)),
      products_(std::max<std::uint64_t>(1'000, events / 200)) {
  LogFiller filler(log);
  for (std::uint64_t i = 0; i < accounts_; ++i) filler.add(account_opened(i, filler.now()));
  for (std::uint64_t i = 0; i < products_; ++i) filler.add(product_listed(i, filler.now()));
  if (filler.events() * 10 > events) throw std::runtime_error("too few events for such a shop");
  // Three events each, but for those under way, and a change of stock for each fifty.
  bought_.resize((events - filler.events()) * 100 / 302);
  for (std::uint64_t i = 0; i < bought_.size(); ++i) add(i, filler);
  filler.append();
  events_ = filler.events();
  commits_ = filler.commits();
}

void GrowthShop::add(std::uint64_t number, LogFiller& filler) {
  const std::uint64_t ordinary = 2 + number * 7919 % (accounts_ - 2);
  const std::uint64_t buyer = number % 10 == 0                               ? big_buyer
                              : number == 21 || number == 41 || number == 61 ? small_buyer
                                                                             : ordinary;
  const auto purchase =
      purchase_completed(number, buyer, 1 + number * 7919 % (products_ - 1), filler.now());
  filler.add(purchase, CommandKey{key_hash(number), {}});
  const auto scan = [&](DeliveryStatus status) {
    filler.add(delivery_scanned(purchase, DeliveryStatus::preparing, status, filler.now()));
    return status;
  };
  DeliveryStatus& status = bought_[number].status;
  bought_[number].buyer = static_cast<std::uint32_t>(buyer);
  if (number < first_cancelled) {
    status = DeliveryStatus::cancelled;
    filler.add(PurchaseCancelled{purchase.purchase, purchase.buyer, purchase.recipient,
                                 purchase.lines, purchase.total, purchase.purchased_at, "",
                                 filler.now()});
  } else if (number < first_returned) {
    status = scan(DeliveryStatus::returned_to_sender);
  } else if (number < first_stuck) {
    status = scan(DeliveryStatus::attempt_failed);
  } else if (number + open_of(bought_.size()) >= bought_.size()) {
    status = under_way[number % std::size(under_way)];
    if (status != DeliveryStatus::preparing) scan(status);
  } else {
    scan(DeliveryStatus::delivered);
    status = DeliveryStatus::receipt_confirmed;
    filler.add(ReceiptConfirmed{purchase.purchase, purchase.buyer, filler.now()});
  }
  if (number % 50 == 0) {
    ProductState product = product_listed(0, filler.now()).state;
    product.stock += static_cast<std::int64_t>(stock_changes_.size()) + 1;
    stock_changes_.push_back(filler.add(StockChanged{product, 1, ""}));
  }
}

Catalogue GrowthShop::catalogue() const {
  Catalogue catalogue;
  for (std::uint64_t i = 0; i < accounts_; ++i)
    catalogue.accounts.push_back(to_string(account_id(i)));
  for (std::uint64_t i = 0; i < products_; ++i)
    catalogue.products.push_back(to_string(product_id(i)));
  return catalogue;
}

std::vector<ListKind> GrowthShop::lists() const {
  std::vector<ListKind> all;
  for (auto& some : {of_purchases(), of_deliveries(), of_names(), of_events()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

namespace {

// Collects the kinds of one section.
class Kinds {
 public:
  Kinds(std::string section, Service service, std::string path)
      : section_(std::move(section)), service_(service), path_(std::move(path)) {}

  // From the newest on, or after a cursor that is a purchase's id.
  std::string target(const std::string& filter,
                     std::optional<std::uint64_t> before = std::nullopt) const {
    return path_ + "?limit=" + std::to_string(page) + filter +
           (before ? "&after=" + to_string(purchase_id(*before)) : "");
  }

  void add(const std::string& name, std::vector<Question> questions) {
    kinds_.push_back({section_, name, service_, std::move(questions)});
  }

  std::vector<ListKind> take() { return std::move(kinds_); }

 private:
  const std::string section_;
  const Service service_;
  const std::string path_;
  std::vector<ListKind> kinds_;
};

std::string of_buyer(std::uint64_t account) {
  return "&buyerId=" + to_string(account_id(account));
}

// What a page of the newest that fit must show. `fits` of their numbers.
template <class Fits>
Question newest(std::string target, std::uint64_t before, const Fits& fits) {
  Question question{std::move(target), 0, {}};
  for (std::uint64_t number = before; number-- > 0 && question.items < page;)
    if (fits(number) && ++question.items == 1) question.first = to_string(purchase_id(number));
  return question;
}

using Buyer = std::optional<std::uint64_t>;
using Before = std::optional<std::uint64_t>;
using Ask = std::function<Question(Buyer, const std::string& which, Before)>;

std::vector<Question> deep(const Ask& ask, Buyer buyer, const std::string& which, std::uint64_t low,
                           std::uint64_t high) {
  std::vector<Question> questions;
  for (const std::uint64_t before : some_between(low, high))
    questions.push_back(ask(buyer, which, before));
  return questions;
}

std::vector<Question> ordinary(const Ask& ask, const std::string& which, std::uint64_t accounts) {
  std::vector<Question> questions;
  for (const std::uint64_t account : some_between(2, accounts))
    questions.push_back(ask(account, which, {}));
  return questions;
}

}  // namespace

std::vector<ListKind> GrowthShop::of_purchases() const {
  Kinds kinds("Purchases", Service::purchase, "/purchases");
  const std::uint64_t all = bought_.size(), middle = all / 2;
  const Ask ask = [&](Buyer buyer, const std::string& status, Before before) {
    const std::string filter =
        (buyer ? of_buyer(*buyer) : "") + (status.empty() ? "" : "&status=" + status);
    return newest(kinds.target(filter, before), before.value_or(all), [&](std::uint64_t number) {
      const Bought& bought = bought_[number];
      return (!buyer || bought.buyer == *buyer) &&
             (status.empty() || purchase_status(bought.status) == status);
    });
  };
  const std::uint64_t quarter = all / 4, open_from = all - open_of(all);
  kinds.add("all", {ask({}, "", {})});
  kinds.add("all, deep", deep(ask, {}, "", quarter, all - quarter));
  kinds.add("received", {ask({}, "received", {})});
  kinds.add("received, deep", deep(ask, {}, "received", quarter, all - quarter));
  kinds.add("completed", {ask({}, "completed", {})});
  kinds.add("completed, deep", deep(ask, {}, "completed", open_from + 50, all));
  kinds.add("completed, the stuck ones", {ask({}, "completed", middle)});
  kinds.add("cancelled: 20, the oldest", {ask({}, "cancelled", {})});
  kinds.add("returned: 20, old ones", {ask({}, "returned", {})});
  kinds.add("big buyer", {ask(big_buyer, "", {})});
  kinds.add("big buyer, deep", deep(ask, big_buyer, "", quarter, all - quarter));
  kinds.add("small buyer", {ask(small_buyer, "", {})});
  kinds.add("ordinary buyers", ordinary(ask, "", accounts_));
  kinds.add("big buyer, received", {ask(big_buyer, "received", {})});
  kinds.add("big buyer, received, deep", deep(ask, big_buyer, "received", quarter, all - quarter));
  kinds.add("big buyer, completed", {ask(big_buyer, "completed", {})});
  kinds.add("big buyer, cancelled: 2", {ask(big_buyer, "cancelled", {})});
  kinds.add("big buyer, returned: 2", {ask(big_buyer, "returned", {})});
  kinds.add("small buyer, received", {ask(small_buyer, "received", {})});
  kinds.add("small buyer, cancelled: none", {ask(small_buyer, "cancelled", {})});
  kinds.add("ordinary buyers, received", ordinary(ask, "received", accounts_));
  kinds.add("ordinary buyers, cancelled", ordinary(ask, "cancelled", accounts_));
  return kinds.take();
}

std::vector<ListKind> GrowthShop::of_deliveries() const {
  Kinds kinds("Deliveries", Service::delivery, "/deliveries");
  const std::uint64_t all = bought_.size(), middle = all / 2;
  // `which`: open, closed (included), or a status.
  const Ask ask = [&](Buyer buyer, const std::string& which, Before before) {
    const bool open = which == "open", closed = which == "closed";
    const std::string filter = (buyer ? of_buyer(*buyer) : "") + (open     ? ""
                                                                  : closed ? "&include=closed"
                                                                           : "&status=" + which);
    const auto status = parse_delivery_status(which);
    int searched = 0;  // open ones, for those of one status
    return newest(kinds.target(filter, before), before.value_or(all), [&](std::uint64_t number) {
      const Bought& bought = bought_[number];
      if (buyer && bought.buyer != *buyer) return false;
      if (!status) return closed || !is_closed(bought.status);
      if (!is_closed(*status) && !is_closed(bought.status) && ++searched > most_searched)
        return false;
      return bought.status == *status;
    });
  };
  const std::uint64_t quarter = all / 4, open_from = all - open_of(all);
  kinds.add("open", {ask({}, "open", {})});
  kinds.add("open, deep", deep(ask, {}, "open", open_from + 50, all));
  kinds.add("open, the stuck ones", {ask({}, "open", middle)});
  kinds.add("closed included", {ask({}, "closed", {})});
  kinds.add("closed included, deep", deep(ask, {}, "closed", quarter, all - quarter));
  kinds.add("preparing", {ask({}, "preparing", {})});
  kinds.add("delivered", {ask({}, "delivered", {})});
  kinds.add("attempt-failed: 5, stuck", {ask({}, "attempt-failed", {})});
  kinds.add("exception: none", {ask({}, "exception", {})});
  kinds.add("receipt-confirmed", {ask({}, "receipt-confirmed", {})});
  kinds.add("receipt-confirmed, deep", deep(ask, {}, "receipt-confirmed", quarter, all - quarter));
  kinds.add("cancelled: 20, the oldest", {ask({}, "cancelled", {})});
  kinds.add("returned-to-sender: 20", {ask({}, "returned-to-sender", {})});
  kinds.add("big buyer, open", {ask(big_buyer, "open", {})});
  kinds.add("big buyer, closed included", {ask(big_buyer, "closed", {})});
  kinds.add("big buyer, closed incl., deep",
            deep(ask, big_buyer, "closed", quarter, all - quarter));
  kinds.add("small buyer, open", {ask(small_buyer, "open", {})});
  kinds.add("small buyer, closed included", {ask(small_buyer, "closed", {})});
  kinds.add("ordinary buyers, open", ordinary(ask, "open", accounts_));
  kinds.add("ordinary buyers, closed included", ordinary(ask, "closed", accounts_));
  kinds.add("big buyer, preparing", {ask(big_buyer, "preparing", {})});
  kinds.add("big buyer, receipt-confirmed", {ask(big_buyer, "receipt-confirmed", {})});
  kinds.add("big buyer, receipt-conf., deep",
            deep(ask, big_buyer, "receipt-confirmed", quarter, all - quarter));
  kinds.add("big buyer, cancelled: 2", {ask(big_buyer, "cancelled", {})});
  kinds.add("big buyer, exception: none", {ask(big_buyer, "exception", {})});
  kinds.add("ordinary buyers, receipt-confirmed", ordinary(ask, "receipt-confirmed", accounts_));
  kinds.add("ordinary buyers, cancelled", ordinary(ask, "cancelled", accounts_));
  return kinds.take();
}

namespace {

// What accounts and products have in common.
struct Named {
  std::string path;
  Service service;
  std::uint64_t count;
  std::string common;  // many names begin with it
  std::function<std::string(std::uint64_t)> id, name;
};

void add_lists(std::vector<ListKind>& kinds, const Named& named) {
  const auto add = [&](const std::string& what, std::vector<Question> questions) {
    kinds.push_back(
        {"Accounts and products", named.path + ", " + what, named.service, std::move(questions)});
  };
  const std::string path = "/" + named.path;
  const auto beginning = [&](const std::string& text) {
    return path + "/search/findByNameStartingWith?name=" + test::percent_encoded(text);
  };
  std::vector<std::string> common;
  for (std::uint64_t i = 0; i < named.count; ++i)
    if (std::string name = named.name(i); name.starts_with(named.common))
      common.push_back(std::move(name));
  std::ranges::sort(common);
  std::vector<Question> deep, deep_in_common, whole;
  for (const std::uint64_t number : some_between(named.count / 4, named.count / 2)) {
    deep.push_back({path + "?after=" + named.id(number), page, {}});
    const std::uint64_t alike = number / 20 * 20;  // every tenth or fourth name is common
    const auto rest = common.end() - std::ranges::upper_bound(common, named.name(alike));
    deep_in_common.push_back({beginning(named.common) + "&after=" + named.id(alike),
                              std::min(page, static_cast<std::size_t>(rest)),
                              {}});
    // No name begins with the number of a thing in the second half, and goes on.
    whole.push_back({beginning(named.name(number * 2)), 1, {}});
  }
  add("all", {{path, page, {}}});
  add("all, deep", std::move(deep));
  add("a common beginning", {{beginning(named.common), page, {}}});
  add("a common beginning, deep", std::move(deep_in_common));
  add("a whole name", std::move(whole));
  add("no such name", {{beginning("힣"), 0, {}}});
}

}  // namespace

std::vector<ListKind> GrowthShop::of_names() const {
  std::vector<ListKind> kinds;
  add_lists(kinds,
            {"accounts", Service::account, accounts_, "김",
             [](std::uint64_t number) { return to_string(account_id(number)); },
             [](std::uint64_t number) { return account_opened(number, {}).state.person.name; }});
  add_lists(kinds, {"products", Service::product, products_, "한지",
                    [](std::uint64_t number) { return to_string(product_id(number)); },
                    [](std::uint64_t number) { return product_listed(number, {}).state.name; }});
  return kinds;
}

std::vector<ListKind> GrowthShop::of_events() const {
  const std::string section = "Histories and the log";
  const auto many = [&](const std::string& name, Service service, std::uint64_t low,
                        std::uint64_t high, std::size_t items, const auto& target) {
    ListKind kind{section, name, service, {}};
    for (const std::uint64_t number : some_between(low, high))
      kind.questions.push_back({target(number), items, {}});
    return kind;
  };
  const std::string stocked = "/products/" + to_string(product_id(0)) + "/history";
  const std::uint64_t changes = stock_changes_.size();
  return {
      many("a purchase", Service::purchase, first_stuck, bought_.size() - open_of(bought_.size()),
           3,
           [](std::uint64_t number) {
             return "/purchases/" + to_string(purchase_id(number)) + "/history";
           }),
      many("a delivery", Service::delivery, first_stuck, bought_.size() - open_of(bought_.size()),
           3,
           [](std::uint64_t number) {
             return "/deliveries/" + to_string(purchase_id(number)) + "/history";
           }),
      many("an account", Service::account, 0, accounts_, 1,
           [](std::uint64_t number) {
             return "/accounts/" + to_string(account_id(number)) + "/history";
           }),
      {section, "a product of many events", Service::product, {{stocked, page, {}}}},
      many("a product of many events, deep", Service::product, changes / 4, changes / 2, page,
           [&](std::uint64_t number) {
             return stocked + "?after=" + to_string(stock_changes_[number]);
           }),
      {section, "the log", Service::operations, {{"/events", page, {}}}},
      many("the log, deep", Service::operations, commits_ / 4, commits_ / 2, page,
           [](std::uint64_t number) { return "/events?from=" + std::to_string(number) + ".0"; }),
  };
}

}  // namespace jangbu::bench
