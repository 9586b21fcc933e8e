// The contract of EventLog: what the writer and the readers rely on, for every log alike.

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <future>
#include <map>
#include <thread>

#ifdef JANGBU_REPLICATED
#include "tests/replicas/replicated_log.hpp"
#define LOGS ReplicatedUnderTest
#else
#include "tests/contract/logs.hpp"
#define LOGS MemoryUnderTest, JetStreamUnderTest
#endif

namespace jangbu::test {
namespace {

bool is_appended_at(const AppendResult& result, std::uint64_t position) {
  const auto* appended = std::get_if<Appended>(&result);
  return appended && appended->position == Position{position};
}
bool is_refused(const AppendResult& result) {
  return std::holds_alternative<WrongSequence>(result);
}
bool is_unanswered(const AppendResult& result) {
  return std::holds_alternative<NoAnswer>(result);
}

// All byte values, zero among them.
std::string every_byte(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + i / 256);
  return bytes;
}

TEMPLATE_TEST_CASE("commits are stored one after the other", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();
  CHECK(log.last() == Position{0});

  CHECK(is_appended_at(log.append({0}, {commit_id(1), "first"}, 10s), 1));
  CHECK(is_appended_at(log.append({1}, {commit_id(2), "second"}, 10s), 2));
  CHECK(log.last() == Position{2});

  const auto first = log.read({1});
  REQUIRE(first);
  CHECK(first->position == Position{1});
  CHECK(first->id == commit_id(1));
  CHECK(first->format == commit_format);
  CHECK(first->payload == "first");
  const auto second = log.read({2});
  REQUIRE(second);
  CHECK(second->id == commit_id(2));
  CHECK(second->payload == "second");
}

TEMPLATE_TEST_CASE("an append that expects another end is refused", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();

  CHECK(is_refused(log.append({1}, {commit_id(1), "too high, on an empty log"}, 10s)));
  REQUIRE(is_appended_at(log.append({0}, {commit_id(2), "first"}, 10s), 1));
  CHECK(is_refused(log.append({0}, {commit_id(3), "too low: zero is checked as well"}, 10s)));
  REQUIRE(is_appended_at(log.append({1}, {commit_id(4), "second"}, 10s), 2));
  CHECK(is_refused(log.append({1}, {commit_id(5), "too low"}, 10s)));
  CHECK(is_refused(log.append({3}, {commit_id(6), "too high"}, 10s)));

  CHECK(log.last() == Position{2});
  CHECK(log.read({1})->id == commit_id(2));
  CHECK(log.read({2})->id == commit_id(4));
}

TEMPLATE_TEST_CASE("of two writers at one place one is refused, and finds the other's commit",
                   "[contract]", LOGS) {
  TestType test;
  REQUIRE(is_appended_at(test.log().append({0}, {commit_id(1), "mine"}, 10s), 1));
  CHECK(is_refused(test.other().append({0}, {commit_id(2), "theirs"}, 10s)));
  CHECK(test.other().read({1})->id == commit_id(1));
  REQUIRE(is_appended_at(test.other().append({1}, {commit_id(2), "theirs"}, 10s), 2));
  CHECK(is_refused(test.log().append({1}, {commit_id(3), "mine again"}, 10s)));
  CHECK(test.log().read({2})->id == commit_id(2));
}

TEMPLATE_TEST_CASE("writers that race never share a place", "[contract]", LOGS) {
  TestType test;
  constexpr unsigned commits_each = 60;
  const auto race = [](EventLog& log, unsigned first_id) {
    std::map<std::uint64_t, CommitId> acknowledged;
    Position last = log.last();
    for (unsigned i = 0; i < commits_each;) {
      const CommitId id = commit_id(first_id + i);
      if (const auto result = log.append(last, {id, "x"}, 10s); is_refused(result)) {
        last = log.last();
      } else {
        last = std::get<Appended>(result).position;
        acknowledged[last.value] = id;
        ++i;
      }
    }
    return acknowledged;
  };
  auto theirs = std::async(std::launch::async, [&] { return race(test.other(), 1'000); });
  auto acknowledged = race(test.log(), 2'000);
  acknowledged.merge(theirs.get());

  REQUIRE(acknowledged.size() == 2 * commits_each);
  const auto reader = test.log().read_from({1});
  for (const auto& commit : read_commits(*reader, 2 * commits_each))
    CHECK(acknowledged.at(commit.position.value) == commit.id);
  CHECK(test.log().last() == Position{2 * commits_each});
}

TEMPLATE_TEST_CASE("a commit whose acknowledgement is lost is stored once", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();
  REQUIRE(is_appended_at(log.append({0}, {commit_id(1), "before"}, 10s), 1));

  CHECK(is_unanswered(test.append_losing_ack({1}, commit_id(2), "lost ack")));
  const auto again = append_surely(log, {1}, commit_id(2), "lost ack");
  // Either a late acknowledgement was heard, or the place is taken: by this commit.
  CHECK((is_appended_at(again, 2) || is_refused(again)));
  CHECK(log.read({2})->id == commit_id(2));
  CHECK(log.last() == Position{2});
  CHECK(is_appended_at(append_surely(log, {2}, commit_id(3), "after"), 3));
}

TEMPLATE_TEST_CASE("beyond the end there is nothing", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();
  CHECK_FALSE(log.read({0}));
  CHECK_FALSE(log.read({1}));
  CHECK(log.read_from({1})->next(10, 50ms).empty());
  append_next(log, commit_id(1), "only");
  CHECK_FALSE(log.read({0}));
  CHECK_FALSE(log.read({2}));
  CHECK_FALSE(log.read({1'000'000}));
}

TEMPLATE_TEST_CASE("a reader starts anywhere, and ends at the end", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();
  for (unsigned i = 1; i <= 10; ++i) append_next(log, commit_id(i), std::to_string(i));

  for (const unsigned from : {0u, 1u, 4u, 10u}) {
    const unsigned first = std::max(from, 1u);
    const auto reader = log.read_from({from});
    const auto commits = read_commits(*reader, 11 - first, 3);
    REQUIRE(commits.size() == 11 - first);
    for (unsigned i = 0; i < commits.size(); ++i) {
      CHECK(commits[i].position == Position{first + i});
      CHECK(commits[i].id == commit_id(first + i));
      CHECK(commits[i].payload == std::to_string(first + i));
    }
    CHECK(reader->next(10, 50ms).empty());
  }
}

TEMPLATE_TEST_CASE("a reader gives no more than it is asked for", "[contract]", LOGS) {
  TestType test;
  for (unsigned i = 1; i <= 10; ++i) append_next(test.log(), commit_id(i), "x");
  const auto reader = test.log().read_from({1});
  std::size_t read = 0;
  while (read < 10) {
    const auto commits = reader->next(4, 10s);
    REQUIRE(!commits.empty());
    CHECK(commits.size() <= 4);
    read += commits.size();
  }
}

TEMPLATE_TEST_CASE("a reader from beyond the end waits for its commit", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();
  append_next(log, commit_id(1), "x");
  const auto reader = log.read_from({4});
  CHECK(reader->next(10, 50ms).empty());
  for (unsigned i = 2; i <= 6; ++i) append_next(log, commit_id(i), "x");
  const auto commits = read_commits(*reader, 3);
  REQUIRE(commits.size() == 3);
  CHECK(commits.front().position == Position{4});
  CHECK(commits.back().position == Position{6});
}

TEMPLATE_TEST_CASE("a reader that waits is told of a commit as it comes", "[contract]", LOGS) {
  TestType test;
  const auto reader = test.log().read_from({1});
  for (unsigned i = 1; i <= 20; ++i) {
    auto waiting = std::async(std::launch::async, [&] { return reader->next(10, 30s); });
    append_next(test.other(), commit_id(i), "x");
    const auto commits = waiting.get();
    REQUIRE(commits.size() == 1);
    CHECK(commits.front().id == commit_id(i));
  }
}

TEMPLATE_TEST_CASE("large commits are kept byte by byte, and outlive their reader", "[contract]",
                   LOGS) {
  TestType test;
  const std::string large = every_byte(250 * 1024);
  for (unsigned i = 1; i <= 40; ++i) append_next(test.log(), commit_id(i), large);
  CHECK(test.log().read({40})->payload == large);

  auto reader = test.log().read_from({1});
  const auto commits = read_commits(*reader, 40);
  reader.reset();
  REQUIRE(commits.size() == 40);
  for (const auto& commit : commits) CHECK(commit.payload == large);
}

TEMPLATE_TEST_CASE("an empty commit is a commit", "[contract]", LOGS) {
  TestType test;
  append_next(test.log(), commit_id(1), "");
  CHECK(test.log().read({1})->payload.empty());
  const auto reader = test.log().read_from({1});
  CHECK(read_commits(*reader, 1).front().id == commit_id(1));
}

TEMPLATE_TEST_CASE("many commits are read in order and without a gap", "[contract]", LOGS) {
  TestType test;
  constexpr unsigned count = 3'000;
  Position last;
  for (unsigned i = 1; i <= count; ++i)
    last = std::get<Appended>(test.log().append(last, {commit_id(i), "commit"}, 10s)).position;
  const auto reader = test.log().read_from({1});
  const auto commits = read_commits(*reader, count, 70);
  REQUIRE(commits.size() == count);
  for (unsigned i = 0; i < count; ++i) {
    REQUIRE(commits[i].position == Position{i + 1});
    REQUIRE(commits[i].id == commit_id(i + 1));
  }
}

TEMPLATE_TEST_CASE("a log that is away says so, and goes on when it is back", "[contract]", LOGS) {
  TestType test;
  EventLog& log = test.log();
  append_next(log, commit_id(1), "before");
  const auto reader = log.read_from({1});
  REQUIRE(read_commits(*reader, 1).size() == 1);

  test.go_away();
  CHECK(is_unanswered(log.append({1}, {commit_id(2), "during"}, 1s)));
  CHECK_THROWS_AS(log.read({1}), Unavailable);
  CHECK_THROWS_AS(log.last(), Unavailable);
  CHECK_THROWS_AS(reader->next(10, 10s), Unavailable);
  CHECK_THROWS_AS(reader->next(10, 10s), Unavailable);

  test.come_back();
  CHECK(is_appended_at(append_surely(log, {1}, commit_id(2), "during"), 2));
  CHECK(is_appended_at(log.append({2}, {commit_id(3), "after"}, 10s), 3));
  const auto commits = read_commits(*reader, 2);
  REQUIRE(commits.size() == 2);
  CHECK(commits.front().id == commit_id(2));
  CHECK(commits.back().id == commit_id(3));
}

}  // namespace
}  // namespace jangbu::test
