#include "commands/account.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

const OpenAccount open_hong{.account = hong.account,
                            .person = hong.person,
                            .member_type = hong.member_type,
                            .membership_level = hong.membership_level,
                            .at = opening};

const AccountId nobody = id<AccountId>(0xff);

AccountState renamed(AccountState account, const std::string& name) {
  account.person.name = name;
  return account;
}

AccountState moved(AccountState account, const Address& address) {
  account.person.address = address;
  return account;
}

const Address busan{"부산광역시 해운대구 우동 1", "48094"};

}  // namespace

TEST_CASE("an account is opened") {
  given().when(open_hong).then(AccountOpened{hong});
  given(AccountOpened{alice}).when(open_hong).then(AccountOpened{hong});
}

TEST_CASE("an owner has one open account") {
  const Principal owner = principal(1, {Role::buyer});
  OpenAccount open = open_hong;
  open.owner = owner.id;
  given(AccountOpened{alice}).when(open).then(AccountOpened{owned(hong, owner)});
  const AccountOpened opened{owned(alice, owner)};
  given(opened).when(open).then(refusal::AccountAlreadyOpen{alice.account});
  given(opened, AccountClosed{owned(alice, owner), opening})
      .when(open)
      .then(AccountOpened{owned(hong, owner)});
  // Others' are no hindrance, nor are those that clerks opened.
  given(AccountOpened{owned(alice, principal(2, {Role::buyer}))})
      .when(open)
      .then(AccountOpened{owned(hong, owner)});
  given(opened).when(open_hong).then(AccountOpened{hong});
}

TEST_CASE("an account stays its owner's whatever changes") {
  const AccountState own = owned(hong, principal(1, {Role::buyer}));
  const auto shop = given(AccountOpened{own});
  shop.when(ChangeAddress{own.account, busan}).then(AddressChanged{moved(own, busan)});
  shop.when(ChangeAccountDetails{own.account, "홍길순", {}, {}})
      .then(AccountDetailsChanged{renamed(own, "홍길순")});
  shop.when(CloseAccount{own.account, opening}).then(AccountClosed{own, opening});
}

TEST_CASE("a name belongs to one open account") {
  OpenAccount namesake = open_hong;
  namesake.account = nobody;
  given(AccountOpened{hong}).when(namesake).then(refusal::AccountNameTaken{"홍길동", hong.account});
  SECTION("a closed account gives its name back") {
    given(AccountOpened{hong}, AccountClosed{hong, opening})
        .when(open_hong)
        .then(AccountOpened{hong});
  }
  SECTION("so does one that took another name") {
    given(AccountOpened{hong}, AccountDetailsChanged{renamed(hong, "홍길순")})
        .when(open_hong)
        .then(AccountOpened{hong});
  }
  SECTION("whose new name is taken then") {
    namesake.person.name = "홍길순";
    given(AccountOpened{hong}, AccountDetailsChanged{renamed(hong, "홍길순")})
        .when(namesake)
        .then(refusal::AccountNameTaken{"홍길순", hong.account});
  }
  SECTION("names are told apart to the letter") {
    namesake.person.name = "홍길동 ";
    AccountState another = renamed(hong, "홍길동 ");
    another.account = nobody;
    given(AccountOpened{hong}).when(namesake).then(AccountOpened{another});
  }
}

TEST_CASE("an address is changed") {
  const ChangeAddress move{hong.account, busan};
  given(AccountOpened{hong}).when(move).then(AddressChanged{moved(hong, busan)});
  SECTION("the same one changes nothing") {
    given(AccountOpened{hong})
        .when(ChangeAddress{hong.account, hong.person.address})
        .then(as_it_is);
    given(AccountOpened{hong}, AddressChanged{moved(hong, busan)}).when(move).then(as_it_is);
  }
  SECTION("not of an account that is not there") {
    given(AccountOpened{alice}).when(move).then(refusal::AccountNotFound{to_string(hong.account)});
  }
  SECTION("nor of one that is closed") {
    given(AccountOpened{hong}, AccountClosed{hong, opening})
        .when(move)
        .then(refusal::AccountIsClosed{hong.account});
  }
}

