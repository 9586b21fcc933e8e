// The writer's turns, on a log in memory that fails on purpose.
#include "commands/writer.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <memory>
#include <thread>

#include "infra/eventlog/memory_log.hpp"
#include "tests/support/answers.hpp"
#include "tests/support/faulty_log.hpp"
#include "tests/support/process.hpp"
#include "tests/support/property.hpp"
#include "tests/support/same_shop.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/simulation.hpp"
#include "tests/support/snapshots.hpp"

namespace jangbu::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using State = Writer::State;

// Ids that no two writers or rivals of one test share.
CommitId new_commit_id() {
  static std::atomic<unsigned> last{0};
  return id<CommitId>(++last);
}

Writer::Sources sources() {
  return {.now = [] { return after_minutes(1); },
          .new_commit_id = new_commit_id,
          .any_number = [] { return 0u; }};
}

RecordedEvent recorded(Event event) {
  return {{opening, {}, {}, {}, {}}, std::move(event)};
}

// What another writer appends.
void append(EventLog& log, std::vector<Event> events, Timestamp at = opening) {
  Commit commit{at, {}};
  for (Event& event : events) commit.events.push_back(recorded(std::move(event)));
  const auto result = log.append(log.last(), {new_commit_id(), encode_commit(commit)}, 1s);
  REQUIRE(std::holds_alternative<Appended>(result));
}

std::vector<Commit> commits_in(EventLog& log) {
  std::vector<Commit> commits;
  for (Position at{1}; at <= log.last(); at = at.next()) commits.push_back(decode(*log.read(at)));
  return commits;
}

std::size_t count_purchases(EventLog& log) {
  std::size_t count = 0;
  for (const Commit& commit : commits_in(log))
    for (const RecordedEvent& event : commit.events)
      count += std::holds_alternative<PurchaseCompleted>(event.event);
  return count;
}

Command buy(const ProductState& product, unsigned number, std::int64_t quantity = 1) {
  return BuyNow{
      id<PurchaseId>(number), hong.account, {{product.product, quantity}}, {}, after_minutes(1)};
}

const Command unknown_account = CloseAccount{id<AccountId>(0xff), opening};

template <class Result>
const Result& result(const Outcome& outcome) {
  INFO("the outcome is alternative " << outcome.result.index());
  REQUIRE(std::holds_alternative<Result>(outcome.result));
  return std::get<Result>(outcome.result);
}

template <class Broken>
Broken refused(const Outcome& outcome) {
  const Refusal refusal = result<Refusal>(outcome);
  REQUIRE(std::holds_alternative<Broken>(refusal));
  return std::get<Broken>(refusal);
}

NotDecided not_decided(const Outcome& outcome) {
  return result<NotDecided>(outcome);
}

// A writer on a shop with an account and two products, at position 1. It claims the log at 2.
class Shopkeeper {
 public:
  explicit Shopkeeper(Writer::Options options = {}, ProductState other = tea)
      : other_(std::move(other)), options_(std::move(options)) {
    options_.machine.nobody_for = 0ms;  // nobody else is ever there
    append(real, {AccountOpened{hong}, ProductListed{keyboard}, ProductListed{other_}});
  }
  ~Shopkeeper() {
    log.open();  // so that the writer can end, whatever the test was doing
    writer_.reset();
  }

  Writer& start() {
    writer_ = std::make_unique<Writer>(log, sources_, options_, &snapshots);
    writer_->start();
    wait_until_active();
    return *writer_;
  }

  void wait_until_active() {
    wait_for([](const Writer::Status& status) { return status.state == State::active; });
  }

  void submit(const std::string& name, Command command, std::optional<CommandKey> by = {},
              const Asker& asker = anyone()) {
    writer_->submit({.command = std::move(command),
                     .conditions = {.key = by, .if_match = {}},
                     .at = after_minutes(1),
                     .correlation = "correlation of " + name,
                     .asker = asker,
                     .answer = answers.to(name)});
  }

  void wait_for(const std::function<bool(const Writer::Status&)>& condition) {
    wait_until("the writer's status", [&] { return condition(writer_->status()); });
  }

