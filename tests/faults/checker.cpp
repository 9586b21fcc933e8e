#include "tests/faults/checker.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <unordered_map>

namespace jangbu::test {

namespace {

using namespace std::chrono_literals;

// A command is answered within its deadline of 5 s, one append and one pause; the rest is patience
// for a busy machine and for a process that was stopped for seconds.
constexpr auto longest_answer = 45s;
// In an outage nothing else is in the way.
constexpr auto longest_answer_in_outage = 20s;
// An active instance that another has replaced looks at the log once a second, and finds out, or
// that it cannot. One whose nats-server is cut off with it may be told for the length of an
// election that nothing has changed.
constexpr auto longest_two_active = 10s;
// Between two looks at a process it may have stood still, or have started again.
constexpr auto looked_on = 1s;
// A dependency that is away is noticed by then.
constexpr auto notice = 3s;

std::string place(std::uint64_t position, std::uint32_t index) {
  return std::to_string(position) + "." + std::to_string(index);
}

std::string place(const LogEvent& event) {
  return place(event.position, event.index);
}

std::string_view event_type(Kind kind) {
  switch (kind) {
    case Kind::open_account:
      return "AccountOpened";
    case Kind::change_address:
      return "AddressChanged";
    case Kind::close_account:
      return "AccountClosed";
    case Kind::list_product:
      return "ProductListed";
    case Kind::change_price:
      return "PriceChanged";
    case Kind::change_stock:
      return "StockChanged";
    case Kind::withdraw_product:
      return "ProductWithdrawn";
    case Kind::buy:
    case Kind::confirm_quote:
      return "PurchaseCompleted";
    case Kind::cancel:
      return "PurchaseCancelled";
    case Kind::scan:
      return "DeliveryScanned";
    case Kind::confirm_receipt:
      return "ReceiptConfirmed";
  }
  return "";
}

// Only its command's key is remembered.
bool is_without_effect(const LogEvent& event) {
  return event.type == "NothingChanged";
}

// --- What the log comes to -----------------------------------------------------------------------

struct PurchaseState {
  PurchaseRow row;
  DeliveryRow delivery;
  std::vector<Line> lines;
  bool picked_up = false;
};

struct State {
  std::unordered_map<std::string, AccountRow> accounts;
  std::unordered_map<std::string, ProductRow> products;
  std::unordered_map<std::string, PurchaseState> purchases;

  const PurchaseState* purchase(const std::string& id) const {
    const auto found = purchases.find(id);
    return found == purchases.end() ? nullptr : &found->second;
  }
  const ProductRow* product(const std::string& id) const {
    const auto found = products.find(id);
    return found == products.end() ? nullptr : &found->second;
  }
};

// Folds events, and complains of those that do not follow from the ones before.
class Fold {
 public:
  using Complain = std::function<void(const char* rule, const std::string& what)>;

  explicit Fold(Complain complain) : complain_(std::move(complain)) {}

  const State& state() const { return state_; }

  void apply(const LogEvent& event) {
    if (is_without_effect(event)) return;
    const std::string& type = event.type;
    if (type == "AccountOpened" || type == "AddressChanged" || type == "AccountDetailsChanged" ||
        type == "AccountClosed") {
      state_.accounts[event.entity] = {event.text, event.address, type == "AccountClosed"};
    } else if (type == "ProductListed") {
      state_.products[event.entity] = {event.price, event.stock, false};
    } else if (type == "PriceChanged" || type == "StockChanged" || type == "ProductWithdrawn") {
      change(event);
    } else if (type == "PurchaseCompleted") {
      buy(event);
    } else if (type == "PurchaseCancelled") {
      cancel(event);
    } else if (type == "DeliveryScanned") {
      scan(event);
    } else if (type == "ReceiptConfirmed") {
      confirm_receipt(event);
    } else {
      throw std::logic_error("the checker does not know what " + type + " comes to");
    }
  }

