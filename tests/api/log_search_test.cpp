// Searches over a log in memory: what one answer may cost, and what it says when the log is away.
#include "api/log/log_search.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <future>

#include "api/log/log_lookup.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "tests/support/claims.hpp"
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
  REQUIRE(std::holds_alternative<Appended>(log.append(end, {id, encode_commit(commit)}, 1s)));
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

TEST_CASE("A search that nobody waits for ends with what it has found, and says where to go on") {
  MemoryLog log;
  for (unsigned i = 1; i <= 1'000; ++i)
    append(log, bought(id<PurchaseId>(i), hong, {line(tea, 1)}));
  LogSearch search(log);
  int asked = 0;
  const auto found = std::get<LogSearch::Found>(find(
      search, {.filter = {.entity = id<EntityId>(7)}, .is_wanted = [&] { return ++asked <= 3; }}));
  CHECK(found.events.size() == 1);
  REQUIRE(found.next);
  CHECK(found.next->position < Position{1'000});
  CHECK(asked == 4);

  const auto none = std::get<LogSearch::Found>(find(search, {.is_wanted = [] { return false; }}));
  CHECK(none.events.empty());
  CHECK(none.next == EventId{{1}, 0});
}

namespace {

// The description is of 15,000 bytes, as one of 5,000 Korean letters is.
ProductListed large_product(unsigned number) {
  ProductState product = tea;
  product.product = id<ProductId>(number);
  product.description.assign(15'000, 'x');
  return {product};
}

}  // namespace

TEST_CASE("A search reads so many bytes and finds so many, whatever the size of events") {
  constexpr unsigned products = 1'000;
  MemoryLog log;
  for (unsigned i = 1; i <= products; ++i) append(log, large_product(i));
  LogSearch search(log);

  auto found = std::get<LogSearch::Found>(find(search, {.filter = {.types = {"StockChanged"}}}));
  CHECK(found.events.empty());
  REQUIRE(found.next);
  CHECK(found.next->position.value > LogSearch::most_bytes / 16'000);
  CHECK(found.next->position.value < LogSearch::most_bytes / 15'000 + 2);

  // All of them in several answers, none twice.
  std::uint64_t last = 0;
  LogSearch::Query query{.limit = 100};
  do {
    found = std::get<LogSearch::Found>(find(search, query));
    CHECK(found.events.size() <= LogSearch::most_bytes_found / 15'000 + 1);
    for (const auto& event : found.events) CHECK(event.id == EventId{{++last}, 0});
    query.filter.from = found.next.value_or(EventId{});
  } while (found.next);
  CHECK(last == products);
}

TEST_CASE("An event that nobody waits for any more is not read back") {
  MemoryLog log;
  append(log, bought(id<PurchaseId>(1), hong, {line(tea, 1)}));
  LogLookup lookup(log);
  for (const bool wanted : {true, false}) {
    std::promise<bool> answered;
    lookup.find(
        {{1}, 0}, [&](const auto& event) { answered.set_value(event.has_value()); },
        [=] { return wanted; });
    auto answer = answered.get_future();
    REQUIRE(answer.wait_for(30s) == std::future_status::ready);
    CHECK(answer.get() == wanted);
  }
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

TEST_CASE("A search and a look at an event pass over claims and void commits") {
  MemoryLog log;
  const PurchaseCompleted first = bought(id<PurchaseId>(1), hong, {line(tea, 1)});
  const PurchaseCompleted second = bought(id<PurchaseId>(2), hong, {line(tea, 1)});
  const auto at = append_among_claims(log, {{opening, {{{}, first}}}, {opening, {{{}, second}}}});
  LogSearch search(log);
  auto found = std::get<LogSearch::Found>(find(search, {.filter = {}, .limit = 1}));
  REQUIRE(found.events.size() == 1);
  CHECK(found.events[0].id == EventId{at[0], 0});
  CHECK(found.next == EventId{at[1], 0});
  CHECK(found.log_end == log.last());
  found = std::get<LogSearch::Found>(find(search, {.filter = {.from = *found.next}, .limit = 1}));
  REQUIRE(found.events.size() == 1);
  CHECK(found.events[0].id == EventId{at[1], 0});
  CHECK(found.events[0].author == busan);
  CHECK_FALSE(found.next);

  LogLookup lookup(log);
  for (Position place{1}; place <= log.last(); place = place.next()) {
    std::promise<bool> answered;
    lookup.find(
        {place, 0}, [&](const auto& event) { answered.set_value(event.has_value()); },
        [] { return true; });
    auto answer = answered.get_future();
    REQUIRE(answer.wait_for(30s) == std::future_status::ready);
    CHECK(answer.get() == (place == at[0] || place == at[1]));
  }
}
