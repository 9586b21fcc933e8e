#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "api/cli/log_stats.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "tests/cli/logs.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("events are counted by type and day, commits by size") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  cli::LogStats stats;
  std::uint64_t bytes = 0;
  for (const StoredCommit& stored : all_of(log)) {
    stats.take(stored, decode(stored));
    bytes += stored.payload.size();
  }
  const auto json = nlohmann::json::parse(stats.json().text());
  CHECK(json.at("commits") == 4);
  CHECK(json.at("events") == 7);
  CHECK(json.at("byType") == nlohmann::json{{"AccountOpened", 2},
                                            {"ProductListed", 1},
                                            {"PurchaseCompleted", 1},
                                            {"DeliveryScanned", 2},
                                            {"ReceiptConfirmed", 1}});
  CHECK(json.at("byDay") == nlohmann::json{{"2026-03-01", 6}, {"2026-03-02", 1}});
  CHECK(json.at("first") ==
        nlohmann::json{{"position", 1}, {"committedAt", "2026-03-01T09:30:00.000Z"}});
  CHECK(json.at("last").at("position") == 4);
  CHECK(json.at("commitEvents") ==
        nlohmann::json{{"sum", 7}, {"mean", 1.8}, {"p50", 1}, {"p99", 2}, {"max", 3}});
  CHECK(json.at("commitBytes").at("sum") == bytes);
  CHECK_THAT(stats.text(), ContainsSubstring("4 commits, 7 events") &&
                               ContainsSubstring("PurchaseCompleted") &&
                               ContainsSubstring("2026-03-02"));
}

TEST_CASE("an empty log has statistics, too") {
  const cli::LogStats stats;
  CHECK(stats.text() == "0 commits, 0 events\n");
  CHECK(nlohmann::json::parse(stats.json().text()).at("byType") == nlohmann::json::object());
}

}  // namespace jangbu::test