 private:
  void wrong(const LogEvent& event, const char* rule, const std::string& what) const {
    complain_(rule, event.type + " at " + place(event) + " (" + event.correlation + "): " + what);
  }

  // A product's own event.
  void change(const LogEvent& event) {
    ProductRow& product = state_.products[event.entity];
    product.stock += event.change;
    if (event.stock != product.stock)
      wrong(event, "stock is received - sold + cancelled",
            "it says " + std::to_string(event.stock) + " instead of " +
                std::to_string(product.stock) + " of " + event.entity);
    product = {event.price, product.stock, event.type == "ProductWithdrawn"};
    require_stock(event, event.entity);
  }

  void require_stock(const LogEvent& event, const std::string& id) {
    if (state_.products[id].stock < 0)
      wrong(event, "stock is never negative",
            std::to_string(state_.products[id].stock) + " of " + id);
  }

  void buy(const LogEvent& event) {
    if (state_.purchases.contains(event.entity))
      return wrong(event, "a purchase is made once", event.entity);
    std::int64_t total = 0;
    for (const Line& line : event.lines) {
      ProductRow& product = state_.products[line.product];
      product.stock -= line.quantity;
      total += product.price * line.quantity;
      if (product.withdrawn) wrong(event, "rules hold", "bought what was withdrawn");
      require_stock(event, line.product);
    }
    if (total != event.total)
      wrong(event, "rules hold", "the total is not the prices times the quantities of then");
    const AccountRow& buyer = state_.accounts[event.buyer];
    if (buyer.closed) wrong(event, "rules hold", "the account was closed");
    if (buyer.address != event.address)
      wrong(event, "rules hold", "the address is not that of then");
    PurchaseState& made = state_.purchases[event.entity];
    made.row = {event.buyer, event.address, "completed", event.total};
    made.delivery.status = "preparing";
    made.lines = event.lines;
  }

  // What a later event of a purchase is about; complains unless it is open.
  PurchaseState* open_purchase(const LogEvent& event) {
    const auto found = state_.purchases.find(event.entity);
    if (found == state_.purchases.end()) {
      wrong(event, "rules hold", "there is no such purchase");
      return nullptr;
    }
    if (found->second.delivery.closed) wrong(event, "rules hold", "the purchase was closed");
    return &found->second;
  }

  void cancel(const LogEvent& event) {
    PurchaseState* const purchase = open_purchase(event);
    if (!purchase) return;
    if (purchase->picked_up) wrong(event, "rules hold", "it was picked up");
    for (const Line& line : purchase->lines) state_.products[line.product].stock += line.quantity;
    purchase->row.status = purchase->delivery.status = "cancelled";
    purchase->delivery.closed = true;
  }

  void scan(const LogEvent& event) {
    PurchaseState* const purchase = open_purchase(event);
    if (!purchase) return;
    ++purchase->delivery.scans;
    purchase->delivery.status = event.text;
    purchase->picked_up = purchase->picked_up || event.scanned != "label-created";
    if (event.text == "returned-to-sender") {
      purchase->row.status = "returned";
      purchase->delivery.closed = true;
    }
  }

  void confirm_receipt(const LogEvent& event) {
    PurchaseState* const purchase = open_purchase(event);
    if (!purchase) return;
    if (purchase->delivery.status != "delivered")
      wrong(event, "rules hold", "it was not delivered");
    purchase->row.status = "received";
    purchase->delivery.status = "receipt-confirmed";
    purchase->delivery.closed = true;
  }

  Complain complain_;
  State state_;
};

// --- The checker ---------------------------------------------------------------------------------

class Checker {
 public:
  Checker(const History& history, const std::vector<LogCommit>& log, const Rows& rows)
      : history_(history), log_(log), rows_(rows) {}

