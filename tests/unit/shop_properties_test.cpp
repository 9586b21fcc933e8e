// What holds for the shop whatever commands come to it, in whatever order and turns.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <numeric>
#include <set>

#include "tests/support/property.hpp"
#include "tests/support/same_shop.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/simulation.hpp"

namespace jangbu::test {

namespace {

// Counts pieces from the events alone, without the shop's fold.
class StockBook {
 public:
  void operator()(const ProductListed& event) { pieces_[event.state.product] = event.state.stock; }
  void operator()(const StockChanged& event) {
    pieces_[event.state.product] += event.change;
    RC_ASSERT(event.state.stock == pieces_[event.state.product]);
  }
  template <OneOf<PriceChanged, ProductWithdrawn> Fact>
  void operator()(const Fact& event) {
    RC_ASSERT(event.state.stock == pieces_[event.state.product]);
  }
  void operator()(const PurchaseCompleted& event) {
    for (const PurchaseLine& one : event.lines) pieces_[one.product] -= one.quantity;
  }
  void operator()(const PurchaseCancelled& event) {
    for (const PurchaseLine& one : event.lines) pieces_[one.product] += one.quantity;
  }
  template <OneOf<AccountFacts, DeliveryScanned, ReceiptConfirmed> Fact>
  void operator()(const Fact&) {}
  void operator()(const NothingChanged& found) {
    if (found.entity.kind == EntityKind::product)
      RC_ASSERT(found.stock == pieces_.at(id_cast<ProductId>(found.entity.id)));
  }

  const std::map<ProductId, std::int64_t>& pieces() const { return pieces_; }

 private:
  std::map<ProductId, std::int64_t> pieces_;
};

std::int64_t sum_of(const std::vector<PurchaseLine>& lines) {
  return std::accumulate(lines.begin(), lines.end(), std::int64_t{0},
                         [](std::int64_t sum, const PurchaseLine& one) {
                           return sum + one.unit_price.amount * one.quantity;
                         });
}

template <class Fact>
void check_money(const Fact& purchase) {
  RC_ASSERT(purchase.total.amount == sum_of(purchase.lines));
  for (const PurchaseLine& one : purchase.lines) {
    RC_ASSERT(one.total.amount == one.unit_price.amount * one.quantity);
    RC_ASSERT(one.total.currency == purchase.total.currency);
    RC_ASSERT(one.unit_price.currency == purchase.total.currency);
  }
}

}  // namespace

TEST_CASE("random commands get somewhere") {
  // Were the simulation to refuse nearly everything, the properties below would say little.
  std::map<std::size_t, int> decided;
  std::map<std::string_view, int> recorded;
  std::set<std::size_t> taken;
  property("every command, every kind of decision and every event comes up", [&] {
    Simulation simulation;
    for (const Step& step : *any_steps()) ++decided[simulation.take(step).index()];
    for (const RecordedEvent& event : simulation.events()) ++recorded[wire_type(event.event).name];
    taken.insert(simulation.taken().begin(), simulation.taken().end());
  });
  CHECK(taken.size() == std::variant_size_v<Command>);
  CHECK(decided.size() == std::variant_size_v<Decision>);
  CHECK(recorded.size() == std::variant_size_v<Event>);
}

TEST_CASE("stock is what was received, less what was sold, and what was cancelled again") {
  property("never below zero, after every command", [] {
    Simulation simulation;
    StockBook expected;
    std::size_t counted = 0;
    for (const Step& step : *any_steps()) {
      simulation.take(step);
      if (step.ends_turn) simulation.commit();
      for (; counted < simulation.events().size(); ++counted)
        std::visit(expected, simulation.events()[counted].event);
      RC_ASSERT(simulation.shop().stock.size() == expected.pieces().size());
      for (const auto& [product, pieces] : expected.pieces()) {
        RC_ASSERT(pieces >= 0);
        RC_ASSERT(simulation.shop().stock.find(product)->pieces == pieces);
      }
    }
  });
}

TEST_CASE("money is conserved") {
  property("totals are the sums of their lines, and what is cancelled is what was paid", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    std::map<PurchaseId, Money> paid;
    for (const RecordedEvent& recorded : simulation.events()) {
      if (const auto* completed = std::get_if<PurchaseCompleted>(&recorded.event)) {
        check_money(*completed);
        RC_ASSERT(paid.emplace(completed->purchase, completed->total).second);
      } else if (const auto* taken_back = std::get_if<PurchaseCancelled>(&recorded.event)) {
        check_money(*taken_back);
        RC_ASSERT(paid.at(taken_back->purchase) == taken_back->total);
        paid.erase(taken_back->purchase);  // so that it cannot be taken back twice
      }
    }
    simulation.shop().purchases.for_each([&](const PurchaseView& view) {
      RC_ASSERT(paid.at(view.purchase.purchase) == view.purchase.total);
    });
  });
}

