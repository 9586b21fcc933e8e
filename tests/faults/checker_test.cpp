// For each rule a small history that breaks it, and is found; and one in which all is well.
#include "tests/faults/checker.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/faults/public_checker.hpp"

using namespace jangbu::test;
using namespace std::chrono_literals;

namespace {

const Time start{};

LogEvent event(std::string type, std::string entity, std::string name) {
  LogEvent event;
  event.type = std::move(type);
  event.entity = std::move(entity);
  event.correlation = std::move(name);
  event.keyed = true;
  return event;
}

// A shop in which everything happened as it should: an account, a product, a purchase of two, a
// third piece that was refused, a cancellation, and a second purchase with its scan and receipt.
struct Story {
  std::vector<LogCommit> log;
  History history;
  Rows rows;

  Story() {
    history.clients.resize(1);

    LogEvent opened = event("AccountOpened", "account", "open");
    opened.text = "홍길동";
    opened.address = "세종대로 1";
    LogEvent listed = event("ProductListed", "product", "list");
    listed.text = "먹";
    listed.price = 100;
    listed.stock = 2;
    append({opened, listed});
    told("open", Kind::open_account, 1, "account").text = "홍길동";
    Command& list = told("list", Kind::list_product, 1, "product");
    list.text = "먹";
    list.amount = 100;
    list.stock = 2;

    append({purchase("one", "buy", 2)});
    buys(told("buy", Kind::buy, 2, "one"), 2);
    Command& late = told("too-late", Kind::buy, 2, "");
    buys(late, 1);
    late.tries[0].answer = Answer::refused;
    late.tries[0].code = "insufficient-stock";

    LogEvent cancelled = event("PurchaseCancelled", "one", "cancel");
    append({cancelled});
    told("cancel", Kind::cancel, 3, "one").target = "one";

    append({purchase("two", "buy-again", 1)});
    buys(told("buy-again", Kind::buy, 4, "two"), 1);
    LogEvent scanned = event("DeliveryScanned", "two", "scan");
    scanned.text = scanned.scanned = "delivered";
    append({scanned, event("ReceiptConfirmed", "two", "receipt")});
    Command& scan = told("scan", Kind::scan, 5, "two");
    scan.target = "two";
    scan.text = "delivered";
    told("receipt", Kind::confirm_receipt, 5, "two").target = "two";

    Query query;
    query.begin = query.end = now += 1s;
    query.what = Shown::product;
    query.id = "product";
    query.min_position = 4;
    query.position = 4;
    query.status = 200;
    query.number = 1;
    query.text = "100";
    history.clients[0].queries.push_back(query);

    rows.accounts["account"] = {"홍길동", "세종대로 1", false};
    rows.products["product"] = {100, 1, false};
    rows.purchases["one"] = {"account", "세종대로 1", "cancelled", 200};
    rows.purchases["two"] = {"account", "세종대로 1", "received", 100};
    rows.deliveries["one"] = {"cancelled", 0, true};
    rows.deliveries["two"] = {"receipt-confirmed", 1, true};
    rows.position = 5;
    remember_history();
  }

  void remember_history() {
    rows.history.clear();
    for (const LogCommit& commit : log)
      for (const LogEvent& one : commit.events)
        rows.history.emplace(one.entity, one.position, one.index);
  }

  void append(std::vector<LogEvent> events) {
    const std::uint64_t position = log.size() + 1;
    for (std::uint32_t index = 0; index < events.size(); ++index) {
      events[index].position = position;
      events[index].index = index;
    }
    log.push_back({position, "", std::move(events)});
  }

  // In front of this commit; everything behind it moves on by one.
  void insert(std::uint64_t position, LogCommit commit) {
    const auto move_on = [&](std::uint64_t& at) { at += at >= position; };
    for (LogCommit& one : log) {
      move_on(one.position);
      for (LogEvent& event : one.events) move_on(event.position);
    }
    commit.position = position;
    log.insert(log.begin() + static_cast<std::ptrdiff_t>(position) - 1, std::move(commit));
    for (Command& command : history.clients[0].commands)
      for (Try& one : command.tries) move_on(one.position);
    move_on(query().min_position);
    move_on(query().position);
    ++rows.position;
    remember_history();
  }

