// The checker finds every way in which answers, log and read model can disagree.
#include "api/load/checker.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>

namespace jangbu::loadgen {

using Catch::Matchers::ContainsSubstring;

namespace {

PurchaseId purchase_id(std::uint8_t number) {
  PurchaseId id;
  id.bytes.back() = number;
  return id;
}

// Two of the hot product and five of another; four purchases were asked for: one of each was
// acknowledged, one more of the hot product was uncertain at first, and another one was refused.
struct History {
  std::vector<LoadProduct> products{
      {.id = "hot", .name = "hot", .listed = 2, .shown = 0, .shown_at = {20}},
      {.id = "other", .name = "other", .listed = 5, .shown = 4, .shown_at = {20}},
  };
  std::vector<Attempt> attempts{
      {.product = 0, .outcome = Outcome::purchased, .position = 11, .purchase = purchase_id(1)},
      {.product = 1, .outcome = Outcome::purchased, .position = 11, .purchase = purchase_id(2)},
      {.product = 0,
       .outcome = Outcome::purchased,
       .uncertain = true,
       .position = 12,
       .purchase = purchase_id(3)},
      {.product = 0, .outcome = Outcome::refused},
  };
  std::vector<LoggedPurchase> log{
      {{{11}, 0}, purchase_id(1), 0, {{"hot", 1}}},
      {{{11}, 1}, purchase_id(2), 1, {{"other", 1}}},
      {{{12}, 0}, purchase_id(3), 2, {{"hot", 1}}},
  };

  std::map<std::string, Invariant> check() const {
    Checker checker(attempts, products);
    for (const LoggedPurchase& logged : log) checker.purchased(logged);
    return by_name(checker);
  }

