// What somebody may do with what is theirs, and with what is not.
#include "commands/ownership.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

using enum DeliveryStatus;

const Principal buyer = principal(1, {Role::buyer});
const Principal other_buyer = principal(2, {Role::buyer});
const Principal seller = principal(3, {Role::seller});
const Principal other_seller = principal(4, {Role::seller});
const Principal carrier = principal(5, {Role::carrier}, "CJ대한통운");
const Principal other_carrier = principal(6, {Role::carrier}, "우체국택배");
const Principal clerk = principal(7, {Role::clerk});
const Principal auditor = principal(8, {Role::auditor});
const Principal administrator = principal(9, {Role::operator_});

const std::vector<Principal> strangers{other_buyer, other_seller, other_carrier, auditor,
                                       administrator};
const std::vector<Principal> everybody{buyer,         other_buyer, seller,  other_seller, carrier,
                                       other_carrier, clerk,       auditor, administrator};

const AccountState own_account = owned(hong, buyer);
const ProductState own_product = sold(keyboard, seller);
const auto purchase = bought(first_purchase, own_account, {line(own_product, 1)});
const Scan label = scan(label_created);

// An account with an owner, one without; a product with a seller, one without; a purchase.
Given shop(std::initializer_list<Past> then = {}) {
  std::vector<Past> past{AccountOpened{own_account}, AccountOpened{alice},
                         ProductListed{own_product}, ProductListed{tea}, purchase};
  past.insert(past.end(), then);
  return Given(past);
}

bool is_forbidden(const Given& given, const Principal& asker, const Command& command) {
  const auto refused = not_theirs(given.shop(), command, asker);
  return refused && std::holds_alternative<refusal::Forbidden>(*refused);
}

bool is_not_there(const Given& given, const Principal& asker, const Command& command) {
  return not_theirs(given.shop(), command, asker) ==
         std::optional<Refusal>(refusal::NoOpenPurchase{first_purchase});
}

bool may(const Given& given, const Principal& asker, const Command& command) {
  return !not_theirs(given.shop(), command, asker);
}

OpenAccount open_for(const Principal& owner) {
  return {.account = id<AccountId>(0xaf),
          .person = {"황진이", "", hong.person.address},
          .at = opening,
          .owner = owner.id};
}

ListProduct list_for(const Principal& by) {
  return {.product = id<ProductId>(0xbf),
          .name = "먹",
          .unit_price = won(15'000),
          .stock = 1,
          .description = "",
          .at = opening,
          .seller = by.id};
}

std::vector<Command> changes_of(const AccountId& account) {
  return {ChangeAddress{account, alice.person.address},
          ChangeAccountDetails{account, "홍길순", "gil@example.com", {}},
          CloseAccount{account, opening}};
}

std::vector<Command> changes_of(const ProductId& product) {
  return {ChangePrice{product, won(1)}, ChangeStock{product, 1, ""},
          WithdrawProduct{product, opening}};
}

std::vector<Command> purchases_by(const AccountRef& account) {
  return {RequestQuote{account, {{tea.product, 1}}},
          BuyNow{second_purchase, account, {{tea.product, 1}}, {}, opening}};
}

ConfirmQuote confirm_of(const AccountId& account) {
  return {second_purchase, first_quote, account, recipient(hong), {}, opening, opening};
}

const CancelPurchase cancel{first_purchase, "", opening};
const ConfirmReceipt confirm{first_purchase, opening};

RecordScan record(const Scan& scan) {
  return {first_purchase, scan};
}

}  // namespace

TEST_CASE("a buyer opens an account of its own, without a level") {
  CHECK(may(shop(), buyer, open_for(buyer)));
  CHECK(is_forbidden(shop(), buyer, open_for(other_buyer)));
  OpenAccount of_nobody = open_for(buyer);
  of_nobody.owner.reset();
  CHECK(is_forbidden(shop(), buyer, of_nobody));
  CHECK(may(shop(), clerk, of_nobody));
  CHECK(may(shop(), *anyone(), of_nobody));
  OpenAccount of_seller = open_for(buyer);
  of_seller.member_type = MemberType::seller;
  CHECK(is_forbidden(shop(), buyer, of_seller));
  CHECK(may(shop(), clerk, of_seller));
  OpenAccount with_level = open_for(buyer);
  with_level.membership_level = MembershipLevel::silver;
  CHECK(is_forbidden(shop(), buyer, with_level));
  CHECK(may(shop(), clerk, with_level));
  for (const Principal& asker : {seller, carrier, auditor, administrator})
    CHECK(is_forbidden(shop(), asker, open_for(asker)));
}