TEST_CASE("details are changed, each by itself or together") {
  AccountState after = hong;
  ChangeAccountDetails change{hong.account, {}, {}, {}};
  SECTION("the name") {
    change.name = after.person.name = "홍길순";
  }
  SECTION("the e-mail") {
    change.email = after.person.email = "gil@example.com";
  }
  SECTION("the e-mail taken away") {
    change.email = after.person.email = "";
  }
  SECTION("the level") {
    change.membership_level = after.membership_level = MembershipLevel::vip;
  }
  SECTION("the level taken away") {
    change.membership_level = after.membership_level = MembershipLevel::none;
  }
  SECTION("all of them") {
    change.name = after.person.name = "홍길순";
    change.email = after.person.email = "gil@example.com";
    change.membership_level = after.membership_level = MembershipLevel::silver;
  }
  given(AccountOpened{hong}).when(change).then(AccountDetailsChanged{after});
}

TEST_CASE("details that are as asked already change nothing") {
  given(AccountOpened{hong}).when(ChangeAccountDetails{hong.account, {}, {}, {}}).then(as_it_is);
  given(AccountOpened{hong})
      .when(ChangeAccountDetails{hong.account, hong.person.name, hong.person.email,
                                 hong.membership_level})
      .then(as_it_is);
}

TEST_CASE("details are not changed") {
  const ChangeAccountDetails to_alice{hong.account, alice.person.name, "new@example.com", {}};
  SECTION("when the new name is another open account's") {
    given(AccountOpened{hong}, AccountOpened{alice})
        .when(to_alice)
        .then(refusal::AccountNameTaken{alice.person.name, alice.account});
  }
  SECTION("of an account that is not there") {
    given(AccountOpened{alice})
        .when(to_alice)
        .then(refusal::AccountNotFound{to_string(hong.account)});
  }
  SECTION("of one that is closed") {
    given(AccountOpened{hong}, AccountClosed{hong, opening})
        .when(to_alice)
        .then(refusal::AccountIsClosed{hong.account});
  }
}

TEST_CASE("the name of a closed account is free for a change of name") {
  const auto changed = AccountDetailsChanged{renamed(hong, alice.person.name)};
  given(AccountOpened{hong}, AccountOpened{alice}, AccountClosed{alice, opening})
      .when(ChangeAccountDetails{hong.account, alice.person.name, {}, {}})
      .then(changed);
}

TEST_CASE("an account is closed") {
  const CloseAccount close{hong.account, after_minutes(5)};
  given(AccountOpened{hong}).when(close).then(AccountClosed{hong, after_minutes(5)});
  SECTION("as it is by then") {
    given(AccountOpened{hong}, AddressChanged{moved(hong, busan)})
        .when(close)
        .then(AccountClosed{moved(hong, busan), after_minutes(5)});
  }
  SECTION("and stays closed since then") {
    given(AccountOpened{hong}, AccountClosed{hong, opening}).when(close).then(as_it_is);
  }
  SECTION("unless it is not there") {
    given().when(close).then(refusal::AccountNotFound{to_string(hong.account)});
  }
  SECTION("with purchases on their way") {
    given(AccountOpened{hong}, ProductListed{keyboard},
          bought(first_purchase, hong, {line(keyboard, 1)}))
        .when(close)
        .then(AccountClosed{hong, after_minutes(5)});
  }
}

TEST_CASE("accounts are found by id, and by name while they are open") {
  const Shop open = given(AccountOpened{hong}).shop();
  REQUIRE(find(open, AccountRef{hong.account}));
  CHECK(find(open, AccountRef{hong.account}) == find(open, AccountRef{hong.person.name}));
  CHECK(find(open, AccountRef{hong.account})->state == hong);
  CHECK_FALSE(find(open, AccountRef{alice.account}));
  CHECK_FALSE(find(open, AccountRef{alice.person.name}));

  const Principal owner = principal(1, {Role::buyer});
  const AccountState own = owned(hong, owner);
  CHECK(find(given(AccountOpened{own}).shop(), AccountRef{owner.id})->state == own);
  CHECK_FALSE(find(open, AccountRef{owner.id}));
  CHECK_FALSE(
      find(given(AccountOpened{own}, AccountClosed{own, opening}).shop(), AccountRef{owner.id}));

  const Shop closed = given(AccountOpened{hong}, AccountClosed{hong, after_minutes(1)}).shop();
  REQUIRE(find(closed, AccountRef{hong.account}));
  CHECK(find(closed, AccountRef{hong.account})->closed_at == after_minutes(1));
  CHECK_FALSE(find(closed, AccountRef{hong.person.name}));
}

}  // namespace jangbu::test