  static LogEvent purchase(std::string id, std::string name, std::int64_t quantity) {
    LogEvent bought = event("PurchaseCompleted", std::move(id), std::move(name));
    bought.buyer = "account";
    bought.address = "세종대로 1";
    bought.lines = {{"product", quantity}};
    bought.total = 100 * quantity;
    return bought;
  }

  static void buys(Command& command, std::int64_t quantity) {
    command.buyer = "account";
    command.lines = {{"product", quantity}};
  }

  // A command that was acknowledged at once.
  Command& told(std::string name, Kind kind, std::uint64_t position, std::string id) {
    Command command;
    command.name = std::move(name);
    command.kind = kind;
    command.tries = {one_try(Answer::acknowledged, 200, position)};
    command.tries[0].id = std::move(id);
    history.clients[0].commands.push_back(std::move(command));
    return history.clients[0].commands.back();
  }

  Try one_try(Answer answer, int status, std::uint64_t position = 0, std::string code = {}) {
    Try one;
    one.begin = now;
    one.end = now += 100ms;
    one.answer = answer;
    one.status = status;
    one.position = position;
    one.code = std::move(code);
    one.retry_after = status == 503;
    return one;
  }

  // Other tries at the time of those that it had.
  static void tried(Command& command, std::vector<Try> tries) {
    for (Try& one : tries) one.begin = one.end = command.tries[0].begin;
    command.tries = std::move(tries);
  }

  Command& command(const std::string& name) {
    auto& all = history.clients[0].commands;
    return *std::find_if(all.begin(), all.end(), [&](auto& one) { return one.name == name; });
  }
  Query& query() { return history.clients[0].queries[0]; }
  LogEvent& logged(std::uint64_t position, std::size_t index = 0) {
    return log[position - 1].events[index];
  }

  // The rules that are broken.
  std::vector<std::string> broken() const {
    std::vector<std::string> rules;
    for (const Violation& one : check(history, log, rows)) rules.push_back(one.rule);
    std::sort(rules.begin(), rules.end());
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    return rules;
  }
  bool breaks(const std::string& rule) const {
    const auto rules = broken();
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
  }

  Time now = start;
};

const std::vector<std::string> nothing;

}  // namespace

TEST_CASE("Where all is well, nothing is found") {
  CHECK(Story().broken() == nothing);
}

// --- The log and what was told -------------------------------------------------------------------

TEST_CASE("What was acknowledged and is not in the log") {
  Story story;
  story.logged(4).correlation = "somebody's";
  story.told("somebody's", Kind::buy, 4, "two");
  Story::buys(story.history.clients[0].commands.back(), 1);
  CHECK(story.breaks("what is acknowledged is in the log where it was told"));
}

TEST_CASE("What was acknowledged at another position, or of another id") {
  Story story;
  SECTION("position") {
    story.command("buy-again").tries[0].position = 3;
  }
  SECTION("id") {
    story.command("buy-again").tries[0].id = "three";
  }
  CHECK(story.broken() ==
        std::vector<std::string>{"what is acknowledged is in the log where it was told"});
}

TEST_CASE("What is in the log twice") {
  Story story;
  story.append({Story::purchase("three", "buy-again", 1)});
  CHECK(story.breaks("a command happens once"));
}

TEST_CASE("What nobody asked for") {
  Story story;
  story.append({Story::purchase("three", "nobody", 1)});
  CHECK(story.breaks("nothing else is in the log"));
}

TEST_CASE("Another content than was asked for") {
  Story story;
  SECTION("lines") {
    story.command("buy-again").lines[0].quantity = 2;
  }
  SECTION("buyer") {
    story.command("buy-again").buyer = "other";
  }
  SECTION("expected total") {
    story.command("buy-again").amount = 99;
  }
  SECTION("status") {
    story.command("scan").text = "picked-up";
  }
  SECTION("price") {
    story.command("list").amount = 99;
  }
  SECTION("name") {
    story.command("open").text = "황진이";
  }
  SECTION("entity") {
    story.command("cancel").target = "two";
  }
  SECTION("key") {
    story.command("cancel").keyed = false;
  }
  CHECK(story.broken() == std::vector<std::string>{"the log says what was asked for"});
}