TEST_CASE("a command with a key is carried out once, however often it comes") {
  property("each accepted command again is a repeat of its event", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    const Shop before = simulation.shop();
    for (const auto& accepted : simulation.accepted()) {
      if (!accepted.conditions.key) continue;
      const Decision again =
          decide(simulation.shop(), accepted.command, accepted.conditions, *accepted.asker);
      RC_ASSERT(std::holds_alternative<Repeated>(again));
      RC_ASSERT(std::get<Repeated>(again).event == accepted.event);
      Conditions other_request = accepted.conditions;
      other_request.key->request = id<RequestHash>(999);
      const Decision reused =
          decide(simulation.shop(), accepted.command, other_request, *accepted.asker);
      RC_ASSERT(std::holds_alternative<Refusal>(reused));
      RC_ASSERT(std::holds_alternative<refusal::KeyReused>(std::get<Refusal>(reused)));
    }
    RC_ASSERT(same(simulation.shop(), before));
  });
}

TEST_CASE("a quote is used once, with and without a key") {
  property("no purchase id comes twice", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    std::map<PurchaseId, int> purchases;
    for (const RecordedEvent& recorded : simulation.events())
      if (const auto* completed = std::get_if<PurchaseCompleted>(&recorded.event))
        RC_ASSERT(++purchases[completed->purchase] == 1);
  });
}

TEST_CASE("a name belongs to one") {
  property("names and the rows they lead to agree", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    const Shop& shop = simulation.shop();
    std::map<std::string, AccountId> holders;
    std::map<std::string, ProductId> goods;
    shop.accounts.for_each([&](const AccountView& account) {
      if (account.closed_at) return;
      RC_ASSERT(holders.emplace(account.state.person.name, account.state.account).second);
    });
    shop.products.for_each([&](const ProductView& product) {
      if (product.withdrawn_at) return;
      RC_ASSERT(goods.emplace(product.state.name, product.state.product).second);
    });
    for (const std::string& name : Simulation::names_in_use()) {
      const auto account = shop.accounts.find_by_name(name);
      RC_ASSERT(account.has_value() == holders.contains(name));
      if (account) RC_ASSERT(account->state.account == holders.at(name));
      const auto product = shop.products.find_by_name(name);
      RC_ASSERT(product.has_value() == goods.contains(name));
      if (product) RC_ASSERT(product->state.product == goods.at(name));
    }
  });
}

TEST_CASE("an owner has one open account, and is found by it") {
  property("owners and accounts agree", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    const Shop& shop = simulation.shop();
    std::map<PrincipalId, AccountId> open;
    shop.accounts.for_each([&](const AccountView& account) {
      if (account.closed_at || !account.state.owner) return;
      RC_ASSERT(open.emplace(*account.state.owner, account.state.account).second);
    });
    RC_ASSERT(shop.owners.size() == open.size());
    for (const auto& [owner, account] : open)
      RC_ASSERT(shop.owners.find(owner)->account == account);
  });
}