  std::vector<Violation> run() {
    index();
    for (const Client& client : history_.clients) {
      for (const Command& command : client.commands) check_command(command);
      check_order(client);
      for (const Query& query : client.queries) check_query(query);
    }
    check_strangers();
    check_real_time();
    check_queries_in_time();
    check_outages();
    if (const auto two = longest_two_at_once(history_.beliefs); two > longest_two_active)
      complain("two are never active at once", "for " + std::to_string(two.count()) + " ms");
    replay();
    return std::move(violations_);
  }

 private:
  // An answer that is judged by the state at its position.
  struct Refused {
    const Command* command;
    const Try* answer;
  };

  void complain(const char* rule, std::string what) {
    violations_.push_back({rule, std::move(what)});
  }
  void complain(const char* rule, const Command& command, const std::string& what) {
    complain(rule, command.name + " (" + std::string(event_type(command.kind)) + "): " + what);
  }

  void index() {
    for (const LogCommit& commit : log_)
      for (const LogEvent& event : commit.events) {
        if (is_without_effect(event)) continue;
        by_name_[event.correlation].push_back(&event);
        if (event.type == "PurchaseCompleted") purchase_made_[event.entity] = &event;
      }
  }

  std::vector<const LogEvent*> events_of(const Command& command) const {
    const auto found = by_name_.find(command.name);
    return found == by_name_.end() ? std::vector<const LogEvent*>() : found->second;
  }

  // --- One command -------------------------------------------------------------------------------

  void check_command(const Command& command) {
    const auto events = events_of(command);
    if (events.size() > 1)
      complain("a command happens once", command,
               "it is in the log " + std::to_string(events.size()) + " times, at " +
                   place(*events[0]) + " and " + place(*events[1]));
    bool may_have_happened = false;
    const Try* settled = nullptr;
    for (const Try& one : command.tries) {
      check_try(command, one);
      switch (one.answer) {
        case Answer::acknowledged:
          check_acknowledged(command, one, events);
          may_have_happened = true;
          settled = &one;
          break;
        case Answer::refused:
          refused_[one.position].push_back({&command, &one});
          settled = &one;
          break;
        case Answer::uncertain:
        case Answer::unexpected:
          may_have_happened = true;
          break;
        case Answer::turned_away:
          break;
      }
    }
    for (const LogEvent* event : events) check_content(command, *event);
    if (command.tries.empty() || command.tries.back().answer == Answer::acknowledged) return;
    if (!events.empty() && !may_have_happened)
      complain("what was refused is not in the log", command,
               "it was answered " + command.tries.back().code + ", and is at " + place(*events[0]));
    // What an earlier try sent may land behind the position at which a later one was refused: that
    // refusal was true where it says. Before it, it was not.
    if (!events.empty() && settled && events[0]->position <= settled->position)
      complain("what was refused is not in the log", command,
               "it was refused at " + std::to_string(settled->position) + " with " + settled->code +
                   ", and is at " + place(*events[0]));
    if (command.keyed && may_have_happened && !settled)
      complain("a retry tells what became of it", command, "its outcome was never told");
  }

  void check_try(const Command& command, const Try& one) {
    const std::string answer = std::to_string(one.status) + " " + one.code;
    if (one.answer == Answer::unexpected) complain("answers are as promised", command, answer);
    if (one.status == 503 && !one.retry_after)
      complain("503 says when to come again", command, answer);
    if (one.end - one.begin > longest_answer)
      complain("commands are answered in time", command,
               answer + " after " +
                   std::to_string(
                       std::chrono::duration_cast<std::chrono::milliseconds>(one.end - one.begin)
                           .count()) +
                   " ms");
  }