TEST_CASE("What was uncertain is there once or not at all, and a retry tells which") {
  Story story;
  Command& buy = story.command("buy-again");
  SECTION("once, and told") {
    Story::tried(buy, {story.one_try(Answer::uncertain, 0), buy.tries[0]});
    CHECK(story.broken() == nothing);
  }
  SECTION("once, and never told") {
    Story::tried(buy, {story.one_try(Answer::uncertain, 503, 0, "outcome-unknown")});
    CHECK(story.broken() == std::vector<std::string>{"a retry tells what became of it"});
  }
  SECTION("not at all") {
    Command unknown;
    unknown.name = "unknown";
    unknown.keyed = false;  // so that it may not be repeated
    unknown.tries = {story.one_try(Answer::uncertain, 0)};
    story.history.clients[0].commands.push_back(unknown);
    CHECK(story.broken() == nothing);
  }
}

TEST_CASE("What was refused or turned away is not in the log") {
  Story story;
  Command& buy = story.command("buy-again");
  SECTION("refused") {
    buy.tries = {story.one_try(Answer::refused, 409, 2, "insufficient-stock")};
    CHECK(story.breaks("what was refused is not in the log"));
  }
  SECTION("turned away") {
    buy.tries = {story.one_try(Answer::turned_away, 503, 0, "overloaded")};
    CHECK(story.breaks("what was refused is not in the log"));
  }
  SECTION("refused behind its own event") {
    buy.tries = {story.one_try(Answer::uncertain, 0),
                 story.one_try(Answer::refused, 409, 4, "insufficient-stock")};
    CHECK(story.breaks("what was refused is not in the log"));
  }
  SECTION("refused, truly, before an earlier try lands late") {
    Story::tried(buy, {story.one_try(Answer::uncertain, 0),
                       story.one_try(Answer::refused, 409, 2, "insufficient-stock")});
    buy.tries[1].server = 1;
    CHECK(story.broken() == nothing);
  }
}

TEST_CASE("A refusal that was not so where it says") {
  Story story;
  Command& late = story.command("too-late");
  late.tries[0].server = 1;
  SECTION("there was enough") {
    late.tries[0].position = 4;
  }
  SECTION("another number was left") {
    late.tries[0].available = 1;
  }
  SECTION("a position that never was") {
    late.tries[0].position = 9;
  }
  SECTION("not delivered") {
    late.tries[0].code = "not-delivered";
  }
  SECTION("already shipped") {
    late.tries[0].code = "already-shipped";
  }
  SECTION("closed") {
    late.tries[0].code = "account-closed";
  }
  SECTION("withdrawn") {
    late.tries[0].code = "product-withdrawn";
  }
  SECTION("not found") {
    late.tries[0].code = "account-not-found";
    late.tries[0].status = 404;
  }
  SECTION("of unknown meaning") {
    late.tries[0].code = "no-such-code";
  }
  CHECK(story.broken() == std::vector<std::string>{"answers are true where they say"});
}

TEST_CASE("A refusal may rest on what its own turn did before") {
  Story story;
  // Decided right after the purchase of both, which is in the commit that is told.
  CHECK(story.command("too-late").tries[0].position == story.logged(2).position);
  CHECK(story.broken() == nothing);
}

// --- The rules of the shop -----------------------------------------------------------------------

TEST_CASE("What the log should never hold") {
  Story story;
  std::string rule = "rules hold";
  SECTION("more sold than there is") {
    story.logged(2).lines[0].quantity = 3;
    story.logged(2).total = 300;
    rule = "stock is never negative";
  }
  SECTION("a stock that is not what it should be") {
    LogEvent changed = event("StockChanged", "product", "more");
    changed.price = 100;
    changed.change = 5;
    changed.stock = 5;
    story.append({changed});
    rule = "stock is received - sold + cancelled";
  }
  SECTION("a purchase made twice") {
    story.append({Story::purchase("one", "buy-one-again", 1)});
    rule = "a purchase is made once";
  }
  SECTION("another total") {
    story.logged(4).total = 99;
  }
  SECTION("another address") {
    story.logged(4).address = "개성시";
  }
  SECTION("a closed account") {
    story.logged(1).type = "AccountClosed";
  }
  SECTION("cancelled twice") {
    story.append({event("PurchaseCancelled", "one", "cancel")});
  }
  SECTION("cancelled after it was picked up") {
    std::swap(story.logged(5, 1), story.logged(5, 0));
    story.logged(5, 0).type = "DeliveryScanned";
    story.logged(5, 1) = event("PurchaseCancelled", "two", "cancel-two");
  }
  SECTION("received before it was delivered") {
    story.logged(5).text = "in-transit";
  }
  SECTION("of nothing") {
    story.logged(3).entity = "nothing";
  }
  CHECK(story.breaks(rule));
}

