#include "commands/purchase.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

const Timestamp expiry = after_minutes(15);

// A shop with two customers and two products in won.
Given shop(std::initializer_list<Past> then = {}) {
  std::vector<Past> past{AccountOpened{hong}, AccountOpened{alice}, ProductListed{keyboard},
                         ProductListed{tea}};
  past.insert(past.end(), then);
  return Given(past);
}

Offer offer_to(const AccountState& buyer, const std::vector<PurchaseLine>& lines) {
  const auto as_bought = bought(first_purchase, buyer, lines);
  return {buyer.account, as_bought.recipient, as_bought.lines, as_bought.total};
}

BuyNow buy(std::vector<RequestedLine> lines) {
  return {first_purchase, hong.account, std::move(lines), {}, opening};
}

ConfirmQuote confirm(const Offer& offer, Timestamp at = after_minutes(1)) {
  ConfirmQuote command{first_purchase, first_quote, offer.buyer, offer.recipient, {}, expiry, at};
  for (const PurchaseLine& one : offer.lines)
    command.lines.push_back({one.product, one.unit_price, one.quantity});
  return command;
}

AddressChanged moved(AccountState account) {
  account.person.address = {"부산광역시 해운대구 우동 1", "48094"};
  return {account};
}

PriceChanged priced(ProductState product, const Money& price) {
  product.unit_price = price;
  return {product};
}

const Offer one_keyboard = offer_to(hong, {line(keyboard, 1)});

}  // namespace

// --- Quotes --------------------------------------------------------------------------------------

TEST_CASE("a quote shows the buyer's address and the products' prices") {
  shop()
      .when(RequestQuote{hong.account, {{keyboard.product, 2}, {tea.product, 5}}})
      .then(offer_to(hong, {line(keyboard, 2), line(tea, 5)}));
  SECTION("by names too") {
    shop()
        .when(RequestQuote{hong.person.name, {{keyboard.name, 2}, {tea.name, 5}}})
        .then(offer_to(hong, {line(keyboard, 2), line(tea, 5)}));
  }
  SECTION("of now") {
    const auto there = moved(hong);
    const auto cheaper = priced(keyboard, won(1));
    shop({there, cheaper})
        .when(RequestQuote{hong.account, {{keyboard.product, 2}}})
        .then(offer_to(there.state, {line(cheaper.state, 2)}));
  }
  SECTION("it takes no stock, and asks for none") {
    shop()
        .when(RequestQuote{hong.account, {{tea.product, 6}}})
        .then(offer_to(hong, {line(tea, 6)}));
  }
}

TEST_CASE("what cannot be bought is not quoted") {
  const RequestQuote quote{hong.account, {{keyboard.product, 1}}};
  given(ProductListed{keyboard})
      .when(quote)
      .then(refusal::AccountNotFound{to_string(hong.account)});
  given(AccountOpened{hong})
      .when(quote)
      .then(refusal::ProductNotFound{to_string(keyboard.product)});
  given(AccountOpened{hong})
      .when(RequestQuote{"아무개", {{keyboard.product, 1}}})
      .then(refusal::AccountNotFound{"아무개"});
  given(AccountOpened{hong})
      .when(RequestQuote{hong.account, {{"없는 것", 1}}})
      .then(refusal::ProductNotFound{"없는 것"});
  shop({AccountClosed{hong, opening}}).when(quote).then(refusal::AccountIsClosed{hong.account});
  shop({ProductWithdrawn{keyboard, opening}})
      .when(quote)
      .then(refusal::ProductIsWithdrawn{keyboard.product});
  SECTION("the name of a closed account or a withdrawn product is nobody's") {
    shop({AccountClosed{hong, opening}})
        .when(RequestQuote{hong.person.name, {{keyboard.product, 1}}})
        .then(refusal::AccountNotFound{hong.person.name});
    shop({ProductWithdrawn{keyboard, opening}})
        .when(RequestQuote{hong.account, {{keyboard.name, 1}}})
        .then(refusal::ProductNotFound{keyboard.name});
  }
}

TEST_CASE("a confirmed quote is a purchase with an id of its own, which names its quote") {
  shop()
      .when(confirm(one_keyboard))
      .then(bought(first_purchase, hong, {line(keyboard, 1)}, first_quote, after_minutes(1)));
}

