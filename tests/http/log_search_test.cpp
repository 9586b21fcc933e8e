// Searches over a log in memory: what one answer may cost, and what it says when the log is away.
#include "api/log_search.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>

#include "infra/eventlog/memory_log.hpp"
#include "tests/support/samples.hpp"

using namespace jangbu;
using namespace jangbu::test;
using namespace std::chrono_literals;

namespace {

void append(MemoryLog& log, Event event) {
  const Position end = log.last();
  CommitId id{};
  for (std::size_t byte = 0; byte < 8; ++byte)
    id.bytes[byte] = static_cast<std::uint8_t>(end.value >> (8 * byte));
  const Commit commit{opening, {{{}, std::move(event)}}};
  REQUIRE(std::holds_alternative<Appended>(log.append(end, id, encode_commit(commit), 1s)));
}

LogSearch::Result find(LogSearch& search, LogSearch::Query query) {
  std::promise<LogSearch::Result> result;
  auto answer = result.get_future();
  search.find(std::move(query),
              [&](LogSearch::Result found) { result.set_value(std::move(found)); });
  REQUIRE(answer.wait_for(30s) == std::future_status::ready);
  return answer.get();
}

}  // namespace

TEST_CASE("A search that finds little looks at so many commits, and says where to go on") {
  MemoryLog log;
  for (std::size_t i = 0; i < LogSearch::most_commits; ++i)
    append(log, bought(id<PurchaseId>(1), hong, {line(tea, 1)}));
  append(log, ReceiptConfirmed{id<PurchaseId>(1), {}, opening});
  LogSearch search(log);

  auto found =
      std::get<LogSearch::Found>(find(search, {.filter = {.types = {"ReceiptConfirmed"}}}));
  CHECK(found.events.empty());
  REQUIRE(found.next == EventId{{LogSearch::most_commits + 1}, 0});
  CHECK(found.log_end == Position{LogSearch::most_commits + 1});

  found = std::get<LogSearch::Found>(
      find(search, {.filter = {.from = *found.next, .types = {"ReceiptConfirmed"}}}));
  REQUIRE(found.events.size() == 1);
  CHECK(found.events[0].id == EventId{{LogSearch::most_commits + 1}, 0});
  CHECK_FALSE(found.next);
}

TEST_CASE("A search of a log that is away fails, and the next one is made again") {
  MemoryLog log;
  append(log, bought(id<PurchaseId>(1), hong, {line(tea, 1)}));
  LogSearch search(log);
  log.set_away(true);
  CHECK(std::holds_alternative<Unavailable>(find(search, {})));
  log.set_away(false);
  CHECK(std::get<LogSearch::Found>(find(search, {})).events.size() == 1);
}
