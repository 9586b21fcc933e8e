// The conditions that any command may come with: an idempotency key, and a version.
#include "commands/command.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

const Timestamp a_day_later{opening.ms + CommandKeys::longest_ms};

const BuyNow buy_tea{first_purchase, hong.account, {{tea.product, 1}}, {}, opening};
const auto tea_bought = bought(first_purchase, hong, {line(tea, 1)});

Conditions with_key(unsigned number, unsigned request = 1) {
  return {.key = key(number, request), .if_match = {}};
}

Conditions if_match(std::uint64_t position) {
  return {.key = {}, .if_match = {{EventId{{position}, 0}}}};
}

refusal::VersionDiffers differs(std::uint64_t expected, std::uint64_t actual) {
  return {{EventId{{expected}, 0}}, {{actual}, 0}};
}

ProductState stocked(ProductState product, std::int64_t stock) {
  product.stock = stock;
  return product;
}

}  // namespace

TEST_CASE("a command with a key is carried out once") {
  const Past first{tea_bought, opening, key(7)};
  given(AccountOpened{hong}, ProductListed{tea}).when(buy_tea, with_key(7)).then(tea_bought);
  const auto shop = given(AccountOpened{hong}, ProductListed{tea}, first);
  shop.when(buy_tea, with_key(7)).then(Repeated{{{3}, 0}});
  SECTION("whatever the shop is like by then") {
    given(AccountOpened{hong}, ProductListed{tea}, first,
          ProductWithdrawn{stocked(tea, 4), opening}, AccountClosed{hong, opening})
        .when(buy_tea, with_key(7))
        .then(Repeated{{{3}, 0}});
  }
  SECTION("another key, or none, is another command") {
    shop.when(buy_tea, with_key(8)).then(tea_bought);
    shop.when(buy_tea).then(tea_bought);
  }
  SECTION("the same key with another request is refused") {
    shop.when(buy_tea, with_key(7, 2)).then(refusal::KeyReused{});
    shop.when(CloseAccount{hong.account, opening}, with_key(7, 2)).then(refusal::KeyReused{});
  }
  SECTION("a request is the same if its key was made as before") {
    Conditions again = with_key(7, 2);
    again.former_keys = {key(7, 1)};
    shop.when(buy_tea, again).then(Repeated{{{3}, 0}});
    again.former_keys = {key(7, 3)};
    shop.when(buy_tea, again).then(refusal::KeyReused{});
    again = with_key(8, 2);
    again.former_keys = {key(7, 1)};  // with its quotation marks
    shop.when(buy_tea, again).then(Repeated{{{3}, 0}});
    again.former_keys = {key(9, 1)};
    shop.when(buy_tea, again).then(tea_bought);
    again.former_keys = {key(9, 1), key(7, 1)};
    shop.when(buy_tea, again).then(Repeated{{{3}, 0}});
  }
  SECTION("the key goes before the version") {
    Conditions both = with_key(7);
    both.if_match = {EventId{{99}, 0}};
    shop.when(CloseAccount{hong.account, opening}, both).then(Repeated{{{3}, 0}});
  }
}

TEST_CASE("a key that does not cover who asks is found by its request only, and marked") {
  // As from before access control was on: everybody had the same keys.
  const Principal buyer = principal(1, {Role::buyer});
  const Principal clerk = principal(2, {Role::clerk});
  const AccountState own = owned(hong, buyer);
  const Past first{tea_bought, opening, key(7)};
  const auto shop = given(AccountOpened{own}, ProductListed{tea}, first);
  Conditions scoped = with_key(8);
  scoped.former_keys = {key(7)};
  const BuyNow another{second_purchase, hong.account, {{tea.product, 1}}, {}, opening};
  const auto second = bought(second_purchase, hong, {line(tea, 1)});
  SECTION("whoever reads the event looks whose it is") {
    shop.as(buyer).when(another, scoped).then(Repeated{.event = {{3}, 0}, .unscoped = true});
  }
  SECTION("clerks act for all") {
    shop.as(clerk).when(another, scoped).then(Repeated{{{3}, 0}});
  }
  SECTION("that it was used for something else is not told") {
    scoped.key->request = id<RequestHash>(2);
    scoped.former_keys = {key(7, 2)};
    const auto when = shop.as(buyer).when(another, scoped);
    when.then(second);
    shop.as(clerk).when(another, scoped).then(refusal::KeyReused{});
    // The new key is remembered then, if nothing is recorded otherwise.
    const ChangeAddress stay{hong.account, hong.person.address};
    const auto unchanged = shop.as(buyer).when(stay, scoped).decision();
    CHECK(nothing_changed(shop.shop(), scoped, buyer, unchanged));
  }
  SECTION("a scoped key is one's own") {
    const Past own_key{tea_bought, opening, key(8)};
    given(AccountOpened{own}, ProductListed{tea}, own_key)
        .as(buyer)
        .when(another, scoped)
        .then(Repeated{{{3}, 0}});
  }
}