TEST_CASE("a quote that was confirmed gives its purchase again, whatever came after") {
  const auto purchase = bought(first_purchase, hong, {line(keyboard, 1)}, first_quote);
  const Repeated again{EventId{{5}, 0}, first_purchase};
  shop({purchase}).when(confirm(one_keyboard)).then(again);
  SECTION("under the id that it has, not under another") {
    ConfirmQuote once_more = confirm(one_keyboard);
    once_more.purchase = second_purchase;
    shop({purchase}).when(once_more).then(again);
  }
  SECTION("after its expiry") {
    shop({purchase}).when(confirm(one_keyboard, after_minutes(60))).then(again);
  }
  SECTION("after it was cancelled") {
    shop({purchase, cancelled(purchase, "")}).when(confirm(one_keyboard)).then(again);
  }
  SECTION("after it was received") {
    shop({purchase, scanned(purchase, scan(DeliveryStatus::delivered)),
          ReceiptConfirmed{purchase.purchase, purchase.buyer, opening}})
        .when(confirm(one_keyboard))
        .then(again);
  }
  SECTION("after price and address changed, the product was withdrawn, the account closed") {
    shop({purchase, priced(keyboard, won(1)), moved(hong), ProductWithdrawn{keyboard, opening},
          AccountClosed{hong, opening}})
        .when(confirm(one_keyboard))
        .then(again);
  }
  SECTION("after the stock ran out") {
    shop({purchase, bought(second_purchase, alice, {line(keyboard, 99)})})
        .when(confirm(one_keyboard))
        .then(again);
  }
  SECTION("but not once a day of the log's time has passed: then it has expired for good") {
    const Past next_day{AccountOpened{{.account = id<AccountId>(1), .person = {"A", "", {}}}},
                        {opening.ms + CommandKeys::longest_ms + 1}};
    shop({purchase, next_day})
        .when(confirm(one_keyboard, next_day.at))
        .then(refusal::QuoteExpired{expiry});
  }
}

TEST_CASE("buying at once uses up no quote") {
  shop({bought(first_purchase, hong, {line(keyboard, 1)})})
      .when(confirm(one_keyboard))
      .then(bought(first_purchase, hong, {line(keyboard, 1)}, first_quote, after_minutes(1)));
}

TEST_CASE("a quote is good until it expires") {
  const Timestamp just_before{expiry.ms - 1};
  shop()
      .when(confirm(one_keyboard, just_before))
      .then(bought(first_purchase, hong, {line(keyboard, 1)}, first_quote, just_before));
  shop().when(confirm(one_keyboard, expiry)).then(refusal::QuoteExpired{expiry});
  shop().when(confirm(one_keyboard, after_minutes(60))).then(refusal::QuoteExpired{expiry});
}