TEST_CASE("an account is changed by its owner, and by clerks") {
  for (const Command& change : changes_of(hong.account)) {
    CHECK(may(shop(), buyer, change));
    CHECK(may(shop(), clerk, change));
    CHECK(may(shop(), *anyone(), change));
    for (const Principal& stranger : strangers) CHECK(is_forbidden(shop(), stranger, change));
  }
  SECTION("one without an owner by clerks only") {
    for (const Principal& asker : everybody)
      for (const Command& change : changes_of(alice.account))
        CHECK(may(shop(), asker, change) == (asker.id == clerk.id));
  }
  SECTION("whether there is another is not told") {
    const AccountId nobody = id<AccountId>(0xff);
    for (std::size_t i = 0; i < changes_of(nobody).size(); ++i)
      CHECK(not_theirs(shop().shop(), changes_of(nobody)[i], buyer) ==
            not_theirs(shop().shop(), changes_of(alice.account)[i], buyer));
  }
  SECTION("its level is given by clerks") {
    const ChangeAccountDetails to_gold{hong.account, {}, {}, MembershipLevel::gold};
    CHECK(is_forbidden(shop(), buyer, to_gold));
    CHECK(may(shop(), clerk, to_gold));
  }
  SECTION("a closed one stays its owner's") {
    const auto closed = shop({AccountClosed{own_account, opening}});
    for (const Command& change : changes_of(hong.account)) {
      CHECK(may(closed, buyer, change));
      CHECK(is_forbidden(closed, other_buyer, change));
    }
  }
  SECTION("an owner without the role has lost it") {
    const Principal former{.id = buyer.id, .name = buyer.name, .roles = {Role::auditor}};
    for (const Command& change : changes_of(hong.account))
      CHECK(is_forbidden(shop(), former, change));
  }
}

TEST_CASE("a product is listed and changed by its seller, and by clerks") {
  CHECK(may(shop(), seller, list_for(seller)));
  CHECK(is_forbidden(shop(), seller, list_for(other_seller)));
  ListProduct of_nobody = list_for(seller);
  of_nobody.seller.reset();
  CHECK(is_forbidden(shop(), seller, of_nobody));
  CHECK(may(shop(), clerk, of_nobody));
  CHECK(is_forbidden(shop(), buyer, list_for(buyer)));
  for (const Command& change : changes_of(keyboard.product)) {
    CHECK(may(shop(), seller, change));
    CHECK(may(shop(), clerk, change));
    for (const Principal& stranger : strangers) CHECK(is_forbidden(shop(), stranger, change));
  }
  for (const Principal& asker : everybody)
    for (const Command& change : changes_of(tea.product))
      CHECK(may(shop(), asker, change) == (asker.id == clerk.id));
  // Products are no secret: what is not there is told as such.
  const ProductId nothing = id<ProductId>(0xff);
  shop()
      .as(seller)
      .when(ChangePrice{nothing, won(1)})
      .then(refusal::ProductNotFound{to_string(nothing)});
}

TEST_CASE("a buyer buys for its own account, however it is named") {
  for (const AccountRef& own :
       {AccountRef(hong.account), AccountRef(hong.person.name), AccountRef(buyer.id)})
    for (const Command& command : purchases_by(own)) {
      CHECK(may(shop(), buyer, command));
      CHECK(may(shop(), clerk, command));
      for (const Principal& stranger : strangers) CHECK(is_forbidden(shop(), stranger, command));
    }
  for (const AccountRef& others :
       {AccountRef(alice.account), AccountRef(alice.person.name), AccountRef(other_buyer.id),
        AccountRef(id<AccountId>(0xff)), AccountRef("nobody")})
    for (const Command& command : purchases_by(others)) {
      CHECK(is_forbidden(shop(), buyer, command));
      // In the same words, whether there is one or not.
      CHECK(not_theirs(shop().shop(), command, buyer) ==
            not_theirs(shop().shop(), purchases_by("nobody").front(), buyer));
    }
  CHECK(may(shop(), buyer, confirm_of(hong.account)));
  CHECK(may(shop(), clerk, confirm_of(hong.account)));
  for (const Principal& stranger : strangers)
    CHECK(is_forbidden(shop(), stranger, confirm_of(hong.account)));
  CHECK(is_forbidden(shop(), buyer, confirm_of(alice.account)));
}

TEST_CASE("a purchase for the asker's account is refused to those who have none open") {
  const BuyNow buy{second_purchase, other_buyer.id, {{tea.product, 1}}, {}, opening};
  shop().as(other_buyer).when(buy).then(refusal::AccountNotFound{""});
  const BuyNow own{second_purchase, buyer.id, {{tea.product, 1}}, {}, opening};
  shop().as(buyer).when(own).then(bought(second_purchase, own_account, {line(tea, 1)}));
  shop({AccountClosed{own_account, opening}})
      .as(buyer)
      .when(own)
      .then(refusal::AccountNotFound{""});
}