TEST_CASE("keys of refused commands are not remembered") {
  // What is remembered comes from the log, and they leave nothing there.
  given(AccountOpened{hong})
      .when(buy_tea, with_key(7))
      .then(refusal::ProductNotFound{to_string(tea.product)});
  given(AccountOpened{hong}, ProductListed{tea}).when(buy_tea, with_key(7)).then(tea_bought);
}

TEST_CASE("what changes nothing is recorded for its key") {
  const auto recorded = [](const Given& shop, const Command& command,
                           const Conditions& conditions = with_key(7)) {
    return nothing_changed(shop.shop(), conditions, *anyone(),
                           shop.when(command, conditions).decision());
  };
  const Entity account{EntityKind::account, id_cast<EntityId>(hong.account)};
  const Entity product{EntityKind::product, id_cast<EntityId>(tea.product)};
  const Entity purchase{EntityKind::purchase, id_cast<EntityId>(first_purchase)};
  const auto quoted = bought(first_purchase, hong, {line(tea, 1)}, first_quote);
  const Scan label = scan(DeliveryStatus::label_created);
  const auto shop = given(AccountOpened{hong}, ProductListed{tea}, quoted, scanned(quoted, label));
  const ChangeAddress stay{hong.account, hong.person.address};
  SECTION("with the version, and the stock that the answer shows") {
    CHECK(recorded(shop, stay) == NothingChanged{account, {{1}, 0}, {}});
    CHECK(recorded(shop, ChangePrice{tea.product, tea.unit_price}) ==
          NothingChanged{product, {{2}, 0}, 4});
    CHECK(recorded(shop, RecordScan{first_purchase, label}) ==
          NothingChanged{purchase, {{4}, 0}, {}});
  }
  SECTION("also when another key, or none, has used the quote") {
    const ConfirmQuote confirm{second_purchase, first_quote, hong.account, recipient(hong), {},
                               opening,         opening};
    CHECK(recorded(shop, confirm) == NothingChanged{purchase, {{3}, 0}, {}});
  }
  SECTION("and of a closed delivery what the read model knows of it") {
    CHECK(recorded(shop, LeaveClosed{first_purchase, {{9}, 1}}) ==
          NothingChanged{purchase, {{9}, 1}, {}});
  }
  SECTION("not without a key") {
    CHECK_FALSE(recorded(shop, stay, {}));
  }
  SECTION("not of what is recorded or refused anyway") {
    CHECK_FALSE(recorded(shop, CloseAccount{hong.account, opening}));
    CHECK_FALSE(recorded(shop, CloseAccount{alice.account, opening}));
  }
  SECTION("once: from then on the key is known") {
    const Past nothing{NothingChanged{account, {{1}, 0}, {}}, opening, key(7)};
    const auto later = given(AccountOpened{hong}, nothing,
                             AddressChanged{{hong.account, {"홍길동", "", {"부산", "48094"}}}});
    later.when(stay, with_key(7)).then(Repeated{{{2}, 0}});
    later.when(stay, with_key(7, 2)).then(refusal::KeyReused{});
    CHECK_FALSE(recorded(later, stay));
    CHECK(later.shop().accounts.find(hong.account)->version == EventId{{3}, 0});
  }
}

TEST_CASE("a key is remembered for a day of the log's time") {
  const auto commit_at = [](Timestamp time) { return Past(AccountOpened{alice}, time); };
  const Past first{tea_bought, opening, key(7)};
  SECTION("to its last moment") {
    given(AccountOpened{hong}, ProductListed{tea}, first, commit_at(a_day_later))
        .when(buy_tea, with_key(7))
        .then(Repeated{{{3}, 0}});
  }
  SECTION("and then forgotten") {
    given(AccountOpened{hong}, ProductListed{tea}, first, commit_at({a_day_later.ms + 1}))
        .when(buy_tea, with_key(7))
        .then(tea_bought);
    given(AccountOpened{hong}, ProductListed{tea}, first, commit_at({a_day_later.ms + 1}))
        .when(buy_tea, with_key(7, 2))
        .then(tea_bought);
  }
  SECTION("also while nothing happens: the log's time stands still") {
    BuyNow late = buy_tea;
    late.at = {opening.ms + 10 * CommandKeys::longest_ms};
    given(AccountOpened{hong}, ProductListed{tea}, first)
        .when(late, with_key(7))
        .then(Repeated{{{3}, 0}});
  }
  SECTION("a forgotten key can be used again, and is remembered from then on") {
    const Past again{
        bought(second_purchase, hong, {line(tea, 1)}), {a_day_later.ms + 2}, key(7, 2)};
    given(AccountOpened{hong}, ProductListed{tea}, first, commit_at({a_day_later.ms + 1}), again)
        .when(buy_tea, with_key(7, 2))
        .then(Repeated{{{5}, 0}});
  }
}