  void check_acknowledged(const Command& command, const Try& one,
                          const std::vector<const LogEvent*>& events) {
    if (events.empty()) {
      // What is so already is told again: the effect is somebody else's event.
      if (command.kind == Kind::confirm_receipt)
        return refused_[one.position].push_back({&command, &one});
      const auto made = purchase_made_.find(one.id);
      if (command.kind == Kind::confirm_quote && made != purchase_made_.end()) {
        // Under a key, what is remembered of it comes later.
        if (command.keyed ? one.position < made->second->position
                          : one.position != made->second->position)
          complain("what is acknowledged is in the log where it was told", command,
                   "told " + std::to_string(one.position) + ", is at " + place(*made->second));
        return;
      }
      return complain("what is acknowledged is in the log where it was told", command,
                      "told " + std::to_string(one.position) + ", is nowhere");
    }
    if (events[0]->position != one.position)
      complain("what is acknowledged is in the log where it was told", command,
               "told " + std::to_string(one.position) + ", is at " + place(*events[0]));
    if (events[0]->entity != one.id)
      complain("what is acknowledged is in the log where it was told", command,
               "told of " + one.id + ", is of " + events[0]->entity);
  }

  void check_content(const Command& command, const LogEvent& event) {
    std::string wrong;
    if (event.type != event_type(command.kind)) wrong = "the type " + event.type;
    if (event.keyed != command.keyed) wrong = "the key";
    if (!command.target.empty() && command.kind != Kind::confirm_quote &&
        event.entity != command.target)
      wrong = "the entity " + event.entity;
    switch (command.kind) {
      case Kind::open_account:
      case Kind::list_product:
        if (event.text != command.text) wrong = "the name";
        break;
      case Kind::change_address:
        if (event.address != command.text) wrong = "the address";
        break;
      case Kind::scan:
        if (event.scanned != command.text) wrong = "the status";
        break;
      case Kind::change_price:
        if (event.price != command.amount) wrong = "the price";
        break;
      case Kind::change_stock:
        if (event.change != command.amount) wrong = "the change";
        break;
      case Kind::buy:
        if (command.amount != 0 && event.total != command.amount) wrong = "the total";
        [[fallthrough]];
      case Kind::confirm_quote:
        if (event.buyer != command.buyer) wrong = "the buyer";
        if (event.lines != command.lines) wrong = "the lines";
        break;
      case Kind::close_account:
      case Kind::withdraw_product:
      case Kind::cancel:
      case Kind::confirm_receipt:
        break;
    }
    if (command.kind == Kind::list_product &&
        (event.price != command.amount || event.stock != command.stock))
      wrong = "price or stock";
    if (!wrong.empty())
      complain("the log says what was asked for", command,
               wrong + " at " + place(event) + " is another one");
  }

  void check_strangers() {
    std::size_t commands = 0;
    std::unordered_map<std::string, int> known;
    for (const Client& client : history_.clients)
      for (const Command& command : client.commands) {
        ++known[command.name];
        ++commands;
      }
    if (known.size() != commands) complain("the history is sound", "two commands have one name");
    for (const auto& [name, events] : by_name_)
      if (!known.contains(name))
        complain("nothing else is in the log", "'" + name + "' at " + place(*events[0]));
  }

  // --- Order -------------------------------------------------------------------------------------

  // Whether the answer is by the active instance, and of that moment: neither one from the read
  // models nor one that was given before.
  static bool is_of_now(const Command& command, const Try& one) {
    return (one.answer == Answer::acknowledged && !one.replayed &&
            command.kind != Kind::confirm_receipt && command.kind != Kind::confirm_quote) ||
           (one.answer == Answer::refused && one.code != "purchase-closed" &&
            one.code != "illegal-status-change" && one.status != 404);
  }

  // A client's positions never go back: those of commands at one process, those of queries by what
  // they show.
  void check_order(const Client& client) {
    std::map<int, std::uint64_t> told;
    for (const Command& command : client.commands)
      for (const Try& one : command.tries) {
        if (!is_of_now(command, one)) continue;
        std::uint64_t& last = told[one.server];
        if (one.position < last)
          complain("positions never go back", command,
                   "told " + std::to_string(one.position) + " after " + std::to_string(last));
        last = std::max(last, one.position);
      }
    std::map<Shown, std::uint64_t> shown;
    for (const Query& query : client.queries) {
      if (query.position == 0) continue;
      std::uint64_t& last = shown[query.what];
      if (query.position < last)
        complain("positions never go back", "the query of " + query.id + " showed " +
                                                std::to_string(query.position) + " after " +
                                                std::to_string(last));
      last = std::max(last, query.position);
    }
  }