TEST_CASE("another's purchase is not there") {
  for (const Command& command : {Command(cancel), Command(confirm)}) {
    CHECK(may(shop(), buyer, command));
    CHECK(may(shop(), clerk, command));
    CHECK(may(shop(), *anyone(), command));
    for (const Principal& stranger : strangers) CHECK(is_not_there(shop(), stranger, command));
  }
  SECTION("it is its buyer's when the account is closed, too") {
    const auto closed = shop({AccountClosed{own_account, opening}});
    CHECK(may(closed, buyer, cancel));
    CHECK(is_not_there(closed, other_buyer, cancel));
    AccountState next = owned(alice, buyer);
    next.account = id<AccountId>(0xaf);
    next.person.name = "황진이";
    const auto with_another = shop({AccountClosed{own_account, opening}, AccountOpened{next}});
    CHECK(may(with_another, buyer, cancel));
  }
  SECTION("one that is not in memory is looked up in the read model, by whoever answers") {
    const CancelPurchase unknown{second_purchase, "", opening};
    CHECK(may(shop(), other_buyer, unknown));
    shop().as(other_buyer).when(unknown).then(refusal::NoOpenPurchase{second_purchase});
  }
}

TEST_CASE("neither a version nor a repeat tells a stranger anything") {
  const Past keyed{purchase, opening, key(7)};
  const auto market = given(AccountOpened{own_account}, ProductListed{own_product}, keyed);
  Conditions known{.key = key(7), .if_match = {{EventId{{99}, 0}}}};
  market.as(other_buyer).when(cancel, known).then(refusal::NoOpenPurchase{first_purchase});
  market.as(buyer).when(cancel, known).then(Repeated{{{3}, 0}});
  known.key = key(7, 2);
  market.as(other_buyer).when(cancel, known).then(refusal::NoOpenPurchase{first_purchase});
  market.as(buyer).when(cancel, known).then(refusal::KeyReused{});
  known.key.reset();
  market.as(other_buyer).when(cancel, known).then(refusal::NoOpenPurchase{first_purchase});
  market.as(buyer).when(cancel, known).then(refusal::VersionDiffers{*known.if_match, {{3}, 0}});
}

TEST_CASE("whose name is taken is told to clerks only") {
  OpenAccount namesake = open_for(other_buyer);
  namesake.person.name = hong.person.name;
  shop().as(other_buyer).when(namesake).then(refusal::AccountNameTaken{hong.person.name, {}});
  shop().as(clerk).when(namesake).then(refusal::AccountNameTaken{hong.person.name, hong.account});
  shop()
      .as(buyer)
      .when(ChangeAccountDetails{hong.account, alice.person.name, {}, {}})
      .then(refusal::AccountNameTaken{alice.person.name, {}});
}

TEST_CASE("a carrier has the deliveries whose first scan named it") {
  const Scan next = scan(picked_up, after_minutes(1));
  CHECK(is_not_there(shop(), carrier, record(label)));  // it has no carrier yet
  const auto labelled = shop({scanned(purchase, label)});
  CHECK(may(labelled, carrier, record(next)));
  CHECK(may(labelled, clerk, record(next)));
  Scan of_other = next;
  of_other.carrier = other_carrier.carrier;
  CHECK(is_forbidden(labelled, carrier, record(of_other)));
  CHECK(is_not_there(labelled, other_carrier, record(of_other)));
  CHECK(is_not_there(labelled, other_carrier, record(next)));
  for (const Principal& asker : {buyer, other_buyer, auditor, administrator})
    CHECK(is_forbidden(labelled, asker, record(next)));
  SECTION("also after a clerk has recorded another's scan") {
    const auto handed_over = shop({scanned(purchase, label), scanned(purchase, of_other)});
    CHECK(may(handed_over, carrier, record(next)));
    CHECK(is_not_there(handed_over, other_carrier, record(of_other)));
  }
}

TEST_CASE("a seller records the first scan of a delivery that has one of its products") {
  CHECK(may(shop(), seller, record(label)));
  CHECK(is_not_there(shop(), other_seller, record(label)));
  CHECK(is_forbidden(shop(), seller, record(scan(picked_up))));
  const auto labelled = shop({scanned(purchase, label)});
  CHECK(may(labelled, seller, record(label)));  // once more
  CHECK(is_forbidden(labelled, seller, record(scan(label_created, after_minutes(1)))));
  CHECK(is_not_there(labelled, other_seller, record(label)));
}

TEST_CASE("who has several roles may do what each of them may") {
  const Principal both = principal(1, {Role::buyer, Role::seller, Role::carrier}, "CJ대한통운");
  const auto labelled = shop({scanned(purchase, label)});
  CHECK(may(labelled, both, cancel));
  CHECK(may(labelled, both, list_for(both)));
  CHECK(may(labelled, both, record(scan(picked_up, after_minutes(1)))));
  CHECK(is_forbidden(labelled, both, ChangePrice{keyboard.product, won(1)}));
  const Principal buying_clerk = principal(2, {Role::buyer, Role::clerk});
  for (const Command& change : changes_of(hong.account)) CHECK(may(shop(), buying_clerk, change));
}

TEST_CASE("an event names who asked by their account while one is open") {
  const std::string account = "account/" + to_string(hong.account);
  CHECK(actor(shop().shop(), buyer) == account);
  CHECK(actor(shop().shop(), other_buyer) == other_buyer.name);
  CHECK(actor(shop({AccountClosed{own_account, opening}}).shop(), buyer) == buyer.name);
  CHECK(actor(shop().shop(), *anyone()).empty());
}

}  // namespace jangbu::test
