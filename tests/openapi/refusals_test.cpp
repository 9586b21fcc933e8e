// What a document says a command may be refused with is what deciding it can refuse.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers/problems.hpp"
#include "commands/command.hpp"
#include "tests/openapi/services.hpp"
#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

using Codes = std::set<std::string_view>;

struct Refused {
  std::string_view operation;
  std::vector<Past> past;  // after the market has opened
  Command command;
};

const AccountId stranger = id<AccountId>(0xaf);
const ProductId no_product = id<ProductId>(0xbf);
const PurchaseCompleted a_keyboard = bought(first_purchase, hong, {line(keyboard, 1)});

const Principal somebody = principal(1, {Role::buyer});
const AccountState third{.account = id<AccountId>(0xa3),
                         .person = {"황진이", "", hong.person.address},
                         .opened_at = opening};

ProductState dear(ProductState product) {
  product.unit_price = won(Money::max_amount);
  return product;
}

ConfirmQuote confirm(const Recipient& recipient, const Money& price, std::int64_t quantity = 1,
                     Timestamp expires_at = after_minutes(15)) {
  return {
      first_purchase, first_quote, hong.account, recipient, {{keyboard.product, price, quantity}},
      expires_at,     opening};
}

BuyNow buy(AccountRef buyer, std::vector<RequestedLine> lines, std::optional<Money> total = {}) {
  return {first_purchase, std::move(buyer), std::move(lines), total, opening};
}

// A refusal of each kind that each command can come to.
std::vector<Refused> all_refusals() {
  const AccountClosed closed{hong, opening};
  const ProductWithdrawn withdrawn{keyboard, opening};
  const std::vector<DeliveryScanned> delivered{
      scanned(a_keyboard, scan(DeliveryStatus::delivered))};
  std::vector<Past> scans{a_keyboard};
  for (std::size_t i = 0; i < max_scans; ++i)
    scans.emplace_back(scanned(
        a_keyboard, scan(DeliveryStatus::in_transit, after_minutes(static_cast<std::int64_t>(i)))));
  std::vector<Refused> refused{
      {"openAccount", {}, OpenAccount{.account = stranger, .person = hong.person, .at = opening}},
      {"openAccount",
       {AccountOpened{owned(third, somebody)}},
       OpenAccount{
           .account = stranger, .person = third.person, .at = opening, .owner = somebody.id}},
      {"changeAddress", {}, ChangeAddress{stranger, hong.person.address}},
      {"changeAddress", {closed}, ChangeAddress{hong.account, alice.person.address}},
      {"changeAccountDetails", {}, ChangeAccountDetails{stranger, "a", {}, {}}},
      {"changeAccountDetails", {closed}, ChangeAccountDetails{hong.account, "a", {}, {}}},
      {"changeAccountDetails", {}, ChangeAccountDetails{hong.account, alice.person.name, {}, {}}},
      {"closeAccount", {}, CloseAccount{stranger, opening}},
      {"listProduct", {}, ListProduct{no_product, tea.name, won(1), 1, "", opening}},
      {"changePrice", {}, ChangePrice{no_product, won(1)}},
      {"changePrice", {withdrawn}, ChangePrice{keyboard.product, won(1)}},
      {"changeStock", {}, ChangeStock{no_product, 1, ""}},
      {"changeStock", {withdrawn}, ChangeStock{keyboard.product, 1, ""}},
      {"changeStock", {}, ChangeStock{keyboard.product, -keyboard.stock - 1, ""}},
      {"changeStock", {}, ChangeStock{keyboard.product, max_stock, ""}},
      {"withdrawProduct", {}, WithdrawProduct{no_product, opening}},
      {"purchase", {}, buy(hong.account, {{tea.product, tea.stock + 1}})},
      {"purchase", {}, buy(hong.account, {{tea.product, 1}}, won(1))},
      {"purchase", {}, confirm(recipient(alice), keyboard.unit_price)},
      {"purchase", {}, confirm(recipient(hong), keyboard.unit_price, 1, opening)},
      {"cancelPurchase",
       {a_keyboard, scanned(a_keyboard, scan(DeliveryStatus::picked_up))},
       CancelPurchase{first_purchase, "", opening}},
      {"recordScan",
       {a_keyboard, delivered.front()},
       RecordScan{first_purchase, scan(DeliveryStatus::returned_to_sender)}},
      {"recordScan", scans,
       RecordScan{first_purchase, scan(DeliveryStatus::in_transit, after_minutes(1'000))}},
      {"confirmReceipt", {a_keyboard}, ConfirmReceipt{first_purchase, opening}},
  };
  // What is in the way of an offer is in the way of a purchase, too.
  for (const char* operation : {"requestQuote", "purchase"}) {
    const auto add = [&](std::vector<Past> past, AccountRef buyer,
                         std::vector<RequestedLine> lines) {
      refused.push_back(
          {operation, std::move(past),
           *operation == 'p' ? Command(buy(buyer, lines)) : Command(RequestQuote{buyer, lines})});
    };
    add({}, stranger, {{tea.product, 1}});
    add({closed}, hong.account, {{tea.product, 1}});
    add({}, hong.account, {{no_product, 1}});
    add({withdrawn}, hong.account, {{keyboard.product, 1}});
    add({}, hong.account, {{tea.product, 1}, {book.product, 1}});
    add({PriceChanged{dear(tea)}}, hong.account, {{tea.product, 2}});
  }
  return refused;
}

// Of the rules: ownership is asked of every command; what is not in memory, conditions and keys are
// told apart by who answers.
template <std::size_t... index>
Codes codes_of_rules(std::index_sequence<index...>) {
  Codes codes{problem_of(Refusal(std::in_place_index<index>)).type.code...};
  for (const Refusal& other : {Refusal(refusal::Forbidden{}), Refusal(refusal::NoOpenPurchase{}),
                               Refusal(refusal::VersionDiffers{}), Refusal(refusal::KeyReused{})})
    codes.erase(problem_of(other).type.code);
  return codes;
}

}  // namespace

TEST_CASE("A document names the rules that can refuse a command, and no others") {
  std::map<std::string_view, Codes> refused;
  for (const auto& [operation, past, command] : all_refusals()) {
    std::vector<Past> all{AccountOpened{hong}, AccountOpened{alice}, ProductListed{keyboard},
                          ProductListed{tea}, ProductListed{book}};
    all.insert(all.end(), past.begin(), past.end());
    const Decision decision = Given(all).when(command).decision();
    INFO(operation << ", case " << refused[operation].size() + 1);
    REQUIRE(std::holds_alternative<Refusal>(decision));
    refused[operation].insert(problem_of(std::get<Refusal>(decision)).type.code);
  }
  const Codes rules = codes_of_rules(std::make_index_sequence<std::variant_size_v<Refusal>>());
  for (const Service& service : services)
    for (const auto& [serve, operation] : service.endpoints) {
      if (operation.kind != openapi::Kind::command && operation.kind != openapi::Kind::create &&
          operation.kind != openapi::Kind::quote)
        continue;
      Codes told;
      for (const http::ProblemType& type : operation.problems)
        if (rules.contains(type.code)) told.insert(type.code);
      INFO(operation.id);
      CHECK(told == refused[operation.id]);
    }
}

}  // namespace jangbu::test