// --- Order ---------------------------------------------------------------------------------------

TEST_CASE("A log with claims and void commits") {
  Story story;
  story.insert(6, {.author = "seoul"});  // one behind the other: at the end first
  story.insert(6, {.is_void = true});
  story.insert(3, {.author = "seoul"});
  story.insert(1, {.author = "busan"});
  story.insert(1, {.author = "seoul", .is_void = true});
  REQUIRE(story.log.size() == 10);
  for (LogCommit& commit : story.log)
    if (!commit.events.empty()) commit.author = commit.position < 5 ? "busan" : "seoul";
  SECTION("is as good as one without") {
    CHECK(story.broken() == nothing);
    CHECK(check_public(story.log, public_events(story.log)).empty());
  }
  SECTION("in which somebody writes who has not claimed") {
    story.log[3].author = "seoul";
    CHECK(story.broken() == std::vector<std::string>{"who has claimed writes"});
  }
  SECTION("of an older build, which does not tell who writes") {
    story.log[3].author = "";
    CHECK(story.broken() == nothing);
  }
  SECTION("one of which held what was acknowledged") {
    story.log[3].is_void = true;
    story.log[3].events.clear();
    CHECK(story.breaks("what is acknowledged is in the log where it was told"));
  }
}

TEST_CASE("Positions that go back") {
  Story story;
  SECTION("of commands at one process") {
    story.command("too-late").tries[0].position = 1;
    CHECK(story.breaks("positions never go back"));
  }
  SECTION("of commands at two") {
    story.command("too-late").tries[0].position = 1;
    story.command("too-late").tries[0].server = 1;
    CHECK_FALSE(story.breaks("positions never go back"));
  }
  SECTION("of queries") {
    Query later = story.query();
    later.min_position = later.position = 2;
    later.number = 0;
    story.history.clients[0].queries.push_back(later);
    CHECK(story.broken() == std::vector<std::string>{"positions never go back"});
  }
}

TEST_CASE("A command that comes before what was acknowledged before it began") {
  Story story;
  story.command("cancel").tries[0].begin = story.command("receipt").tries[0].end + 1ms;
  story.command("cancel").tries[0].end = story.command("cancel").tries[0].begin + 1ms;
  CHECK(story.broken() == std::vector<std::string>{"later commands come later in the log"});
}

TEST_CASE("A refusal by a process that does not know what another has acknowledged") {
  Story story;
  Try& late = story.command("too-late").tries[0];
  late.server = 1;
  late.begin = story.command("receipt").tries[0].end + 1ms;
  late.end = late.begin + 1ms;
  CHECK(story.broken() == std::vector<std::string>{"refusals know what was acknowledged before"});
}

TEST_CASE("Two processes that believe at once that they are active") {
  Story story;
  const auto look = [&](int server, std::chrono::seconds from, std::chrono::seconds to) {
    for (Time at = Time{} + from; at < Time{} + to; at += 500ms)
      story.history.beliefs.push_back({.server = server, .begin = at, .end = at, .active = true});
  };
  SECTION("for a moment, as while a term ends") {
    look(0, 0s, 60s);
    look(1, 55s, 90s);
    CHECK(story.broken() == nothing);
  }
  SECTION("for long") {
    look(0, 0s, 60s);
    look(1, 30s, 90s);
    CHECK(story.broken() == std::vector<std::string>{"two are never active at once"});
  }
  SECTION("but one of them stood still meanwhile") {
    look(0, 0s, 30s);
    look(0, 60s, 61s);
    look(1, 31s, 90s);
    CHECK(story.broken() == nothing);
  }
}

