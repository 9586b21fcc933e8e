// What the writer's state machine tells of who is active. Time is what the test says.
#include "commands/writer_machine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <optional>
#include <string>
#include <variant>

#include "tests/support/claims.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using State = WriterMachine::State;

const Timestamp wall = after_minutes(1);

// A machine on a log that has nothing but what it appends.
struct Instance {
  explicit Instance(unsigned number, bool never_claim = false)
      : machine({.now = [] { return wall; },
                 .new_commit_id = [] { return id<CommitId>(7); },
                 .any_number = [] { return 0u; }},
                {.self = {id<InstanceId>(number), "shop-" + std::to_string(number)},
                 .agreement = "the same",
                 .never_claim = never_claim}) {}

  template <class Task>
  Task wanted() {
    machine.tick(now);
    const auto task = machine.take_task();
    REQUIRE(task);
    REQUIRE(std::holds_alternative<Task>(*task));
    return std::get<Task>(*task);
  }

  void find_end(unsigned replicas = 1) {
    wanted<EndTask>();
    machine.done(now, LogEnd{machine.position(), replicas});
    machine.tick(now);
  }

  void hear_nobody() {
    for (int times = 0; times < 2; ++times) {
      machine.heard_nobody(now);
      now += 100ms;
    }
  }

  void become_active() {
    find_end();
    hear_nobody();
    find_end();
    wanted<AppendTask>();
    machine.done(now, Appended{machine.position().next()});
    machine.tick(now);
    REQUIRE(machine.is_active());
  }

  // An empty commit: a claim, or a confirmation.
  void follow(const Author& author, Position position) {
    DecodedCommit commit{position,
                         id<CommitId>(static_cast<unsigned>(position.value)),
                         Commit{wall, {}},
                         {.author = author, .decided_at = Position{position.value - 1}}};
    machine.followed(now, {&commit, 1});
    machine.tick(now);
  }

  // Finds another's claim where it wanted to append, and folds it.
  void be_deposed_by(const Author& other) {
    const Position claim = machine.position().next();
    now += 1s;
    wanted<EndTask>();
    machine.done(now, LogEnd{claim});
    machine.take_task();
    machine.done(now, StoredCommit{.position = claim,
                                   .id = id<CommitId>(static_cast<unsigned>(claim.value)),
                                   .payload = {},
                                   .owner = {},
                                   .origin = {.author = other}});
    wanted<EndTask>();
    machine.done(now, LogEnd{claim});
    follow(other, claim);
    REQUIRE_FALSE(machine.is_active());
  }

  // Hears nothing from anybody, and takes over. How long that took.
  WriterMachine::Clock::duration take_over_from_silence() {
    const auto began = now;
    for (; now < began + 60s; now += 50ms) {
      machine.tick(now);
      const auto task = machine.take_task();
      if (!task) continue;
      if (std::holds_alternative<EndTask>(*task)) {
        machine.done(now, LogEnd{machine.position()});
        continue;
      }
      machine.done(now, Appended{machine.position().next()});
      break;
    }
    REQUIRE(machine.is_active());
    return now - began;
  }

  // Somebody closes an account that does not exist.
  void take_what_is_refused() {
    std::deque<WaitingCommand> commands;
    commands.push_back({{.command = CloseAccount{hong.account, wall},
                         .conditions = {},
                         .at = wall,
                         .correlation = {},
                         .asker = anyone(),
                         .answer = [](const Outcome&) {}},
                        now + 60s});
    machine.take(std::move(commands));
  }

  // What the active instance is told by this one, as if it had caught up.
  StandbyTells tells(bool eligible) const {
    return {{id<InstanceId>(2), "shop-2"}, {}, machine.position(), eligible};
  }

  WriterMachine machine;
  WriterMachine::Time now{};
};

}  // namespace

TEST_CASE("since when an instance is active is known to whoever hears of it") {
  Instance one(1), two(2);
  one.become_active();
  const Standing active = one.machine.standing();
  CHECK(active.active);
  CHECK(active.since == wall);
  CHECK(one.machine.status().is_candidate);
  const auto answer = one.machine.asked(one.now, one.tells(true));
  REQUIRE(answer);
  two.find_end();
  two.machine.heard(two.now, *answer);
  const Standing known = two.machine.standing();
  CHECK_FALSE(known.active);
  CHECK(known.name == "shop-1");
  CHECK(known.term == active.term);
  CHECK(known.since == wall);
  CHECK(two.machine.status().is_candidate);
}