  // Holds appends, and sends one so that the next commands gather behind it.
  void hold_a_turn() {
    log.hold();
    submit("held", buy(keyboard, 1'000));
    log.wait_for_held();
  }

  Writer& writer() { return *writer_; }

  MemoryLog real;
  FaultyLog log{real, [this] { append(real, {rival_event}); }};
  Event rival_event = AccountOpened{alice};
  Answers answers;
  Writer::Sources sources_ = sources();
  KeepsAll snapshots;

 private:
  ProductState other_;
  Writer::Options options_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace

// --- Turns ---------------------------------------------------------------------------------------

TEST_CASE("a command's event is in the log when its answer comes") {
  Shopkeeper shop;
  shop.start();
  shop.submit("buy", buy(keyboard, 1), key(1));
  const Outcome outcome = shop.answers.of("buy");
  CHECK(outcome.position == Position{3});
  const auto& done = result<Recorded>(outcome);
  CHECK(done.event == EventId{{3}, 0});
  const auto expected = bought(id<PurchaseId>(1), hong, {line(keyboard, 1)}, {}, after_minutes(1));
  CHECK(std::get<Purchase>(done.entity)->purchase == expected);

  const StoredCommit stored = shop.real.read({3}).value();
  CHECK(stored.origin == Origin{Author{}, Position{2}, {}});
  const Commit commit = decode(stored);
  CHECK(commit.committed_at == after_minutes(1));
  REQUIRE(commit.events.size() == 1);
  CHECK(commit.events[0].event == Event{expected});
  CHECK(commit.events[0].envelope ==
        Envelope{after_minutes(1), key(1), "correlation of buy", "", ""});
}

TEST_CASE("an event says who asked: by their open account, or else by their name") {
  Shopkeeper shop;
  shop.start();
  const auto alice_herself =
      std::make_shared<const Principal>(principal(1, {Role::buyer, Role::clerk}));
  const auto ask = [&](const std::string& name, Command command) {
    shop.submit(name, std::move(command), {}, alice_herself);
    const EventId event = result<Recorded>(shop.answers.of(name)).event;
    return decode(*shop.real.read(event.position)).events.at(event.index).envelope.actor;
  };
  const OpenAccount open{.account = alice.account,
                         .person = alice.person,
                         .at = after_minutes(1),
                         .owner = alice_herself->id};
  CHECK(ask("open", open) == alice_herself->name);
  const std::string account = "account/" + to_string(alice.account);
  CHECK(ask("buy", buy(keyboard, 1)) == account);
  CHECK(ask("close", CloseAccount{alice.account, after_minutes(1)}) == account);
  CHECK(ask("buy again", buy(keyboard, 2)) == alice_herself->name);
}

TEST_CASE("what is not theirs to do is refused to them, with a key that is known, too") {
  Shopkeeper shop;
  shop.start();
  shop.submit("anyone", buy(keyboard, 1), key(1));
  result<Recorded>(shop.answers.of("anyone"));
  const auto stranger = std::make_shared<const Principal>(principal(1, {Role::buyer}));
  shop.submit("stranger", buy(keyboard, 2), key(1), stranger);
  refused<refusal::Forbidden>(shop.answers.of("stranger"));
}

TEST_CASE("no answer comes before its commit is acknowledged") {
  Shopkeeper shop({}, [] {
    ProductState last_piece = tea;
    last_piece.stock = 1;
    return last_piece;
  }());
  shop.start();
  shop.hold_a_turn();
  shop.submit("first", buy(tea, 1));
  shop.submit("second", buy(tea, 2));
  shop.submit("other", unknown_account);
  CHECK_FALSE(shop.answers.has("held"));
  shop.log.let_one_through();
  CHECK(result<Recorded>(shop.answers.of("held")).event == EventId{{3}, 0});

  // Sold out is only true once the first buyer's purchase is in the log.
  shop.log.wait_for_held();
  CHECK_FALSE(shop.answers.has("first"));
  CHECK_FALSE(shop.answers.has("second"));
  CHECK_FALSE(shop.answers.has("other"));
  shop.log.open();
  CHECK(result<Recorded>(shop.answers.of("first")).event == EventId{{4}, 0});
  const Outcome second = shop.answers.of("second");
  CHECK(refused<refusal::InsufficientStock>(second).available == 0);
  CHECK(second.position == Position{4});
  CHECK(shop.answers.of("other").position == Position{4});
}

TEST_CASE("what rests on a staged change is not told when that is not to be") {
  ProductState last_piece = tea;
  last_piece.stock = 1;
  Shopkeeper shop({}, last_piece);
  // The rival brings more tea, so that the second buyer is not to be told that it is sold out.
  last_piece.stock = 11;
  shop.rival_event = StockChanged{last_piece, 10, "입고"};
  shop.start();
  shop.hold_a_turn();
  shop.submit("first", buy(tea, 1), key(1));
  shop.submit("second", buy(tea, 2), key(2));
  shop.log.let_one_through();
  shop.log.wait_for_held();
  shop.log.script({Fault::rival});
  shop.log.open();
  CHECK(not_decided(shop.answers.of("first")) == NotDecided::not_ready);
  CHECK(not_decided(shop.answers.of("second")) == NotDecided::not_ready);
  shop.wait_until_active();
  shop.submit("second again", buy(tea, 2), key(2));
  result<Recorded>(shop.answers.of("second again"));
}

TEST_CASE("a turn without events is answered without a commit") {
  Shopkeeper shop;
  shop.start();
  shop.submit("refused", unknown_account);
  shop.submit("unchanged", ChangeAddress{hong.account, hong.person.address});
  shop.submit("offer", RequestQuote{hong.account, {{tea.product, 1}}});
  CHECK(shop.answers.of("refused").position == Position{2});
  refused<refusal::AccountNotFound>(shop.answers.of("refused"));
  CHECK(std::get<Account>(result<Unchanged>(shop.answers.of("unchanged")).entity)->state == hong);
  CHECK(result<Offer>(shop.answers.of("offer")).total == tea.unit_price);
  CHECK(shop.log.appends() == 1);  // the claim
}

TEST_CASE("what gathers during an append goes into one commit") {
  Shopkeeper shop;
  shop.start();
  shop.hold_a_turn();
  for (unsigned i = 0; i < 50; ++i) shop.submit(std::to_string(i), buy(keyboard, i));
  shop.log.open();
  shop.answers.wait_for_all();
  CHECK(shop.real.last() == Position{4});
  CHECK(decode(*shop.real.read({4})).events.size() == 50);
  // In the order in which they came.
  for (unsigned i = 0; i < 50; ++i)
    CHECK(result<Recorded>(shop.answers.of(std::to_string(i))).event == EventId{{4}, i});
  const auto status = shop.writer().status();
  CHECK(status.commits == 2);
  CHECK(status.events == 51);
  CHECK(status.queued == 0);
}

TEST_CASE("what came together is decided in one turn") {
  Shopkeeper shop;
  shop.start();
  {
    const Writer::Gathering together(shop.writer());
    {
      const Writer::Gathering and_more(shop.writer());
      for (unsigned i = 0; i < 25; ++i) shop.submit(std::to_string(i), buy(keyboard, i));
    }
    for (unsigned i = 25; i < 50; ++i) shop.submit(std::to_string(i), buy(keyboard, i));
  }
  shop.answers.wait_for_all();
  CHECK(shop.real.last() == Position{3});
  shop.submit("another", buy(keyboard, 50));
  CHECK(shop.answers.of("another").position == Position{4});
}

TEST_CASE("a turn takes no more commands than it may, and the rest follows") {
  Shopkeeper shop({.machine = {.commit_events = 10}});
  shop.start();
  shop.hold_a_turn();
  for (unsigned i = 0; i < 25; ++i) shop.submit(std::to_string(i), buy(keyboard, i));
  shop.log.open();
  shop.answers.wait_for_all();
  const auto commits = commits_in(shop.real);
  REQUIRE(commits.size() == 6);
  CHECK(commits[3].events.size() == 10);
  CHECK(commits[4].events.size() == 10);
  CHECK(commits[5].events.size() == 5);
}

TEST_CASE("a commit takes no more bytes than it may, and the rest follows") {
  const std::size_t head = encode_commit(Commit{}).size();
  constexpr std::size_t bound = 1'000;
  Shopkeeper shop({.machine = {.commit_bytes = bound}});
  shop.start();
  shop.hold_a_turn();
  for (unsigned i = 0; i < 25; ++i) shop.submit(std::to_string(i), buy(keyboard, i));
  // An event that is larger than that goes alone.
  BuyNow large{id<PurchaseId>(99), hong.account, {}, {}, opening};
  large.lines.assign(max_lines / 2, {tea.product, 0});
  shop.submit("large", large);
  shop.submit("last", buy(keyboard, 98));
  shop.log.open();
  shop.answers.wait_for_all();
  std::size_t events = 0;
  std::size_t larger = 0;
  for (Position at{4}; at <= shop.real.last(); at = at.next()) {
    const auto stored = *shop.real.read(at);
    const std::size_t in_commit = decode(stored).events.size();
    events += in_commit;
    if (stored.payload.size() > head + bound) {
      ++larger;
      CHECK(in_commit == 1);
    }
  }
  CHECK(events == 27);
  CHECK(larger == 1);
  CHECK(shop.real.last() > Position{9});
  for (const auto& [name, outcome] : shop.answers.all()) result<Recorded>(outcome);
}

TEST_CASE("the time of commits never goes back") {
  Shopkeeper shop;
  std::atomic<std::int64_t> clock{after_minutes(5).ms};
  shop.sources_.now = [&clock] { return Timestamp{clock.load()}; };
  shop.start();
  shop.submit("first", buy(keyboard, 1));
  shop.answers.of("first");
  clock = opening.ms - 1;
  shop.submit("second", buy(keyboard, 2));
  shop.answers.of("second");
  CHECK(decode(*shop.real.read({3})).committed_at == after_minutes(5));
  CHECK(decode(*shop.real.read({4})).committed_at == after_minutes(5));
}

TEST_CASE("nor behind the commits of others") {
  Shopkeeper shop;
  append(shop.real, {AccountOpened{alice}}, after_minutes(60));
  shop.start();
  shop.submit("buy", buy(keyboard, 1));
  shop.answers.of("buy");
  CHECK(decode(*shop.real.read({4})).committed_at == after_minutes(60));
}

// --- The door ------------------------------------------------------------------------------------

TEST_CASE("before it has read the log, the writer takes nothing") {
  MemoryLog log;
  Answers answers;
  Writer writer(log, sources(), {});
  writer.submit({unknown_account, {}, opening, {}, anyone(), answers.to("early")});
  REQUIRE(answers.has("early"));
  CHECK(not_decided(answers.of("early")) == NotDecided::not_ready);
}

TEST_CASE("a queue that is full turns commands away at once") {
  Shopkeeper shop({.queue = 3});
  shop.start();
  shop.hold_a_turn();
  shop.submit("second", buy(keyboard, 2));
  shop.submit("third", buy(keyboard, 3));
  shop.submit("fourth", buy(keyboard, 4));
  REQUIRE(shop.answers.has("fourth"));
  CHECK(not_decided(shop.answers.of("fourth")) == NotDecided::overloaded);
  CHECK(shop.writer().status().queued == 3);
  shop.log.open();
  shop.answers.wait_for_all();
  shop.submit("fifth", buy(keyboard, 5));
  result<Recorded>(shop.answers.of("fifth"));
  CHECK(count_purchases(shop.real) == 4);
}

TEST_CASE("a command with the key of one on its way is turned away at once") {
  Shopkeeper shop;
  shop.start();
  shop.hold_a_turn();
  shop.submit("first", buy(keyboard, 1), key(1));
  shop.submit("again", buy(keyboard, 1), key(1));
  shop.submit("other request", buy(keyboard, 2), key(1, 2));
  shop.submit("other key", buy(keyboard, 3), key(2));
  REQUIRE(shop.answers.has("again"));
  CHECK(not_decided(shop.answers.of("again")) == NotDecided::key_in_flight);
  CHECK(not_decided(shop.answers.of("other request")) == NotDecided::key_in_flight);
  shop.log.open();
  const EventId first = result<Recorded>(shop.answers.of("first")).event;
  shop.submit("later", buy(keyboard, 1), key(1));
  CHECK(result<Repeated>(shop.answers.of("later")).event == first);
  shop.submit("reused", buy(keyboard, 1), key(1, 2));
  refused<refusal::KeyReused>(shop.answers.of("reused"));
  result<Recorded>(shop.answers.of("other key"));
  CHECK(count_purchases(shop.real) == 3);
}

TEST_CASE("the key of a refused command is free again") {
  Shopkeeper shop;
  shop.start();
  shop.submit("refused", unknown_account, key(1));
  refused<refusal::AccountNotFound>(shop.answers.of("refused"));
  shop.submit("other", buy(keyboard, 1), key(1, 2));
  result<Recorded>(shop.answers.of("other"));
}

TEST_CASE("a command that had nothing to change does nothing when it comes again, either") {
  Shopkeeper shop;
  shop.start();
  const Command stay = ChangeAddress{hong.account, hong.person.address};
  const Address elsewhere{"부산광역시 해운대구 우동 1", "48094"};
  shop.submit("unchanged", stay, key(1));
  result<Unchanged>(shop.answers.of("unchanged"));
  shop.submit("moved", ChangeAddress{hong.account, elsewhere});
  const auto moved = result<Recorded>(shop.answers.of("moved"));
  shop.submit("again", stay, key(1));
  const EventId first = result<Repeated>(shop.answers.of("again")).event;
  CHECK(first.position.next() == moved.event.position);
  shop.submit("other request", stay, key(1, 2));
  refused<refusal::KeyReused>(shop.answers.of("other request"));
  shop.writer().stop();
  shop.start();
  shop.submit("after a restart", stay, key(1));
  CHECK(result<Repeated>(shop.answers.of("after a restart")).event == first);
  shop.submit("now", ChangeAddress{hong.account, elsewhere});
  const auto now = std::get<Account>(result<Unchanged>(shop.answers.of("now")).entity);
  CHECK(now->state.person.address == elsewhere);
  CHECK(now->version == moved.event);
}

TEST_CASE("a quote confirmed twice in one turn is one purchase") {
  Shopkeeper shop;
  shop.start();
  const Command confirm = ConfirmQuote{first_purchase,
                                       first_quote,
                                       hong.account,
                                       recipient(hong),
                                       {{tea.product, tea.unit_price, 1}},
                                       after_minutes(15),
                                       after_minutes(1)};
  shop.hold_a_turn();
  shop.submit("first", confirm);
  shop.submit("second", confirm, key(1));
  shop.log.open();
  const EventId first = result<Recorded>(shop.answers.of("first")).event;
  // Its key is remembered with the second event, which tells of the first.
  CHECK(result<Repeated>(shop.answers.of("second")).event ==
        EventId{first.position, first.index + 1});
  shop.submit("third", confirm);
  CHECK(result<Repeated>(shop.answers.of("third")).event == first);
}

TEST_CASE("keys are remembered across a restart") {
  Shopkeeper shop;
  shop.start();
  shop.submit("first", buy(keyboard, 1), key(1));
  const EventId first = result<Recorded>(shop.answers.of("first")).event;
  shop.writer().stop();
  shop.start();
  shop.submit("again", buy(keyboard, 1), key(1));
  CHECK(result<Repeated>(shop.answers.of("again")).event == first);
}

TEST_CASE("keys are forgotten by the time of commits, as a replay will forget them") {
  Shopkeeper shop;
  std::atomic<std::int64_t> clock{opening.ms};
  shop.sources_.now = [&clock] { return Timestamp{clock.load()}; };
  shop.start();
  shop.submit("first", buy(keyboard, 1), key(1));
  const EventId first = result<Recorded>(shop.answers.of("first")).event;
  clock = opening.ms + CommandKeys::longest_ms;
  shop.hold_a_turn();
  clock = opening.ms + CommandKeys::longest_ms + 1;  // while the commit is on its way
  shop.log.open();
  shop.answers.of("held");
  shop.submit("again", buy(keyboard, 1), key(1));
  CHECK(result<Repeated>(shop.answers.of("again")).event == first);
  shop.submit("forgotten by this one", buy(keyboard, 2));
  shop.answers.of("forgotten by this one");
  shop.submit("new", buy(keyboard, 3), key(1));
  result<Recorded>(shop.answers.of("new"));
}

TEST_CASE("a command whose key cannot be remembered is not carried out") {
  Writer::Options options;
  options.machine.idempotency_keys = 2;
  Shopkeeper shop(options);
  std::atomic<std::int64_t> clock{opening.ms};
  shop.sources_.now = [&clock] { return Timestamp{clock.load()}; };
  shop.start();
  shop.submit("first", buy(keyboard, 1), key(1));
  const EventId first = result<Recorded>(shop.answers.of("first")).event;
  shop.submit("second", buy(keyboard, 2), key(2));
  result<Recorded>(shop.answers.of("second"));
  CHECK(shop.writer().status().keys == 2);
  const Position before = shop.real.last();
  shop.submit("third", buy(keyboard, 3), key(3));
  CHECK(not_decided(shop.answers.of("third")) == NotDecided::keys_full);
  CHECK(shop.real.last() == before);

  // What needs no room goes on: commands without a key, refusals, repeats.
  shop.submit("without", buy(keyboard, 4));
  result<Recorded>(shop.answers.of("without"));
  shop.submit("refused", unknown_account, key(4));
  refused<refusal::AccountNotFound>(shop.answers.of("refused"));
  shop.submit("again", buy(keyboard, 1), key(1));
  CHECK(result<Repeated>(shop.answers.of("again")).event == first);

  // The key is not in flight, and is taken as soon as there is room.
  clock = opening.ms + CommandKeys::shortest_ms + 1;
  shop.submit("third again", buy(keyboard, 3), key(3));
  result<Recorded>(shop.answers.of("third again"));
  CHECK(shop.writer().status().keys == 2);
  CHECK(shop.writer().status().key_window_ms < CommandKeys::longest_ms);

  // After a restart it is as it was.
  shop.start();
  CHECK(shop.writer().status().keys == 2);
  shop.submit("third once more", buy(keyboard, 3), key(3));
  result<Repeated>(shop.answers.of("third once more"));
}

// --- Measures ------------------------------------------------------------------------------------

TEST_CASE("outcomes, commits and their times are counted") {
  Shopkeeper shop;
  shop.start();
  const std::size_t buys = Command(BuyNow{}).index();
  const std::size_t closes = unknown_account.index();
  const auto in_all = [](const Histogram& histogram) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) count += histogram.count(i);
    return count;
  };
  shop.submit("one", buy(keyboard, 1), key(1));
  shop.answers.of("one");
  shop.submit("again", buy(keyboard, 1), key(1));
  shop.answers.of("again");
  shop.submit("unknown", unknown_account);
  shop.answers.of("unknown");
  shop.hold_a_turn();
  shop.submit("two", buy(keyboard, 2), key(2));
  shop.submit("in flight", buy(keyboard, 2), key(2));
  CHECK(not_decided(shop.answers.of("in flight")) == NotDecided::key_in_flight);
  shop.submit("three", buy(keyboard, 3));
  shop.log.open();
  shop.answers.wait_for_all();

  const Writer::Measures& measures = shop.writer().measures();
  CHECK(measures.commands[buys].recorded.value() == 4);
  CHECK(measures.commands[buys].repeated.value() == 1);
  CHECK(measures.commands[buys]
            .not_decided[static_cast<std::size_t>(NotDecided::key_in_flight)]
            .value() == 1);
  CHECK(in_all(measures.commands[buys].duration) == 5);  // not the one at the door
  const Refusal not_found = refusal::AccountNotFound{};
  CHECK(measures.commands[closes].refused[not_found.index()].value() == 1);
  CHECK(measures.commands[closes].recorded.value() == 0);
  CHECK(in_all(measures.commit_events) == 3);
  CHECK(measures.commit_events.sum() == 4);
  CHECK(in_all(measures.append_duration) == 3);
  CHECK(measures.commit_bytes.sum() > 4 * 50);
}

TEST_CASE("what a projection has not reached yet is told in events") {
  Shopkeeper shop;  // three events at position 1
  append(shop.real, {AccountOpened{alice}}, after_minutes(1));
  shop.start();
  shop.submit("buy", buy(keyboard, 1));
  shop.answers.of("buy");
  const auto events_after = [&](std::uint64_t position) {
    return shop.writer().after({position}).events;
  };
  wait_until("the commit to be noted", [&] { return events_after(0) == 5; });
  CHECK(events_after(1) == 2);
  CHECK(events_after(2) == 1);
  CHECK(events_after(3) == 1);  // that is the claim
  CHECK(events_after(4) == 0);
  CHECK(events_after(99) == 0);
  CHECK(shop.writer().after({0}).oldest == opening);
  CHECK(shop.writer().after({1}).oldest == after_minutes(1));
}

// --- Lost acknowledgements -----------------------------------------------------------------------

TEST_CASE("an append without an answer is sent again until the log tells") {
  Shopkeeper shop;
  shop.start();
  const auto faults = GENERATE(as<std::vector<Fault>>{}, std::vector{Fault::lost_append},
                               std::vector{Fault::lost_ack}, std::vector{Fault::late},
                               std::vector{Fault::lost_append, Fault::lost_append, Fault::lost_ack},
                               std::vector{Fault::lost_append, Fault::late});
  shop.log.script(faults);
  shop.submit("buy", buy(keyboard, 1));
  const Outcome outcome = shop.answers.of("buy");
  CHECK(result<Recorded>(outcome).event == EventId{{3}, 0});
  CHECK(shop.real.last() == Position{3});
  CHECK(shop.log.appends() == faults.size() + 2);
  const auto status = shop.writer().status();
  CHECK(status.resends == faults.size());
  CHECK(status.conflicts == 0);
  CHECK(status.state == State::active);
  // The shop has it once.
  shop.submit("rest", buy(keyboard, 2, keyboard.stock));
  CHECK(refused<refusal::InsufficientStock>(shop.answers.of("rest")).available ==
        keyboard.stock - 1);
}

TEST_CASE("while nobody can tell who is at the next position, nobody is told anything") {
  Shopkeeper shop;
  shop.start();
  shop.log.hold();
  shop.submit("buy", buy(keyboard, 1));
  shop.log.wait_for_held();
  shop.log.script({Fault::lost_ack});
  shop.log.fail_reads(true);
  shop.log.let_one_through();
  shop.log.wait_for_held();    // the same again, after the lost acknowledgement
  shop.log.let_one_through();  // it is refused, but by whose commit cannot be read
  shop.wait_for([](const Writer::Status& status) { return status.why == "reads fail"; });
  CHECK_FALSE(shop.answers.has("buy"));
  CHECK(shop.writer().status().state == State::log_away);
  shop.log.fail_reads(false);
  shop.log.open();
  CHECK(result<Recorded>(shop.answers.of("buy")).event == EventId{{3}, 0});
  CHECK(shop.real.last() == Position{3});
  CHECK(shop.writer().status().state == State::active);
}

TEST_CASE("what is sent again is the very same") {
  Shopkeeper shop;
  shop.start();
  shop.hold_a_turn();
  const std::string first = shop.log.wait_for_held();
  shop.submit("next", buy(keyboard, 1));
  shop.log.script({Fault::lost_append});
  shop.log.let_one_through();
  CHECK(shop.log.wait_for_held() == first);
  shop.log.open();
  CHECK(result<Recorded>(shop.answers.of("held")).event == EventId{{3}, 0});
  CHECK(result<Recorded>(shop.answers.of("next")).event == EventId{{4}, 0});
}

// --- Conflicts -----------------------------------------------------------------------------------

TEST_CASE("a writer steps down when another was there first") {
  Shopkeeper shop;
  const auto fault = GENERATE(Fault::rival, Fault::lost_rival);
  ProductState sold_out = tea;
  sold_out.stock = 0;
  shop.rival_event = StockChanged{sold_out, -tea.stock, "파손"};
  shop.start();
  shop.log.script({fault});
  shop.submit("tea", buy(tea, 1), key(1));
  CHECK(not_decided(shop.answers.of("tea")) == NotDecided::not_ready);
  shop.wait_until_active();
  CHECK(shop.writer().standing().term == Position{4});
  shop.submit("tea again", buy(tea, 1), key(1));
  const Outcome outcome = shop.answers.of("tea again");
  CHECK(refused<refusal::InsufficientStock>(outcome).available == 0);
  CHECK(outcome.position == Position{4});
  shop.submit("keyboard", buy(keyboard, 2));
  CHECK(result<Recorded>(shop.answers.of("keyboard")).event == EventId{{5}, 0});
  CHECK(shop.writer().status().conflicts == 1);
  CHECK(count_purchases(shop.real) == 1);
}

TEST_CASE("what others append is found while there is nothing to do") {
  Shopkeeper shop({.machine = {.idle_check = 1ms}});
  shop.start();
  append(shop.real, {AccountOpened{alice}});
  shop.wait_for([](const Writer::Status& status) {
    return status.state == State::active && status.position == Position{4};
  });
  shop.submit("close", CloseAccount{alice.account, opening});
  CHECK(result<Recorded>(shop.answers.of("close")).event == EventId{{5}, 0});
}

TEST_CASE("a refusal is not told when the log has moved on meanwhile") {
  Shopkeeper shop({.machine = {.idle_check = 1h}});
  shop.start();
  append(shop.real, {AccountOpened{alice}});
  shop.submit("close", CloseAccount{alice.account, opening});  // not there, as far as it knows
  CHECK(not_decided(shop.answers.of("close")) == NotDecided::not_ready);
  shop.wait_until_active();
  shop.submit("again", CloseAccount{alice.account, opening});
  result<Recorded>(shop.answers.of("again"));
}

TEST_CASE("a refusal that cannot be confirmed is not told") {
  Shopkeeper shop({.deadline = 2s});
  shop.start();
  shop.log.fail_reads(true);
  shop.submit("close", unknown_account);
  CHECK(not_decided(shop.answers.of("close")) == NotDecided::not_ready);
}

// --- Deadlines -----------------------------------------------------------------------------------

TEST_CASE("at its deadline a command that was sent is unknown, and one that was not is not done") {
  Shopkeeper shop({.deadline = 2s});
  shop.start();
  shop.log.always(Fault::lost_append);
  shop.log.hold();
  shop.submit("sent", buy(keyboard, 1), key(1));
  shop.log.wait_for_held();
  shop.submit("queued", buy(keyboard, 2), key(2));
  shop.log.open();
  CHECK(not_decided(shop.answers.of("sent")) == NotDecided::outcome_unknown);
  CHECK(not_decided(shop.answers.of("queued")) == NotDecided::overloaded);

  // Whoever asks again by the same key is not told anything wrong either.
  shop.submit("sent again", buy(keyboard, 1), key(1));
  CHECK(not_decided(shop.answers.of("sent again")) == NotDecided::key_in_flight);
  shop.log.always(Fault::none);
  shop.wait_for([](const Writer::Status& status) { return status.position == Position{3}; });
  shop.submit("at last", buy(keyboard, 1), key(1));
  CHECK(result<Repeated>(shop.answers.of("at last")).event == EventId{{3}, 0});
  shop.submit("the queued one", buy(keyboard, 2), key(2));
  result<Recorded>(shop.answers.of("the queued one"));
  CHECK(count_purchases(shop.real) == 2);
  CHECK(shop.answers.each_once());
}

TEST_CASE("what was unknown and then lost to another writer is not done behind the buyer's back") {
  Shopkeeper shop({.deadline = 2s});
  shop.start();
  shop.log.always(Fault::lost_append);
  shop.submit("sent", buy(keyboard, 1), key(1));
  CHECK(not_decided(shop.answers.of("sent")) == NotDecided::outcome_unknown);
  shop.log.script({Fault::rival});  // goes before what is always
  shop.log.always(Fault::none);
  shop.wait_for([](const Writer::Status& status) { return status.conflicts == 1; });
  shop.wait_for([](const Writer::Status& status) { return status.queued == 0; });
  CHECK(count_purchases(shop.real) == 0);
  shop.wait_until_active();
  shop.submit("again", buy(keyboard, 1), key(1));
  result<Recorded>(shop.answers.of("again"));
  CHECK(count_purchases(shop.real) == 1);
  CHECK(shop.answers.each_once());
}

TEST_CASE("who was deposed takes nothing until it is active again") {
  Shopkeeper shop;
  shop.start();
  shop.log.hold();
  shop.submit("sent", buy(keyboard, 1));
  shop.log.wait_for_held();
  shop.submit("queued", buy(keyboard, 2));
  shop.log.script({Fault::rival});
  shop.log.silence_readers(true);
  shop.log.open();
  CHECK(not_decided(shop.answers.of("sent")) == NotDecided::not_ready);
  CHECK(not_decided(shop.answers.of("queued")) == NotDecided::not_ready);
  shop.wait_for([](const Writer::Status& status) { return status.state == State::standby; });
  shop.submit("meanwhile", buy(keyboard, 3));
  CHECK(not_decided(shop.answers.of("meanwhile")) == NotDecided::not_ready);
  shop.log.silence_readers(false);
  shop.wait_until_active();
  CHECK(count_purchases(shop.real) == 0);
}

// --- A log that is away, or not what it was ------------------------------------------------------

TEST_CASE("a log that is away at first is waited for") {
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  log.set_away(true);
  Answers answers;
  Writer writer(log, sources(), {});
  writer.start();
  writer.submit({unknown_account, {}, opening, {}, anyone(), answers.to("early")});
  CHECK(not_decided(answers.of("early")) == NotDecided::not_ready);
  log.set_away(false);
  wait_until("the writer is active", [&] { return writer.status().state == State::active; });
  CHECK(writer.status().position == Position{2});
}

TEST_CASE("a log that goes away after a conflict is said to be away") {
  Shopkeeper shop;
  shop.start();
  shop.log.hold();
  shop.submit("buy", buy(keyboard, 1));
  shop.log.wait_for_held();
  shop.log.script({Fault::rival});
  shop.log.silence_readers(true);
  shop.log.open();
  shop.wait_for([](const Writer::Status& status) { return status.conflicts == 1; });
  shop.log.fail_reads(true);
  shop.wait_for([](const Writer::Status& status) { return status.why == "reads fail"; });
  CHECK(shop.writer().status().state == State::standby);
  shop.log.silence_readers(false);
  shop.log.fail_reads(false);
  shop.wait_until_active();
  CHECK(shop.writer().status().why.empty());
  CHECK(shop.writer().status().position == Position{4});
}

TEST_CASE("a log that goes away while there is nothing to do comes back by itself") {
  Shopkeeper shop({.machine = {.idle_check = 1ms}});
  shop.start();
  shop.real.set_away(true);
  shop.wait_for([](const Writer::Status& status) { return status.state == State::log_away; });
  CHECK_THAT(shop.writer().status().why, ContainsSubstring("away"));
  shop.real.set_away(false);
  shop.wait_for([](const Writer::Status& status) { return status.state == State::active; });
  CHECK(shop.writer().status().why.empty());
  shop.submit("buy", buy(keyboard, 1));
  result<Recorded>(shop.answers.of("buy"));
}

TEST_CASE("a log that lost its tail halts the writer") {
  Shopkeeper shop({.machine = {.idle_check = 1ms}});
  shop.start();
  SECTION("while there is nothing to do") {
    shop.log.truncate(Position{0});
  }
  SECTION("while a commit is on its way: nobody knows what became of that") {
    shop.log.hold();
    shop.submit("buy", buy(keyboard, 1));
    shop.log.wait_for_held();
    shop.log.truncate(Position{0});
    shop.submit("queued", buy(keyboard, 2));
    shop.log.open();
    CHECK(not_decided(shop.answers.of("buy")) == NotDecided::outcome_unknown);
    CHECK(not_decided(shop.answers.of("queued")) == NotDecided::not_ready);
  }
  shop.wait_for([](const Writer::Status& status) { return status.state == State::halted; });
  CHECK_THAT(shop.writer().status().why, ContainsSubstring("tail was lost"));
  shop.log.truncate(std::nullopt);
  shop.submit("after", buy(keyboard, 3));
  CHECK(not_decided(shop.answers.of("after")) == NotDecided::not_ready);
  shop.writer().stop();
  CHECK(shop.writer().status().state == State::halted);
  CHECK(shop.answers.each_once());
}

TEST_CASE("bytes that cannot be read halt the writer") {
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  log.append({1}, {new_commit_id(), "not a commit"}, 1s);
  Writer writer(log, sources(), {});
  writer.start();
  wait_until("the writer halts", [&] { return writer.status().state == State::halted; });
  CHECK_THAT(writer.status().why, ContainsSubstring("2.0"));
}

TEST_CASE("bytes that cannot be read, where it wanted to append, halt the writer") {
  Shopkeeper shop({.machine = {.idle_check = 1ms}});
  shop.start();
  const Origin newer{Author{id<InstanceId>(9), "newer"}, Position{2}, {}};
  shop.real.append({2}, {new_commit_id(), "not a commit", newer}, 1s);
  shop.wait_for([](const Writer::Status& status) { return status.state == State::halted; });
  CHECK_THAT(shop.writer().status().why, ContainsSubstring("3.0"));
}

// --- The end -------------------------------------------------------------------------------------

TEST_CASE("stopping finishes what was taken") {
  Shopkeeper shop;
  shop.start();
  shop.hold_a_turn();
  for (unsigned i = 0; i < 20; ++i) shop.submit(std::to_string(i), buy(keyboard, i));
  std::jthread stopping([&] { shop.writer().stop(); });
  // From the moment the door is closed: whoever comes is told so.
  wait_until("the door is closed", [&, i = 0]() mutable {
    const std::string name = "late " + std::to_string(i++);
    shop.submit(name, unknown_account);
    return shop.answers.has(name) && not_decided(shop.answers.of(name)) == NotDecided::not_ready;
  });
  shop.log.open();
  stopping.join();
  CHECK(shop.answers.each_once());
  for (unsigned i = 0; i < 20; ++i) result<Recorded>(shop.answers.of(std::to_string(i)));
  CHECK(count_purchases(shop.real) == 21);
  CHECK(shop.writer().status().state == State::stopped);
}

TEST_CASE("stopping without a log ends at the deadlines") {
  Shopkeeper shop({.deadline = 2s});
  shop.start();
  shop.log.always(Fault::lost_append);
  shop.log.hold();
  shop.submit("sent", buy(keyboard, 1));
  shop.log.wait_for_held();
  shop.submit("queued", buy(keyboard, 2));
  shop.log.open();
  shop.writer().stop();
  CHECK(shop.answers.each_once());
  CHECK(not_decided(shop.answers.of("sent")) == NotDecided::outcome_unknown);
  CHECK(count_purchases(shop.real) == 0);
}

TEST_CASE("stopping twice, or before the start, is fine") {
  MemoryLog log;
  Writer writer(log, sources(), {});
  writer.stop();
  Writer started(log, sources(), {});
  started.start();
  started.stop();
  started.stop();
  CHECK(started.status().state == State::stopped);
}

// --- Snapshots -----------------------------------------------------------------------------------

namespace {

// Whether the snapshot is what a replay of the log up to its position gives.
bool is_of(EventLog& log, const Snapshot& snapshot) {
  Shop shop;
  SnapshotMark mark;
  for (Position at{1}; at <= snapshot.mark.position; at = at.next()) {
    const auto stored = log.read(at);
    if (!stored) return false;
    const Commit commit = decode(*stored);
    mark = {at, stored->id, std::max(mark.committed_at, commit.committed_at),
            mark.events + commit.events.size()};
    fold(shop, commit, at);
  }
  return mark == snapshot.mark && same(shop, snapshot.shop);
}

// The last snapshot of a shop that sold a keyboard at position 3.
Snapshot taken_from(Shopkeeper& shop) {
  shop.start();
  shop.submit("first", buy(keyboard, 1), key(1));
  shop.answers.of("first");
  shop.writer().stop();
  return shop.snapshots.taken.back();
}

}  // namespace

TEST_CASE("a writer begins with the snapshot, and replays what came after it") {
  Shopkeeper shop;
  Snapshot last = taken_from(shop);
  REQUIRE(last.mark.position == Position{3});
  REQUIRE(is_of(shop.real, last));
  // What the snapshot says and the log does not shows that it was used.
  AccountState marked = hong;
  marked.person.email = "marked@example.com";
  last.shop.accounts.put({marked, std::nullopt, {{1}, 0}});
  last.shop.keep(last.mark.committed_at);
  last.mark.events = 1'000;
  append(shop.real, {ProductListed{[] {
           ProductState other = tea;
           other.product = id<ProductId>(0xbb);
           other.name = "after the snapshot";
           return other;
         }()}});
  shop.snapshots.to_load = last;
  shop.start();
  CHECK(shop.writer().status().position == Position{5});
  CHECK(shop.writer().status().products.rows == 3);
  shop.submit("address", ChangeAddress{hong.account, {"부산", "48094"}});
  const Outcome changed = shop.answers.of("address");
  CHECK(std::get<Account>(result<Recorded>(changed).entity)->state.person.email ==
        "marked@example.com");
  shop.submit("again", buy(keyboard, 1), key(1));
  CHECK(result<Repeated>(shop.answers.of("again")).event == EventId{{3}, 0});
  // Of what was there before the snapshot only the sum is known.
  CHECK(shop.writer().after({5}).events == 1);
  CHECK(shop.writer().after({4}).events == 1);
  CHECK(shop.writer().after({3}).events == 2);
  CHECK(shop.writer().after({1}).events == 669);
  CHECK(shop.writer().after({1}).oldest == last.mark.committed_at);
  shop.writer().stop();
  CHECK(shop.snapshots.taken.back().mark.position == Position{6});
  CHECK(shop.snapshots.taken.back().mark.events == 1'002);
}

TEST_CASE("a writer halts rather than begin with a snapshot that the log contradicts") {
  Shopkeeper shop;
  Snapshot last = taken_from(shop);
  const auto check_halts = [&](const char* why) {
    shop.snapshots.to_load = last;
    shop.snapshots.taken.clear();
    Writer writer(shop.log, sources(), {}, &shop.snapshots);
    writer.start();
    wait_until("it to halt", [&] { return writer.status().state == State::halted; });
    CHECK_THAT(writer.status().why, ContainsSubstring(why));
    writer.stop();
    CHECK(shop.snapshots.taken.empty());
  };
  SECTION("another commit is there") {
    last.mark.commit = id<CommitId>(0xffff);
    check_halts("another commit");
  }
  SECTION("the log ends before it") {
    last.mark.position = {9};
    check_halts("the log's end was lost");
  }
}

// --- All of it together --------------------------------------------------------------------------

TEST_CASE("whatever the log does, what is acknowledged is in it exactly once") {
  property("every answer once, and true", [] {
    Shopkeeper shop;
    shop.rival_event = AccountDetailsChanged{hong};
    const auto faults = *rc::gen::resize(4, rc::gen::container<std::vector<Fault>>(rc::gen::element(
                                                Fault::lost_append, Fault::lost_ack, Fault::late,
                                                Fault::rival, Fault::lost_rival, Fault::none)));
    const auto commands = *rc::gen::inRange(1u, 12u);
    const auto gathers = *rc::gen::arbitrary<bool>();
    shop.start();
    shop.log.script(faults);
    if (gathers) shop.log.hold();
    for (unsigned i = 0; i < commands; ++i)
      shop.submit(std::to_string(i), buy(*rc::gen::element(keyboard, tea), i), key(i));
    shop.log.open();
    shop.answers.wait_for_all();
    shop.writer().stop();

    RC_ASSERT(shop.answers.each_once());
    std::map<PurchaseId, std::vector<EventId>> in_log;
    const auto commits = commits_in(shop.real);
    for (std::uint64_t i = 0; i < commits.size(); ++i)
      for (std::uint32_t j = 0; j < commits[i].events.size(); ++j)
        if (const auto* purchase = std::get_if<PurchaseCompleted>(&commits[i].events[j].event))
          in_log[purchase->purchase].push_back({{i + 1}, j});
    std::size_t acknowledged = 0;
    for (const auto& [name, outcome] : shop.answers.all()) {
      const auto& there = in_log[id<PurchaseId>(static_cast<unsigned>(std::stoul(name)))];
      if (const auto* done = std::get_if<Recorded>(&outcome.result)) {
        ++acknowledged;
        RC_ASSERT(there == std::vector{done->event});
        RC_ASSERT(done->event.position == outcome.position);
      } else {
        const auto* why = std::get_if<NotDecided>(&outcome.result);
        RC_ASSERT(std::holds_alternative<Refusal>(outcome.result) ||
                  (why && *why == NotDecided::not_ready));
        RC_ASSERT(there.empty());
      }
    }
    RC_ASSERT(acknowledged == count_purchases(shop.real));

    // Nor was there ever a snapshot of anything but the log up to some position.
    RC_ASSERT(!shop.snapshots.taken.empty());
    for (const Snapshot& taken : shop.snapshots.taken) RC_ASSERT(is_of(shop.real, taken));
  });
}

}  // namespace jangbu::test
