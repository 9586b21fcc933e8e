// Commits in which nothing happened: claims of the writer, hand-overs, and void commits.
#include <catch2/catch_test_macros.hpp>

#include "infra/eventlog/memory_log.hpp"
#include "infra/read_ahead.hpp"
#include "projections/views/shop.hpp"
#include "tests/golden/story.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/same_shop.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

using namespace std::chrono_literals;

TEST_CASE("a void commit never happened, whatever its bytes are") {
  const std::string payload = encode_commit({opening, {{{}, AccountOpened{hong}}}});
  StoredCommit commit{{7}, {}, commit_format, payload, nullptr, {.decided_at = Position{6}}};
  CHECK_FALSE(commit.is_void());
  CHECK(decode(commit).events.size() == 1);
  CHECK(list_events(commit).size() == 1);
  for (const std::uint64_t elsewhere : {0, 5, 7, 8}) {
    commit.origin.decided_at = Position{elsewhere};
    CHECK(commit.is_void());
    CHECK(decode(commit) == Commit{});
    CHECK(list_events(commit).empty());
  }
  commit.payload = "no commit";
  commit.format = commit_format + 1;
  CHECK(decode(commit) == Commit{});
  CHECK(list_events(commit).empty());
}

TEST_CASE("an author is read as it is written") {
  CHECK(parse_author(to_string(seoul)) == seoul);
  CHECK(parse_author(to_string(busan)) == busan);
  const std::string id = to_string(seoul.id);
  for (const std::string& wrong : {std::string(), id, id + " ", id + "  seoul", "seoul " + id,
                                   " " + id + " seoul", id + " se/oul"})
    CHECK_FALSE(parse_author(wrong));
}

TEST_CASE("a shop is the same with claims and void commits in its log") {
  MemoryLog log;
  const auto story = golden_story();
  const auto positions = append_among_claims(log, story);
  Shop expected;
  for (std::size_t i = 0; i < story.size(); ++i) fold(expected, story[i], positions[i]);
  REQUIRE(expected.keys.size() > 0);
  Shop shop;
  ReadAhead reader(log, {}, log.last());
  for (Position at; at < log.last();)
    for (DecodedCommit& read : reader.next(10s)) {
      fold(shop, read.commit, read.position);
      at = read.position;
    }
  CHECK(same(shop, expected));
}

}  // namespace jangbu::test