TEST_CASE("an instance that would not take over says so, and why") {
  Instance one(1), never(2, true), other(3);
  one.become_active();
  auto answer = one.machine.asked(one.now, one.tells(true)).value();
  never.find_end();
  never.machine.heard(never.now, answer);
  CHECK_FALSE(never.machine.status().is_candidate);
  CHECK_THAT(never.machine.status().why, ContainsSubstring("--never-claim"));
  other.find_end();
  answer.agreement = "another";
  other.machine.heard(other.now, answer);
  CHECK_FALSE(other.machine.status().is_candidate);
  CHECK_THAT(other.machine.status().why, ContainsSubstring("--idempotency-keys"));
}

TEST_CASE("who halts no longer says that it is active") {
  Instance one(1);
  one.become_active();
  one.now += 10s;
  one.wanted<EndTask>();
  one.machine.done(one.now, LogCorrupt{"damaged"});
  CHECK(one.machine.status().state == State::halted);
  CHECK(one.machine.standing() == Standing{});
  CHECK_FALSE(one.machine.status().is_candidate);
}

TEST_CASE("a hand-over that the log does not answer is given up, and may yet succeed") {
  Instance one(1);
  one.become_active();
  REQUIRE(one.machine.asked(one.now, one.tells(true)));
  std::optional<WriterMachine::HandOver> how;
  one.machine.hand_over(one.now, [&](const WriterMachine::HandOver& done) { how = done; });
  CHECK(one.wanted<AppendTask>().origin.successor == id<InstanceId>(2));
  CHECK_FALSE(how);
  one.now += 5s;
  one.machine.tick(one.now);
  REQUIRE(how);
  CHECK_THAT(std::get<WriterMachine::NotHandedOver>(*how).why,
             ContainsSubstring("does not answer"));
  one.machine.done(one.now, Appended{one.machine.position().next()});
  CHECK_FALSE(one.machine.is_active());
}

TEST_CASE("a standby that reads on while the log's end is asked for does not take it for lost") {
  Instance standby(1);
  standby.wanted<EndTask>();
  standby.follow(busan, {1});
  standby.machine.done(standby.now, LogEnd{{0}});  // so it was when it was asked
  CHECK(standby.machine.status().state == State::replaying);
  CHECK(standby.machine.position() == Position{1});
}

TEST_CASE("a log that lacks what was there when its end was asked for has lost its tail") {
  Instance standby(1);
  standby.follow(busan, {1});
  standby.wanted<EndTask>();
  standby.machine.done(standby.now, LogEnd{{0}});
  CHECK(standby.machine.status().state == State::halted);
}

TEST_CASE("a standby that took a confirmation for a claim is told better by whoever is active") {
  Instance standby(1);
  standby.machine.restore(
      {{.position = {36}, .commit = {}, .committed_at = wall, .events = 0}, Shop()});
  standby.follow(busan, {37});
  REQUIRE(standby.machine.standing().term == Position{37});
  const auto tells = [&](const Author& author, Position term) {
    standby.machine.heard(standby.now, {.author = author,
                                        .term = term,
                                        .since = wall,
                                        .position = {37},
                                        .agreement = "the same",
                                        .now = wall});
    return standby.machine.standing();
  };
  CHECK(tells(busan, {28}).term == Position{28});  // since long before the snapshot
  CHECK(tells(seoul, {20}).name == busan.name);    // deposed, and does not know it
}

TEST_CASE("two that cannot hear each other wait longer and longer") {
  Instance one(1);
  one.become_active();
  one.now += 60s;  // long ago
  one.be_deposed_by(busan);
  CHECK(one.take_over_from_silence() < 2500ms);
  one.be_deposed_by(busan);
  CHECK(one.take_over_from_silence() > 3s);  // after three changes
  one.be_deposed_by(busan);
  const auto later = one.take_over_from_silence();
  CHECK(later > 9s);
  CHECK(later < 11s);
}

TEST_CASE("an instance that is about to stop does not take over any more") {
  const bool leaves = GENERATE(true, false);
  Instance one(1);
  one.become_active();
  REQUIRE(one.machine.asked(one.now, one.tells(true)));
  if (leaves) one.machine.leave();
  CHECK(one.machine.takes_commands());  // it may be the only one
  one.machine.hand_over(one.now, [](const WriterMachine::HandOver&) {});
  one.wanted<AppendTask>();
  one.machine.done(one.now, Appended{one.machine.position().next()});
  REQUIRE_FALSE(one.machine.is_active());
  one.now += 1s;
  one.find_end();
  CHECK(one.machine.take_ask().value().eligible == !leaves);
  one.hear_nobody();
  one.machine.tick(one.now);
  CHECK(one.machine.has_task() == !leaves);
  CHECK(one.machine.status().why == (leaves ? "it is stopping" : ""));
}