// --- Queries -------------------------------------------------------------------------------------

TEST_CASE("A process that shows somebody less than it has shown to another") {
  Story story;
  Query& query = story.query();
  Client& other = story.history.clients.emplace_back();
  other.queries.push_back(query);
  query.begin = other.queries[0].end + 1ms;
  query.end = query.begin + 1ms;
  query.min_position = query.position = 2;
  query.number = 0;
  SECTION("it does") {
    CHECK(story.broken() == std::vector<std::string>{"reads never go back at a process"});
  }
  SECTION("another process may") {
    query.server = 1;
    CHECK(story.broken() == nothing);
  }
}

TEST_CASE("A query that misses the position it asked for") {
  Story story;
  story.query().min_position = 5;
  CHECK(story.broken() == std::vector<std::string>{"minPosition is never missed"});
}

TEST_CASE("A query that shows what was not so at its position") {
  Story story;
  SECTION("stock") {
    story.query().number = 2;
  }
  SECTION("price") {
    story.query().text = "99";
  }
  SECTION("withdrawn") {
    story.query().ended = true;
  }
  SECTION("nothing") {
    story.query().status = 404;
  }
  SECTION("of nothing") {
    story.query().id = "nothing";
  }
  SECTION("a position that never was") {
    story.query().position = 9;
  }
  CHECK(story.broken() == std::vector<std::string>{"answers are true where they say"});
}

// --- Answers -------------------------------------------------------------------------------------

TEST_CASE("503 without Retry-After") {
  Story story;
  SECTION("of a command") {
    Command& buy = story.command("buy-again");
    buy.tries.insert(buy.tries.begin(), buy.tries[0]);
    buy.tries[0].answer = Answer::turned_away;
    buy.tries[0].status = 503;
  }
  SECTION("of a query") {
    story.query().status = 503;
  }
  CHECK(story.broken() == std::vector<std::string>{"503 says when to come again"});
}

TEST_CASE("Answers that should never be, or come too late") {
  Story story;
  SECTION("500 to a command") {
    Command& buy = story.command("buy-again");
    buy.tries.insert(buy.tries.begin(), buy.tries[0]);
    buy.tries[0].answer = Answer::unexpected;
    buy.tries[0].status = 500;
    CHECK(story.broken() == std::vector<std::string>{"answers are as promised"});
  }
  SECTION("500 to a query") {
    story.query().status = 500;
    CHECK(story.broken() == std::vector<std::string>{"answers are as promised"});
  }
  SECTION("a command that waits") {
    story.command("receipt").tries[0].end += 1min;
    CHECK(story.broken() == std::vector<std::string>{"commands are answered in time"});
  }
  SECTION("a query that waits") {
    story.query().end += 1min;
    CHECK(story.broken() == std::vector<std::string>{"queries are answered in time"});
  }
}

TEST_CASE("What is promised without NATS") {
  Story story;
  Command away;
  away.name = "away";
  away.keyed = false;
  story.now += 1min;
  const Time begin = story.now;
  story.now += 10s;
  away.tries = {story.one_try(Answer::turned_away, 503, 0, "overloaded")};
  std::string rule;
  SECTION("it is kept") {}
  SECTION("an answer that comes late") {
    away.tries[0].end += 25s;
    rule = "without NATS answers come in time";
  }
  SECTION("no answer") {
    away.tries[0] = story.one_try(Answer::uncertain, 0);
    rule = "without NATS everybody is answered";
  }
  SECTION("a false success") {
    away.tries[0] = story.one_try(Answer::acknowledged, 201, 6);
    away.tries[0].id = "three";
    away.kind = Kind::cancel;
    story.append({Story::purchase("three", "away", 1)});
    rule = "without NATS nothing is acknowledged";
  }
  story.history.outages = {{Outage::Of::log, begin, story.now + 1min}};
  story.history.clients[0].commands.push_back(away);
  if (rule.empty()) {
    CHECK(story.broken() == nothing);
  } else {
    CHECK(story.breaks(rule));
  }
}