TEST_CASE("a command is only carried out on the version it was meant for") {
  SECTION("an account's last event is its version") {
    const CloseAccount close{hong.account, opening};
    const auto shop = given(AccountOpened{alice}, AccountOpened{hong}, ProductListed{tea});
    shop.when(close, if_match(2)).then(AccountClosed{hong, opening});
    shop.when(close, if_match(1)).then(differs(1, 2));
    shop.when(close, if_match(3)).then(differs(3, 2));
    shop.when(ChangeAddress{hong.account, {}}, if_match(1)).then(differs(1, 2));
    shop.when(ChangeAccountDetails{hong.account, {}, {}, {}}, if_match(1)).then(differs(1, 2));
  }
  SECTION("a product's is not moved by purchases") {
    const WithdrawProduct withdraw{tea.product, opening};
    const auto shop = given(AccountOpened{hong}, ProductListed{tea}, tea_bought);
    shop.when(withdraw, if_match(2)).then(ProductWithdrawn{stocked(tea, 4), opening});
    shop.when(withdraw, if_match(3)).then(differs(3, 2));
    shop.when(ChangePrice{tea.product, won(1)}, if_match(1)).then(differs(1, 2));
    shop.when(ChangeStock{tea.product, 1, ""}, if_match(1)).then(differs(1, 2));
  }
  SECTION("a delivery's is its last scan, a purchase's is not") {
    const auto shop = given(AccountOpened{hong}, ProductListed{tea}, tea_bought,
                            scanned(tea_bought, scan(DeliveryStatus::label_created)));
    const CancelPurchase cancel{first_purchase, "", opening};
    const RecordScan record{first_purchase, scan(DeliveryStatus::delivered, after_minutes(1))};
    const ConfirmReceipt confirm{first_purchase, opening};
    shop.when(cancel, if_match(3)).then(cancelled(tea_bought, ""));
    shop.when(cancel, if_match(4)).then(differs(4, 3));
    shop.when(record, if_match(4))
        .then(after(DeliveryStatus::label_created, scanned(tea_bought, record.scan)));
    shop.when(record, if_match(3)).then(differs(3, 4));
    shop.when(confirm, if_match(3)).then(differs(3, 4));
    shop.when(confirm, if_match(4))
        .then(refusal::NotDelivered{first_purchase, DeliveryStatus::label_created});
  }
  SECTION("the place in the commit counts too") {
    const Conditions second_event{.key = {}, .if_match = {{EventId{{1}, 1}}}};
    given(AccountOpened{hong})
        .when(CloseAccount{hong.account, opening}, second_event)
        .then(refusal::VersionDiffers{{EventId{{1}, 1}}, {{1}, 0}});
  }
  SECTION("one of many versions is enough, none is not") {
    const CloseAccount close{hong.account, opening};
    const std::vector<EventId> two{{{9}, 0}, {{1}, 0}};
    given(AccountOpened{hong})
        .when(close, {.key = {}, .if_match = two})
        .then(AccountClosed{hong, opening});
    given(AccountOpened{hong})
        .when(close, {.key = {}, .if_match = std::vector<EventId>()})
        .then(refusal::VersionDiffers{{}, {{1}, 0}});
  }
  SECTION("a closed account has a version, too") {
    const CloseAccount close{hong.account, opening};
    const auto shop = given(AccountOpened{hong}, AccountClosed{hong, opening});
    shop.when(close, if_match(1)).then(differs(1, 2));
    shop.when(close, if_match(2)).then(as_it_is);
  }
  SECTION("what is not there is refused as such") {
    given()
        .when(CloseAccount{hong.account, opening}, if_match(1))
        .then(refusal::AccountNotFound{to_string(hong.account)});
    given()
        .when(CancelPurchase{first_purchase, "", opening}, if_match(1))
        .then(refusal::NoOpenPurchase{first_purchase});
  }
}

TEST_CASE("commands that make something new have no version to match") {
  const auto shop = given(AccountOpened{hong}, ProductListed{tea});
  shop.when(OpenAccount{alice.account, alice.person, alice.member_type, alice.membership_level,
                        opening},
            if_match(9))
      .then(AccountOpened{alice});
  shop.when(ListProduct{keyboard.product, keyboard.name, keyboard.unit_price, keyboard.stock,
                        keyboard.description, opening},
            if_match(9))
      .then(ProductListed{keyboard});
  shop.when(buy_tea, if_match(9)).then(tea_bought);
  const Offer offer{hong.account, recipient(hong), {line(tea, 1)}, tea.unit_price};
  shop.when(RequestQuote{hong.account, {{tea.product, 1}}}, if_match(9)).then(offer);
  shop.when(ConfirmQuote{first_purchase,
                         first_quote,
                         hong.account,
                         recipient(hong),
                         {{tea.product, tea.unit_price, 1}},
                         after_minutes(15),
                         opening},
            if_match(9))
      .then(bought(first_purchase, hong, {line(tea, 1)}, first_quote));
}

}  // namespace jangbu::test