TEST_CASE("whoever does not act for all does what they do with what is theirs") {
  std::set<std::string_view> done;
  property("their events are about their accounts, products and purchases", [&] {
    Simulation simulation;
    simulation.run(*any_steps());
    std::map<AccountId, std::optional<PrincipalId>> owners;
    std::map<ProductId, std::optional<PrincipalId>> sellers;
    std::size_t next = 0;
    for (const auto& accepted : simulation.accepted()) {
      const Event& event = simulation.events()[next++].event;
      const auto is_theirs = [&](const std::optional<PrincipalId>& owner) {
        RC_ASSERT(accepted.asker->acts_for_all() || owner == accepted.asker->id);
      };
      if (!accepted.asker->acts_for_all()) done.insert(wire_type(event).name);
      std::visit(
          [&](const auto& fact) {
            if constexpr (requires { fact.state.owner; }) {
              owners.try_emplace(fact.state.account, fact.state.owner);
              RC_ASSERT(owners.at(fact.state.account) == fact.state.owner);
              is_theirs(fact.state.owner);
            } else if constexpr (requires { fact.state.seller; }) {
              sellers.try_emplace(fact.state.product, fact.state.seller);
              RC_ASSERT(sellers.at(fact.state.product) == fact.state.seller);
              is_theirs(fact.state.seller);
            } else if constexpr (requires { fact.scan; }) {
              RC_ASSERT(accepted.asker->acts_for_all() ||
                        fact.scan.carrier == accepted.asker->carrier);
            } else if constexpr (requires { fact.buyer; }) {
              is_theirs(owners.at(fact.buyer));
            }
          },
          event);
    }
  });
  CHECK(done.size() == std::variant_size_v<Event>);
}

TEST_CASE("a replay of the log gives the shop that wrote it") {
  // Hours between the commands, so that keys are forgotten on the way.
  const auto step_ms = GENERATE(std::int64_t{1'000}, std::int64_t{5 * 60 * 60 * 1000});
  property("from its bytes, turn by turn", [step_ms] {
    Simulation simulation({step_ms});
    simulation.run(*any_steps());
    RC_ASSERT(same(replay(simulation.log()), simulation.shop()));
  });
}

TEST_CASE("an answer shows what the shop holds, and what a replay makes of it") {
  property("after every event", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    Shop answering, replayed;
    Position position;
    for (const RecordedEvent& recorded : simulation.events()) {
      position = position.next();
      const Timestamp at = recorded.envelope.occurred_at;
      const EntityView shown = fold(answering, recorded, {position, 0}, at);
      answering.keep(at);
      fold(replayed, Commit{at, {recorded}}, position);
      RC_ASSERT(same(answering, replayed));
      if (const auto* account = std::get_if<Account>(&shown); account && *account) {
        RC_ASSERT(replayed.accounts.find((*account)->state.account) == **account);
      } else if (const auto* product = std::get_if<Product>(&shown)) {
        RC_ASSERT(replayed.products.find((*product)->state.product) == **product);
      } else if (const auto* purchase = std::get_if<Purchase>(&shown)) {
        const auto held = replayed.purchases.find((*purchase)->purchase.purchase);
        RC_ASSERT(held.has_value() == !is_closed((*purchase)->status));
        if (held) RC_ASSERT(*held == **purchase);
      }
    }
  });
}

TEST_CASE("where commits begin and end changes nothing") {
  property("events folded with and without stops in between", [] {
    Simulation simulation({5 * 60 * 60 * 1000});
    simulation.run(*any_steps());
    Shop at_once;
    Shop with_stops;
    std::uint32_t index = 0;
    Timestamp last;
    for (const RecordedEvent& recorded : simulation.events()) {
      last = recorded.envelope.occurred_at;
      const EventId id{{1}, index++};
      fold(at_once, recorded, id, last);
      fold(with_stops, recorded, id, last);
      if (*rc::gen::arbitrary<bool>()) with_stops.keep(last);
    }
    at_once.keep(last);
    with_stops.keep(last);
    RC_ASSERT(same(at_once, with_stops));
  });
}

TEST_CASE("a turn that is dropped leaves the shop as it was") {
  property("whatever was staged", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    const Shop before = simulation.shop();
    for (const Step& step : *any_steps()) simulation.take(step);
    simulation.drop();
    RC_ASSERT(same(simulation.shop(), before));
    // Nor is it there later: the next turns go as if nothing had been.
    simulation.run(*any_steps());
    RC_ASSERT(same(replay(simulation.log()), simulation.shop()));
  });
}

}  // namespace jangbu::test