  // What was told, by time.
  class Told {
   public:
    void add(Time at, std::uint64_t position) { all_.push_back({at, position}); }
    void sort() {
      std::ranges::sort(all_, {}, &One::at);
      std::uint64_t highest = 0;
      for (One& one : all_) one.position = highest = std::max(highest, one.position);
    }
    // The highest position until then; 0 if there is none.
    std::uint64_t before(Time time) const {
      const auto after = std::ranges::lower_bound(all_, time, {}, &One::at);
      return after == all_.begin() ? 0 : std::prev(after)->position;
    }

   private:
    struct One {
      Time at;
      std::uint64_t position;
    };
    std::vector<One> all_;
  };

  // What is asked for after something was acknowledged comes after it in the log, and a refusal
  // takes it into account, whichever process gives it.
  void check_real_time() {
    Told told;
    for (const Client& client : history_.clients)
      for (const Command& command : client.commands)
        for (const Try& one : command.tries)
          if (one.answer == Answer::acknowledged) told.add(one.end, one.position);
    told.sort();
    for (const Client& client : history_.clients)
      for (const Command& command : client.commands) {
        for (const Try& one : command.tries) {
          if (one.answer != Answer::refused || !is_of_now(command, one)) continue;
          if (const auto before = told.before(one.begin); one.position < before)
            complain("refusals know what was acknowledged before", command,
                     one.code + " at " + std::to_string(one.position) + ", asked after " +
                         std::to_string(before) + " was acknowledged");
        }
        const auto events = events_of(command);
        if (events.empty() || command.tries.empty()) continue;
        if (const auto before = told.before(command.tries.front().begin);
            events[0]->position <= before)
          complain("later commands come later in the log", command,
                   "at " + place(*events[0]) + ", begun after " + std::to_string(before) +
                       " was acknowledged");
      }
  }

  // What one process has shown to anybody, it shows to everybody who asks later.
  void check_queries_in_time() {
    std::map<std::pair<int, Shown>, Told> shown;
    for (const Client& client : history_.clients)
      for (const Query& query : client.queries)
        if (query.position != 0) shown[{query.server, query.what}].add(query.end, query.position);
    for (auto& [where, told] : shown) told.sort();
    for (const Client& client : history_.clients)
      for (const Query& query : client.queries) {
        if (query.position == 0) continue;
        const auto before = shown[{query.server, query.what}].before(query.begin);
        if (query.position < before)
          complain("reads never go back at a process",
                   "the query of " + query.id + " at " + std::to_string(query.server) + " showed " +
                       std::to_string(query.position) + " after " + std::to_string(before));
      }
  }

  // --- Queries -----------------------------------------------------------------------------------

  void check_query(const Query& query) {
    const std::string which = "the query of " + query.id + " ";
    if (query.status == 503 && !query.retry_after)
      complain("503 says when to come again", which + query.code);
    if (query.status == 200 || query.status == 404) {
      if (query.position < query.min_position)
        complain("minPosition is never missed", which + "showed " + std::to_string(query.position) +
                                                    " when asked for " +
                                                    std::to_string(query.min_position));
      shown_[query.position].push_back(&query);
    } else if (query.status != 503 && query.status != 0) {
      complain("answers are as promised", which + std::to_string(query.status) + " " + query.code);
    }
    if (query.end - query.begin > longest_answer)
      complain("queries are answered in time", which + query.code);
  }

  // --- Outages -----------------------------------------------------------------------------------