TEST_CASE("What is promised without PostgreSQL") {
  Story story;
  story.history.outages = {{Outage::Of::read_models, start - 1min, story.now + 1min}};
  story.query().status = 503;
  story.query().retry_after = true;
  story.query().position = 0;
  std::string rule;
  SECTION("it is kept") {}
  SECTION("a query that is answered") {
    story.query().status = 404;
    story.query().id = "nothing";
    story.query().position = 4;
    rule = "without PostgreSQL queries say so";
  }
  SECTION("a purchase that is turned away") {
    Command& buy = story.command("buy-again");
    buy.tries.insert(buy.tries.begin(), buy.tries[0]);
    buy.tries[0].answer = Answer::turned_away;
    buy.tries[0].status = 503;
    buy.tries[0].retry_after = true;
    rule = "without PostgreSQL purchases go on";
  }
  SECTION("nobody buys") {
    story.history.outages = {{Outage::Of::read_models, story.now, story.now + 1min}};
    rule = "without PostgreSQL purchases go on";
  }
  CHECK(story.broken() == (rule.empty() ? nothing : std::vector<std::string>{rule}));
}

// --- The read models -----------------------------------------------------------------------------

TEST_CASE("Read models that are not what the log says") {
  Story story;
  SECTION("an account") {
    story.rows.accounts["account"].closed = true;
  }
  SECTION("a product") {
    story.rows.products["product"].stock = 0;
  }
  SECTION("a purchase") {
    story.rows.purchases["one"].status = "completed";
  }
  SECTION("a delivery") {
    story.rows.deliveries["two"].scans = 2;
  }
  SECTION("one that is missing") {
    story.rows.deliveries.erase("two");
  }
  SECTION("one too many") {
    story.rows.purchases["three"] = {};
  }
  SECTION("history that is missing") {
    story.rows.history.erase(story.rows.history.begin());
  }
  SECTION("history that never was") {
    story.rows.history.emplace("account", 9, 0);
  }
  SECTION("a parked row") {
    story.rows.parked = 1;
  }
  CHECK(story.broken() == std::vector<std::string>{"read models are a replay"});
}

TEST_CASE("Read models that have not caught up") {
  Story story;
  story.rows.position = 4;
  CHECK(story.broken() == std::vector<std::string>{"read models catch up"});
}

// --- The public stream ---------------------------------------------------------------------------

namespace {

std::vector<std::string> broken(const std::vector<PublicEvent>& stream) {
  std::vector<std::string> rules;
  for (const Violation& one : check_public(Story().log, stream)) rules.push_back(one.rule);
  return rules;
}

}  // namespace

TEST_CASE("A public stream that has what the log has") {
  Story story;
  const auto stream = public_events(story.log);
  REQUIRE(stream.size() == 7);
  CHECK(stream[2] == PublicEvent{.id = "2.0",
                                 .subject = "jangbu.shop.purchase.PurchaseCompleted",
                                 .commit = "",
                                 .entity = "purchase/one",
                                 .order = "00000000000000000002.00000"});
  CHECK(broken(stream).empty());

  story.append({event("NothingChanged", "account", "again")});
  CHECK(public_events(story.log) == stream);
}

TEST_CASE("A public stream that does not have what the log has") {
  auto stream = public_events(Story().log);
  std::string rule;
  SECTION("a gap") {
    stream.erase(stream.begin() + 3);
    rule = "what is public is published";
  }
  SECTION("an end that is missing") {
    stream.pop_back();
    rule = "what is public is published";
  }
  SECTION("a double") {
    stream.push_back(stream.back());
    rule = "what is public is published once";
  }
  SECTION("another order") {
    std::swap(stream[3], stream[4]);
    rule = "what is public is in the log's order";
  }
  SECTION("something that never was") {
    stream.back().id = "9.0";
    stream.push_back(public_events(Story().log).back());
    rule = "nothing else is public";
  }
  SECTION("another subject") {
    stream[0].subject = "jangbu.shop.account.AccountClosed";
    rule = "what is public is what the log says";
  }
  SECTION("another commit") {
    stream[0].commit = "another";
    rule = "what is public is what the log says";
  }
  CHECK(broken(stream) == std::vector<std::string>{rule});
}