  static std::map<std::string, Invariant> by_name(Checker& checker) {
    std::map<std::string, Invariant> found;
    for (const Invariant& one : checker.finish()) found.emplace(one.name, one);
    REQUIRE(found.size() == 5);
    return found;
  }
};

// Exactly this one is violated, and says so.
void check_only(const std::map<std::string, Invariant>& found, const std::string& name,
                const std::string& detail) {
  for (const auto& [other, invariant] : found) {
    CAPTURE(other, invariant.detail);
    CHECK(invariant.ok == (other != name));
  }
  CHECK_THAT(found.at(name).detail, ContainsSubstring(detail));
}

}  // namespace

TEST_CASE("A history in order is found to be") {
  for (const auto& [name, invariant] : History().check()) {
    CAPTURE(name, invariant.detail);
    CHECK(invariant.ok);
  }
  CHECK_THAT(History().check().at("acknowledged-in-log").detail, ContainsSubstring("3 acknow"));
  CHECK_THAT(History().check().at("refused-not-in-log").detail, ContainsSubstring("1 refused"));
  CHECK_THAT(History().check().at("uncertain-settled").detail, ContainsSubstring("1 were uncert"));
  CHECK_THAT(History().check().at("never-oversold").detail, ContainsSubstring("2 of 2 of 'hot'"));
}

TEST_CASE("An acknowledged purchase that the log has not is found") {
  History history;
  history.log.erase(history.log.begin() + 1);
  history.products[1].shown = 5;
  check_only(history.check(), "acknowledged-in-log", "purchase 2 (");
  CHECK_THAT(history.check().at("acknowledged-in-log").detail, ContainsSubstring("not in the log"));
}

TEST_CASE("An acknowledged purchase that the log has twice is found") {
  History history;
  history.log.push_back({{{13}, 0}, purchase_id(2), 1, {{"other", 1}}});
  history.products[1].shown = 3;
  check_only(history.check(), "acknowledged-in-log", "2. time");
}

TEST_CASE("An acknowledged purchase at another position, or under another id, is found") {
  History history;
  history.attempts[1].position = 12;
  check_only(history.check(), "acknowledged-in-log", "told to be at 12) is in the log at 11.1");
  history = {};
  history.attempts[1].purchase = purchase_id(9);
  check_only(history.check(), "acknowledged-in-log", to_string(purchase_id(2)));
}

TEST_CASE("A purchase of something else than was asked for is found") {
  History history;
  history.log[1].lines = {{"other", 2}};
  history.products[1].shown = 3;
  check_only(history.check(), "acknowledged-in-log", "not as it was asked for");
  history = {};
  history.log[1].lines.push_back({"something else", 1});
  check_only(history.check(), "acknowledged-in-log", "not as it was asked for");
}

TEST_CASE("A refused purchase that the log has is found") {
  History history;
  history.products[0].listed = 3;
  history.log.push_back({{{13}, 0}, purchase_id(4), 3, {{"hot", 1}}});
  check_only(history.check(), "refused-not-in-log", "purchase 4 is in the log at 13.0");
}

TEST_CASE("A purchase in the log that nobody has asked for is found") {
  History history;
  history.products[0].listed = 3;
  history.log.push_back({{{13}, 0}, purchase_id(4), 4, {{"hot", 1}}});
  check_only(history.check(), "refused-not-in-log", "never asked for");
}

TEST_CASE("An uncertain purchase that is not there as its repetition told is found") {
  SECTION("twice") {
    History history;
    history.products[0].listed = 3;
    history.log.push_back({{{13}, 0}, purchase_id(4), 2, {{"hot", 1}}});
    check_only(history.check(), "uncertain-settled", "2. time");
  }
  SECTION("not at all") {
    History history;
    history.log.pop_back();
    history.products[0].shown = 1;
    check_only(history.check(), "uncertain-settled", "not in the log");
  }
  SECTION("although it was refused in the end") {
    History history;
    history.attempts[2] = {.product = 0, .outcome = Outcome::refused, .uncertain = true};
    check_only(history.check(), "uncertain-settled", "purchase 3 is in the log at 12.0 and was");
  }
}

TEST_CASE("What stays uncertain may be there once, or not") {
  History history;
  history.attempts[2] = {.product = 0, .outcome = Outcome::unknown, .uncertain = true};
  CHECK(history.check().at("uncertain-settled").ok);
  CHECK_THAT(history.check().at("uncertain-settled").detail,
             ContainsSubstring("1 stayed uncertain, of which 1 are there"));
  history.log.pop_back();
  history.products[0].shown = 1;
  for (const auto& [name, invariant] : history.check()) CHECK(invariant.ok);
}

TEST_CASE("A stock in the read model that is not what the log comes to is found") {
  History history;
  history.products[1].shown = 5;
  check_only(history.check(), "stock-adds-up", "'other' shows a stock of 5 at 20 instead of 4");
}

TEST_CASE("A stock below zero in the read model is found") {
  History history;
  history.products[0].listed = 1;
  history.products[0].shown = -1;
  const auto found = history.check();
  CHECK_FALSE(found.at("stock-adds-up").ok);
  CHECK_THAT(found.at("stock-adds-up").detail, ContainsSubstring("'hot' shows a stock of -1"));
}

TEST_CASE("A product of which more was sold than there was is found") {
  History history;
  history.products[0].listed = 1;
  history.products[0].shown = -1;
  const auto found = history.check();
  CHECK_FALSE(found.at("never-oversold").ok);
  CHECK_THAT(found.at("never-oversold").detail, ContainsSubstring("1 more of 'hot' were sold"));
}

TEST_CASE("Stock that comes too late does not make good what was oversold") {
  History history;
  history.products[0].listed = 1;
  Checker checker(history.attempts, history.products);
  for (const LoggedPurchase& logged : history.log) checker.purchased(logged);
  checker.stock_changed({13}, "hot", 1);
  check_only(History::by_name(checker), "never-oversold", "1 more of 'hot' were sold at 12");
}

TEST_CASE("What other people do to the stock is accounted for") {
  History history;
  history.products[0].shown = 1;
  history.products[1].shown = 2;
  Checker checker(history.attempts, history.products);
  checker.stock_changed({10}, "hot", 3);
  checker.purchased({{{10}, 1}, purchase_id(7), {}, {{"hot", 2}, {"other", 2}, {"theirs", 9}}});
  for (const LoggedPurchase& logged : history.log) checker.purchased(logged);
  // Later than what the read model shows.
  checker.stock_changed({21}, "other", -2);
  for (const auto& [name, invariant] : History::by_name(checker)) {
    CAPTURE(name, invariant.detail);
    CHECK(invariant.ok);
  }
}

TEST_CASE("Of many violations the first are told, and how many more there are") {
  History history;
  history.log.clear();
  history.attempts.assign(10, history.attempts[0]);
  history.products[0].shown = 2;
  history.products[1].shown = 5;
  check_only(history.check(), "acknowledged-in-log", "purchase 3 (");
  CHECK_THAT(history.check().at("acknowledged-in-log").detail, ContainsSubstring("and 7 more"));
}

}  // namespace jangbu::loadgen