  void check_outages() {
    for (const Outage& outage : history_.outages) {
      std::size_t bought = 0;
      for (const Client& client : history_.clients) {
        for (const Command& command : client.commands)
          for (const Try& one : command.tries)
            if (one.begin >= outage.begin + notice && one.end <= outage.end)
              bought += check_in_outage(outage, command, one) ? 1 : 0;
        if (outage.of != Outage::Of::read_models) continue;
        for (const Query& query : client.queries)
          if (query.begin >= outage.begin + notice && query.end <= outage.end &&
              query.status != 503)
            complain("without PostgreSQL queries say so",
                     "the query of " + query.id + " was answered " + std::to_string(query.status));
      }
      if (outage.of == Outage::Of::read_models && outage.end - outage.begin > 2 * notice &&
          bought == 0)
        complain("without PostgreSQL purchases go on", "nothing was bought");
    }
  }

  // True for a purchase that was made.
  bool check_in_outage(const Outage& outage, const Command& command, const Try& one) {
    const bool buys = command.kind == Kind::buy || command.kind == Kind::confirm_quote;
    if (outage.of == Outage::Of::log) {
      if (one.answer == Answer::acknowledged && command.kind != Kind::confirm_receipt)
        complain("without NATS nothing is acknowledged", command,
                 "told " + std::to_string(one.position));
      if (one.end - one.begin > longest_answer_in_outage)
        complain("without NATS answers come in time", command, std::to_string(one.status));
      if (one.status == 0) complain("without NATS everybody is answered", command, "no answer");
    } else if (buys && one.answer != Answer::acknowledged && one.answer != Answer::refused &&
               one.code != "idempotency-key-in-flight" &&
               !(one.replayed || one.code == "read-model-unavailable")) {
      complain("without PostgreSQL purchases go on", command,
               std::to_string(one.status) + " " + one.code);
    }
    return buys && one.answer == Answer::acknowledged;
  }

  // --- The log, once from its beginning ----------------------------------------------------------

  void replay() {
    Fold fold([this](const char* rule, const std::string& what) { complain(rule, what); });
    judge(fold.state(), 0);
    std::string active;  // who claimed last
    for (const LogCommit& commit : log_) {
      if (!commit.is_void && !commit.author.empty()) {
        if (commit.events.empty()) active = commit.author;
        if (!active.empty() && commit.author != active)
          complain("who has claimed writes", "commit " + std::to_string(commit.position) +
                                                 " is from " + commit.author + ", but " + active +
                                                 " had claimed");
      }
      // A turn's answers all tell its commit's position, and each was decided somewhere within it.
      auto refused = refused_.extract(commit.position);
      const auto judge_refused = [&] {
        if (refused)
          std::erase_if(refused.mapped(), [&](const Refused& one) {
            return is_true(*one.command, *one.answer, fold.state());
          });
      };
      judge_refused();
      for (const LogEvent& event : commit.events) {
        fold.apply(event);
        judge_refused();
      }
      if (refused)
        for (const Refused& one : refused.mapped()) complain_of(one);
      judge(fold.state(), commit.position);
    }
    // At 0, and beyond the end.
    for (const auto& [position, refused] : refused_)
      for (const Refused& one : refused) complain_of(one);
    for (const auto& [position, queries] : shown_)
      complain("answers are true where they say",
               "a query showed position " + std::to_string(position) + ", which is not in the log");
    compare(fold.state());
  }

  void complain_of(const Refused& one) {
    complain("answers are true where they say", *one.command,
             std::to_string(one.answer->status) + " " + one.answer->code + " (available " +
                 std::to_string(one.answer->available) + ") at " +
                 std::to_string(one.answer->position));
  }

