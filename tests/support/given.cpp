#include "tests/support/given.hpp"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>

#include "tests/support/describe.hpp"

namespace jangbu::test {

namespace {

std::string text_of(Where where) {
  return std::string(where.file) + ':' + std::to_string(where.line);
}

// What the shop knows of the entity that a view shows. A closed purchase is not in it.
EntityView as_in(const Shop& shop, const EntityView& view) {
  struct Current {
    const Shop& shop;
    EntityView operator()(const Account& account) const {
      return std::make_shared<const AccountView>(
          shop.accounts.find(account->state.account).value());
    }
    EntityView operator()(const Product& product) const {
      ProductView now = shop.products.find(product->state.product).value();
      now.state.stock = shop.stock.find(product->state.product).value().pieces;
      return std::make_shared<const ProductView>(std::move(now));
    }
    EntityView operator()(const Purchase& purchase) const {
      return std::make_shared<const PurchaseView>(
          shop.purchases.find(purchase->purchase.purchase).value());
    }
  };
  return std::visit(Current{shop}, view);
}

bool same(const EntityView& a, const EntityView& b) {
  return std::visit(
      [](const auto& left, const auto& right) {
        if constexpr (std::is_same_v<decltype(left), decltype(right)>) {
          return *left == *right;
        } else {
          return false;
        }
      },
      a, b);
}

}  // namespace

Given::Given(const std::vector<Past>& past) {
  Position position;
  for (const Past& happened : past) {
    position = position.next();
    const RecordedEvent recorded{{.occurred_at = happened.at,
                                  .command_key = happened.key,
                                  .correlation = {},
                                  .causation = {},
                                  .actor = {}},
                                 happened.event};
    fold(shop_, Commit{happened.at, {recorded}}, position);
  }
}

Given Given::as(const Principal& asker) const {
  Given as_asked = *this;
  as_asked.asker_ = std::make_shared<const Principal>(asker);
  return as_asked;
}

When Given::when(Command command, Conditions conditions) const {
  return When(shop_, std::move(command), std::move(conditions), *asker_);
}

When::When(Shop shop, Command command, Conditions conditions, const Principal& asker)
    : shop_(std::move(shop)),
      command_(std::move(command)),
      decision_(decide(shop_, command_, conditions, asker)) {}

template <class Expected>
void When::expect(const Expected& expected, Where where) const {
  INFO("in the sentence that ends at " << text_of(where));
  INFO("decided was " << describe(decision_));
  const auto* decided = std::get_if<Expected>(&decision_);
  REQUIRE(decided);
  CHECK(*decided == expected);
}

void When::then(const Event& event, Where where) const {
  INFO("expected was " << describe(event));
  expect(event, where);
}

void When::then(const Refusal& refusal, Where where) const {
  INFO("expected was " << describe(refusal));
  expect(refusal, where);
}

void When::then(const Offer& offer, Where where) const {
  expect(offer, where);
}

void When::then(Repeated repeated, Where where) const {
  expect(repeated, where);
}

void When::then(AsItIs, Where where) const {
  INFO("in the sentence that ends at " << text_of(where));
  INFO("decided was " << describe(decision_));
  const auto* unchanged = std::get_if<Unchanged>(&decision_);
  REQUIRE(unchanged);
  CHECK(same(unchanged->entity, as_in(shop_, unchanged->entity)));
}

}  // namespace jangbu::test