// --- The bytes -----------------------------------------------------------------------------------

namespace {

std::string golden(const std::string& name) {
  std::ifstream file(std::string(JANGBU_GOLDEN_FOLDER) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The golden file of each event's newest version.
std::map<std::string, std::string> newest_golden() {
  std::map<std::string, std::pair<int, std::string>> newest;
  for (const auto& entry : std::filesystem::directory_iterator(JANGBU_GOLDEN_FOLDER)) {
    if (entry.path().extension() != ".bin") continue;
    const std::string name = entry.path().filename().string();  // AccountOpened.v1.bin
    const auto dot = name.find('.');
    auto& known = newest[name.substr(0, dot)];
    known = std::max(known, {std::stoi(name.substr(dot + 2)), name});
  }
  std::map<std::string, std::string> names;
  for (const auto& [type, version] : newest) names[type] = version.second;
  return names;
}

}  // namespace

// tests/golden has the bytes, and next to each a text that says what they mean.
TEST_CASE("The reader reads what is specified") {
  const auto purchase = read_events(7, golden("PurchaseCompleted.v2.bin"));
  REQUIRE(purchase.size() == 1);
  CHECK(purchase[0].position == 7);
  CHECK(purchase[0].entity == "0195501c-3a00-7000-8000-00000000c001");
  CHECK(purchase[0].keyed);
  CHECK(purchase[0].correlation == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  CHECK(purchase[0].buyer == "0195501c-3a00-7000-8000-00000000a001");
  CHECK(purchase[0].address == "서울특별시 종로구 세종대로 209");
  CHECK(purchase[0].lines == std::vector<Line>{{"0195501c-3a00-7000-8000-00000000b001", 2},
                                               {"0195501c-3a00-7000-8000-00000000b002", 3}});
  CHECK(purchase[0].total == 115'800);
  const auto scan = read_events(8, golden("DeliveryScanned.v2.bin"));
  REQUIRE(scan.size() == 1);
  CHECK(scan[0].scanned == "out-for-delivery");
  CHECK(scan[0].text == "delivered");
}

TEST_CASE("The reader knows who wrote a commit, and which are void") {
  const std::string payload = golden("PurchaseCompleted.v2.bin");
  const std::string old = "NATS/1.0\r\nJangbu-Commit-Id: 7c1\r\nJangbu-Format: 1\r\n";
  LogCommit commit = read_commit(7, old + "\r\n", payload);
  CHECK(commit.id == "7c1");
  CHECK(commit.events.size() == 1);
  CHECK(commit.author.empty());
  CHECK_FALSE(commit.is_void);
  const std::string author = old + "Jangbu-Writer: 5eo seoul\r\nJangbu-Decided-At: ";
  commit = read_commit(7, author + "6\r\n\r\n", payload);
  CHECK(commit.events.size() == 1);
  CHECK(commit.author == "5eo");
  CHECK_FALSE(commit.is_void);
  for (const char* elsewhere : {"0", "5", "7"}) {
    commit = read_commit(7, author + elsewhere + "\r\n\r\n", "no commit");
    CHECK(commit.is_void);
    CHECK(commit.events.empty());
  }
  CHECK_THROWS(read_commit(7, "NATS/1.0\r\nJangbu-Commit-Id: 7c1\r\n\r\n", payload));
}

TEST_CASE("The reader and the checker know every event") {
  const auto events = newest_golden();
  REQUIRE(!events.empty());
  for (const auto& [type, file] : events) {
    CAPTURE(file);
    const auto read = read_events(1, golden(file));
    REQUIRE(read.size() == 1);
    CHECK(read[0].type == type);
    CHECK_NOTHROW(check({}, {{1, "", read}}, {}));
    CHECK_NOTHROW(public_events({{1, "", read}}));
  }
}

TEST_CASE("The reader reads strictly") {
  const std::string whole = golden("PurchaseCompleted.v2.bin");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS(read_events(1, whole.substr(0, size)));
  }
  CHECK_THROWS(read_events(1, whole + '\0'));
  CHECK_THROWS(read_events(1, golden("DeliveryScanned.v1.bin")));
}