TEST_CASE("who hears the active instance waits no longer than ever when it dies") {
  Instance one(1);
  one.become_active();
  const auto hear = [&] {
    one.machine.heard(one.now, {.author = busan,
                                .term = one.machine.position(),
                                .since = wall,
                                .position = one.machine.position(),
                                .agreement = "the same",
                                .now = wall});
  };
  for (int stopped = 0; stopped < 4; ++stopped) {
    one.be_deposed_by(busan);
    hear();
    CHECK(one.take_over_from_silence() < 2500ms);
  }
  one.be_deposed_by(busan);
  hear();
  one.hear_nobody();  // it was killed
  one.find_end();
  one.wanted<AppendTask>();
}

TEST_CASE("an old acknowledgement that was seen only now says nothing of a quorum now") {
  Instance one(1);
  one.become_active();
  one.now += 2s;
  one.find_end(3);
  one.take_what_is_refused();
  one.find_end(3);
  CHECK(one.machine.take_answers().size() == 1);
  one.now += 2s;
  one.find_end(3);
  one.take_what_is_refused();
  one.wanted<AppendTask>();  // a confirmation
  one.now += 4s;             // in which the process was stopped, and another may have claimed
  one.machine.done(one.now, Appended{one.machine.position().next()});
  CHECK(one.machine.take_answers().size() == 1);
  one.take_what_is_refused();
  one.wanted<AppendTask>();
}

TEST_CASE("a leader is not believed while a standby is missed") {
  Instance one(1);
  one.become_active();
  one.now += 1s;
  one.find_end(3);
  one.machine.asked(one.now, one.tells(true));
  one.now += 400ms;
  one.take_what_is_refused();
  one.find_end(3);
  CHECK(one.machine.take_answers().size() == 1);
  one.now += 200ms;  // its server may have elected another leader
  one.take_what_is_refused();
  one.wanted<AppendTask>();
  one.machine.done(one.now, Appended{one.machine.position().next()});
  CHECK(one.machine.take_answers().size() == 1);

  // It goes missing while the leader is asked.
  one.machine.asked(one.now, one.tells(true));
  one.take_what_is_refused();
  one.wanted<EndTask>();
  one.now += 600ms;
  one.machine.done(one.now, LogEnd{one.machine.position(), 3});
  CHECK(one.machine.take_answers().empty());
  one.wanted<AppendTask>();
}

TEST_CASE("an old answer says nothing of the clocks, and two in a row do") {
  Instance one(1), two(2);
  one.become_active();
  auto answer = one.machine.asked(one.now, one.tells(true)).value();
  two.find_end();
  answer.now.ms -= 6'000;
  two.machine.heard(two.now, answer);
  CHECK(two.machine.status().is_candidate);
  two.machine.heard(two.now, answer);
  CHECK_THAT(two.machine.status().why, ContainsSubstring("differ by 6 s"));
  answer.now = wall;
  two.machine.heard(two.now, answer);
  CHECK(two.machine.status().is_candidate);
}

TEST_CASE("nobody is their own standby") {
  Instance one(2);
  one.become_active();
  CHECK_FALSE(one.machine.asked(one.now, one.tells(true)));
  std::optional<WriterMachine::HandOver> how;
  one.machine.hand_over(one.now, [&](const WriterMachine::HandOver& done) { how = done; });
  REQUIRE(how);
  CHECK(std::holds_alternative<WriterMachine::NotHandedOver>(*how));
}

TEST_CASE("who loses a race of claims takes over at once when the winner dies") {
  Instance one(1);
  one.find_end();
  one.hear_nobody();
  one.find_end();
  const Position claim = one.wanted<AppendTask>().expected.next();
  one.machine.done(one.now, WrongSequence{});
  one.wanted<ReadTask>();
  one.machine.done(one.now, StoredCommit{.position = claim,
                                         .id = id<CommitId>(8),
                                         .payload = {},
                                         .owner = {},
                                         .origin = {.author = busan}});
  one.wanted<EndTask>();
  one.machine.done(one.now, LogEnd{claim});
  one.follow(busan, claim);
  one.hear_nobody();
  one.find_end();
  one.wanted<AppendTask>();
}

}  // namespace jangbu::test