  // Whether what was told was so.
  static bool is_true(const Command& command, const Try& one, const State& state) {
    const PurchaseState* purchase = state.purchase(command.target);
    if (one.answer == Answer::acknowledged)  // only a receipt that was confirmed before
      return purchase && purchase->delivery.status == "receipt-confirmed";
    if (one.status == 404) return !is_known(one.code, command, state);
    if (one.code == "insufficient-stock") return lacks(command, one, state);
    if (one.code == "price-changed") return price_differs(command, one, state);
    if (one.code == "address-changed") {
      const auto buyer = state.accounts.find(command.buyer);
      return buyer != state.accounts.end() && buyer->second.address != command.text;
    }
    if (one.code == "already-shipped") return purchase && purchase->picked_up;
    if (one.code == "not-delivered") return purchase && purchase->delivery.status != "delivered";
    if (one.code == "purchase-closed") return purchase && purchase->delivery.closed;
    if (one.code == "illegal-status-change")
      return purchase && (purchase->delivery.status == "delivered" || purchase->delivery.closed);
    if (one.code == "account-closed") {
      const auto& id = command.buyer.empty() ? command.target : command.buyer;
      const auto account = state.accounts.find(id);
      return account != state.accounts.end() && account->second.closed;
    }
    if (one.code == "product-withdrawn") {
      const auto withdrawn = [&](const std::string& id) {
        const ProductRow* product = state.product(id);
        return product && product->withdrawn;
      };
      return withdrawn(command.target) ||
             std::any_of(command.lines.begin(), command.lines.end(),
                         [&](const Line& line) { return withdrawn(line.product); });
    }
    return false;
  }

  static bool is_known(const std::string& code, const Command& command, const State& state) {
    if (code == "account-not-found")
      return state.accounts.contains(command.buyer.empty() ? command.target : command.buyer);
    if (code == "product-not-found" && !command.lines.empty())
      return std::all_of(command.lines.begin(), command.lines.end(),
                         [&](const Line& line) { return state.product(line.product) != nullptr; });
    if (code == "product-not-found") return state.product(command.target) != nullptr;
    return state.purchase(command.target) != nullptr;
  }

  static bool lacks(const Command& command, const Try& one, const State& state) {
    if (command.kind == Kind::change_stock) {
      const ProductRow* product = state.product(command.target);
      return product && product->stock == one.available && product->stock + command.amount < 0;
    }
    return std::any_of(command.lines.begin(), command.lines.end(), [&](const Line& line) {
      const ProductRow* product = state.product(line.product);
      return product && product->stock == one.available && product->stock < line.quantity;
    });
  }

  static bool price_differs(const Command& command, const Try& one, const State& state) {
    if (command.kind == Kind::confirm_quote)
      return std::any_of(command.lines.begin(), command.lines.end(), [&](const Line& line) {
        const ProductRow* product = state.product(line.product);
        return product && product->price == one.actual;
      });
    std::int64_t total = 0;
    for (const Line& line : command.lines)
      if (const ProductRow* product = state.product(line.product))
        total += product->price * line.quantity;
    return total == one.actual && total != command.amount;
  }

  void judge(const State& state, std::uint64_t position) {
    const auto shown = shown_.extract(position);
    if (!shown) return;
    for (const Query* query : shown.mapped())
      if (const std::string wrong = wrong_in(*query, state); !wrong.empty())
        complain(
            "answers are true where they say",
            "the query of " + query->id + " at " + std::to_string(position) + " showed " + wrong);
  }

  static std::string wrong_in(const Query& query, const State& state) {
    const auto differs = [&](bool there, const std::string& text, std::int64_t number, bool ended) {
      if (there != (query.status == 200)) return std::string(there ? "nothing" : "something");
      if (!there) return std::string();
      if (query.text == text && query.number == number && query.ended == ended)
        return std::string();
      return "'" + query.text + "', " + std::to_string(query.number) + " instead of '" + text +
             "', " + std::to_string(number);
    };
    switch (query.what) {
      case Shown::account: {
        const auto found = state.accounts.find(query.id);
        const bool there = found != state.accounts.end();
        const AccountRow row = there ? found->second : AccountRow{};
        return differs(there, row.address, 0, row.closed);
      }
      case Shown::product: {
        const ProductRow* row = state.product(query.id);
        return differs(row != nullptr, row ? std::to_string(row->price) : "", row ? row->stock : 0,
                       row && row->withdrawn);
      }
      case Shown::purchase: {
        const PurchaseState* row = state.purchase(query.id);
        return differs(row != nullptr, row ? row->row.status : "", row ? row->row.total : 0, false);
      }
      case Shown::delivery: {
        const PurchaseState* row = state.purchase(query.id);
        return differs(row != nullptr, row ? row->delivery.status : "",
                       row ? row->delivery.scans : 0, row && row->delivery.closed);
      }
    }
    return {};
  }