TEST_CASE("a quote is not confirmed") {
  SECTION("at another address") {
    const auto there = moved(hong);
    shop({there})
        .when(confirm(one_keyboard))
        .then(refusal::AddressDiffers{recipient(hong), recipient(there.state)});
  }
  SECTION("at another price") {
    shop({priced(keyboard, won(40'000))})
        .when(confirm(one_keyboard))
        .then(refusal::PriceDiffers{keyboard.product, won(39'900), won(40'000)});
  }
  SECTION("at another price of any line") {
    shop({priced(tea, won(11'000))})
        .when(confirm(offer_to(hong, {line(keyboard, 1), line(tea, 1)})))
        .then(refusal::PriceDiffers{tea.product, won(12'000), won(11'000)});
  }
  SECTION("in another currency") {
    shop({priced(keyboard, dollars(39'900))})
        .when(confirm(one_keyboard))
        .then(refusal::PriceDiffers{keyboard.product, won(39'900), dollars(39'900)});
  }
  SECTION("in currencies that became different") {
    shop({priced(tea, dollars(900))})
        .when(confirm(offer_to(hong, {line(keyboard, 1), line(tea, 1)})))
        .then(refusal::MixedCurrencies{won(0).currency, dollars(0).currency});
  }
  SECTION("when the stock is gone") {
    shop({bought(second_purchase, alice, {line(keyboard, 100)})})
        .when(confirm(one_keyboard))
        .then(refusal::InsufficientStock{keyboard.product, keyboard.name, 1, 0});
  }
  SECTION("by a closed account") {
    shop({AccountClosed{hong, opening}})
        .when(confirm(one_keyboard))
        .then(refusal::AccountIsClosed{hong.account});
  }
  SECTION("for a withdrawn product") {
    shop({ProductWithdrawn{keyboard, opening}})
        .when(confirm(one_keyboard))
        .then(refusal::ProductIsWithdrawn{keyboard.product});
  }
}

TEST_CASE("a quote survives a change of name, and ships to the new one") {
  AccountState renamed = hong;
  renamed.person.name = "홍길순";
  shop({AccountDetailsChanged{renamed}})
      .when(confirm(one_keyboard))
      .then(bought(first_purchase, renamed, {line(keyboard, 1)}, first_quote, after_minutes(1)));
}

// --- Buying at once ------------------------------------------------------------------------------

TEST_CASE("a purchase takes address and prices of now") {
  shop()
      .when(buy({{keyboard.product, 2}, {tea.name, 5}}))
      .then(bought(first_purchase, hong, {line(keyboard, 2), line(tea, 5)}));
}

TEST_CASE("a purchase takes stock, down to the last piece") {
  shop().when(buy({{tea.product, 5}})).then(bought(first_purchase, hong, {line(tea, 5)}));
  shop()
      .when(buy({{tea.product, 6}}))
      .then(refusal::InsufficientStock{tea.product, tea.name, 6, 5});
  shop({bought(second_purchase, alice, {line(tea, 3)})})
      .when(buy({{tea.product, 3}}))
      .then(refusal::InsufficientStock{tea.product, tea.name, 3, 2});
  SECTION("of all lines or of none") {
    shop()
        .when(buy({{keyboard.product, 1}, {tea.product, 6}}))
        .then(refusal::InsufficientStock{tea.product, tea.name, 6, 5});
  }
  SECTION("counting all lines of a product together") {
    shop()
        .when(buy({{tea.product, 3}, {keyboard.product, 1}, {tea.name, 3}}))
        .then(refusal::InsufficientStock{tea.product, tea.name, 6, 5});
    shop()
        .when(buy({{tea.product, 3}, {tea.product, 2}}))
        .then(bought(first_purchase, hong, {line(tea, 3), line(tea, 2)}));
  }
  SECTION("and a cancelled purchase brings it back") {
    const auto all = bought(second_purchase, alice, {line(tea, 2), line(tea, 3)});
    shop({all})
        .when(buy({{tea.product, 1}}))
        .then(refusal::InsufficientStock{tea.product, tea.name, 1, 0});
    shop({all, cancelled(all, "")})
        .when(buy({{tea.product, 5}}))
        .then(bought(first_purchase, hong, {line(tea, 5)}));
  }
  SECTION("which a returned one does not: the shop receives it by hand when it is there") {
    const auto all = bought(second_purchase, alice, {line(tea, 5)});
    shop({all, scanned(all, scan(DeliveryStatus::returned_to_sender))})
        .when(buy({{tea.product, 1}}))
        .then(refusal::InsufficientStock{tea.product, tea.name, 1, 0});
  }
}

TEST_CASE("a purchase may have a hundred lines") {
  const std::vector<RequestedLine> wanted(max_lines, {keyboard.product, 1});
  shop()
      .when(buy(wanted))
      .then(bought(first_purchase, hong, std::vector<PurchaseLine>(max_lines, line(keyboard, 1))));
  const std::vector<RequestedLine> more(max_lines, {keyboard.product, max_quantity});
  shop().when(buy(more)).then(refusal::InsufficientStock{
      keyboard.product, keyboard.name, std::int64_t{max_lines} * max_quantity, 100});
}

TEST_CASE("a purchase is made at the expected total, if one is told") {
  BuyNow command = buy({{keyboard.product, 2}});
  command.expected_total = won(79'800);
  shop().when(command).then(bought(first_purchase, hong, {line(keyboard, 2)}));
  command.expected_total = won(79'799);
  shop().when(command).then(refusal::PriceDiffers{std::nullopt, won(79'799), won(79'800)});
  command.expected_total = dollars(79'800);
  shop().when(command).then(refusal::PriceDiffers{std::nullopt, dollars(79'800), won(79'800)});
}

TEST_CASE("a purchase is in one currency") {
  given(AccountOpened{hong}, ProductListed{keyboard}, ProductListed{book})
      .when(buy({{keyboard.product, 1}, {book.product, 1}}))
      .then(refusal::MixedCurrencies{won(0).currency, dollars(0).currency});
  given(AccountOpened{hong}, ProductListed{keyboard}, ProductListed{book})
      .when(buy({{book.product, 2}}))
      .then(bought(first_purchase, hong, {line(book, 2)}));
}

TEST_CASE("a total is never more than money can be") {
  ProductState palace = keyboard;
  palace.unit_price = won(Money::max_amount);
  palace.stock = max_quantity;
  const auto dear = given(AccountOpened{hong}, ProductListed{palace}, ProductListed{tea});
  dear.when(buy({{palace.product, 1}})).then(bought(first_purchase, hong, {line(palace, 1)}));
  dear.when(buy({{palace.product, 2}})).then(refusal::TotalTooLarge{});
  // 10^13 * 10^6 does not fit in 63 bits.
  dear.when(buy({{palace.product, max_quantity}})).then(refusal::TotalTooLarge{});
  dear.when(buy({{palace.product, 1}, {tea.product, 1}})).then(refusal::TotalTooLarge{});
  dear.when(buy({{tea.product, 1}, {palace.product, 1}})).then(refusal::TotalTooLarge{});
}

TEST_CASE("what is free can be bought") {
  ProductState sample = tea;
  sample.unit_price = won(0);
  given(AccountOpened{hong}, ProductListed{sample})
      .when(buy({{sample.product, 1}}))
      .then(bought(first_purchase, hong, {line(sample, 1)}));
}

TEST_CASE("a purchase is refused as its quote would be") {
  const BuyNow command = buy({{keyboard.product, 1}});
  given(ProductListed{keyboard})
      .when(command)
      .then(refusal::AccountNotFound{to_string(hong.account)});
  given(AccountOpened{hong})
      .when(command)
      .then(refusal::ProductNotFound{to_string(keyboard.product)});
  shop({AccountClosed{hong, opening}}).when(command).then(refusal::AccountIsClosed{hong.account});
  shop({ProductWithdrawn{keyboard, opening}})
      .when(command)
      .then(refusal::ProductIsWithdrawn{keyboard.product});
}

// --- Cancelling ----------------------------------------------------------------------------------

TEST_CASE("a purchase is cancelled until the carrier has it") {
  const auto purchase =
      bought(first_purchase, hong, {line(keyboard, 1), line(tea, 2)}, first_quote);
  const CancelPurchase cancel{first_purchase, "변심", after_minutes(3)};
  const auto is_cancelled = cancelled(purchase, "변심", after_minutes(3));
  const auto on = [&](DeliveryStatus status) { return scanned(purchase, scan(status)); };

  shop({purchase}).when(cancel).then(is_cancelled);
  shop({purchase, on(DeliveryStatus::label_created)}).when(cancel).then(is_cancelled);

  SECTION("and no longer after the first scan of picked-up or later") {
    for (const auto status :
         {DeliveryStatus::picked_up, DeliveryStatus::in_transit, DeliveryStatus::out_for_delivery,
          DeliveryStatus::attempt_failed, DeliveryStatus::available_for_pickup,
          DeliveryStatus::exception, DeliveryStatus::delivered})
      shop({purchase, on(status)})
          .when(cancel)
          .then(refusal::AlreadyShipped{first_purchase, status});
  }
  SECTION("also when that scan came late and left the status as it was") {
    const Scan label = scan(DeliveryStatus::label_created, after_minutes(2));
    const Scan late = scan(DeliveryStatus::picked_up, after_minutes(1));
    shop({purchase, scanned(purchase, label),
          scanned(purchase, late, DeliveryStatus::label_created)})
        .when(cancel)
        .then(refusal::AlreadyShipped{first_purchase, DeliveryStatus::label_created});
  }
  SECTION("not one that is closed or unknown: whoever keeps those knows which") {
    shop().when(cancel).then(refusal::NoOpenPurchase{first_purchase});
    shop({purchase, is_cancelled}).when(cancel).then(refusal::NoOpenPurchase{first_purchase});
    shop({purchase, on(DeliveryStatus::returned_to_sender)})
        .when(cancel)
        .then(refusal::NoOpenPurchase{first_purchase});
    shop({purchase, on(DeliveryStatus::delivered),
          ReceiptConfirmed{first_purchase, hong.account, opening}})
        .when(cancel)
        .then(refusal::NoOpenPurchase{first_purchase});
  }
}

}  // namespace jangbu::test