  // --- The read models, at the end ---------------------------------------------------------------

  void compare(const State& state) {
    if (rows_.position != log_.size())
      complain("read models catch up", "they are at " + std::to_string(rows_.position) +
                                           ", the log ends at " + std::to_string(log_.size()));
    if (rows_.parked != 0)
      complain("read models are a replay", std::to_string(rows_.parked) + " rows are parked");
    compare("accounts", state.accounts, rows_.accounts);
    compare("products", state.products, rows_.products);
    std::map<std::string, PurchaseRow> purchases;
    std::map<std::string, DeliveryRow> deliveries;
    for (const auto& [id, purchase] : state.purchases) {
      purchases[id] = purchase.row;
      deliveries[id] = purchase.delivery;
    }
    compare("purchases", purchases, rows_.purchases);
    compare("deliveries", deliveries, rows_.deliveries);
    std::size_t events = 0;
    for (const LogCommit& commit : log_)
      for (const LogEvent& event : commit.events) {
        if (is_without_effect(event)) continue;
        ++events;
        if (!rows_.history.contains({event.entity, event.position, event.index}))
          complain("read models are a replay", "history lacks " + place(event));
      }
    if (rows_.history.size() != events)
      complain("read models are a replay", "history has events that the log has not");
  }

  template <class Expected, class Actual>
  void compare(const std::string& name, const Expected& expected, const Actual& actual) {
    for (const auto& [id, row] : expected) {
      const auto found = actual.find(id);
      if (found == actual.end()) {
        complain("read models are a replay", name + " lacks " + id);
      } else if (!(found->second == row)) {
        complain("read models are a replay", name + " has another row of " + id);
      }
    }
    if (actual.size() > expected.size())
      complain("read models are a replay", name + " has rows that the log has not");
  }

  const History& history_;
  const std::vector<LogCommit>& log_;
  const Rows& rows_;
  std::vector<Violation> violations_;
  std::unordered_map<std::string, std::vector<const LogEvent*>> by_name_;
  std::unordered_map<std::string, const LogEvent*> purchase_made_;
  // What has to be true at a position of the log.
  std::map<std::uint64_t, std::vector<Refused>> refused_;
  std::map<std::uint64_t, std::vector<const Query*>> shown_;
};

}  // namespace

std::chrono::milliseconds longest_two_at_once(const std::vector<Belief>& beliefs) {
  struct Reign {
    int server;
    Time from, to;
  };
  std::vector<Reign> reigns;
  const Belief* before = nullptr;  // the look before at the same process
  for (const Belief& now : beliefs) {
    const bool goes_on = before && before->server == now.server && before->active && now.active &&
                         now.begin - before->end < looked_on &&
                         before->end - before->begin < looked_on;
    if (goes_on)
      reigns.back().to = now.begin;
    else if (now.active)
      reigns.push_back({now.server, now.end, now.end});
    before = &now;
  }
  Time::duration longest{0};
  for (const Reign& one : reigns)
    for (const Reign& other : reigns)
      if (one.server < other.server)
        longest = std::max(longest, std::min(one.to, other.to) - std::max(one.from, other.from));
  return std::chrono::duration_cast<std::chrono::milliseconds>(longest);
}

std::vector<Violation> check(const History& history, const std::vector<LogCommit>& log,
                             const Rows& rows) {
  return Checker(history, log, rows).run();
}

}  // namespace jangbu::test
