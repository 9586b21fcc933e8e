// Somebody sets the clock while people buy: two days forward, two days back, and right again.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "infra/eventlog/jetstream_log.hpp"
#include "infra/ids.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/faults/disk_market.hpp"
#include "tests/support/event_stream.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using Clock = std::chrono::steady_clock;
using jangbu::Timestamp;

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t hour_ms = 60 * 60 * 1'000;

// libfaketime (faketime(1)), or nothing when it is not installed.
fs::path libfaketime() {
  for (const auto& entry : fs::directory_iterator("/usr/lib"))
    if (const fs::path file = entry.path() / "faketime/libfaketime.so.1"; fs::exists(file))
      return file;
  return {};
}

// The wall clock of a program, that can be set. Its monotonic clock goes on as it does.
class WallClock {
 public:
  WallClock() {
    if (sanitized()) SKIP("a sanitizer and libfaketime each want to be the first library");
    if (libfaketime().empty()) SKIP("no other time without libfaketime (Debian: faketime)");
    set("+0");
  }

  std::vector<std::string> environment() const {
    return {"LD_PRELOAD=" + libfaketime().string(), "FAKETIME_TIMESTAMP_FILE=" + file().string(),
            "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"};
  }
  // So much ahead of the real one: "+2d", "-23h".
  void set(const std::string& offset) {
    std::ofstream(folder_.path() / "next") << offset << "\n";
    fs::rename(folder_.path() / "next", file());
  }

 private:
  fs::path file() const { return folder_.path() / "offset"; }

  TemporaryFolder folder_;
};

std::vector<Timestamp> commit_times(const NatsServer& nats) {
  const auto log = jangbu::JetStreamLog::connect({.url = nats.url(), .monitor_url = {}}, 10s);
  const auto last = log->last();
  const auto reader = log->read_from({1});
  std::vector<Timestamp> times;
  while (times.size() < last.value)
    for (const auto& commit : reader->next(500, 10s))
      times.push_back(jangbu::decode(commit).committed_at);
  return times;
}

}  // namespace

TEST_CASE("The clock is set forward and back while people buy") {
  WallClock clock;
  Shop shop({}, {.flags = {"--heartbeat-ms", "1000"}, .environment = clock.environment()});
  const Market market(shop);
  EventStream stream(shop.jangbu.port(Service::delivery), "/deliveries/events");
  REQUIRE(stream.status() == 200);
  Buyers buyers(market.insistent(8));
  for (const char* offset : {"+2d", "-2d", "+0"}) {
    wait_for_sales(buyers, 200);
    clock.set(offset);
    wait_for_sales(buyers, 200);
    // What waits, waits by the monotonic clock.
    const auto asked = Clock::now();
    CHECK(shop.products()
              .get("/products/" + market.products.front() + "?minPosition=1000000&waitMs=1000")
              .status == 503);
    CHECK(Clock::now() - asked >= 1s);
    CHECK(Clock::now() - asked < 60s);  // the clock was set by days
  }
  buyers.enough();
  const auto made = buyers.settle();
  CHECK(buyers.unavailable() == 0);
  CHECK(buyers.lost() == 0);
  market.check(made);

  for (std::size_t i = 0; i < made.size(); ++i) REQUIRE(stream.next());
  stream.await_heartbeat();

  const auto times = commit_times(shop.nats);
  CHECK(std::ranges::is_sorted(times, {}, &Timestamp::ms));
  CHECK(times.back().ms - times.front().ms > 47 * hour_ms);
  CHECK_THAT(shop.jangbu.log_text(), ContainsSubstring("clock was set forward by") &&
                                         ContainsSubstring("clock was set back by"));

  // The next start finds a log from the future, and goes on.
  CHECK(shop.jangbu.stop() == 0);
  shop.jangbu.start();
  buy(shop, "홍길동", "product 0");
  CHECK(commit_times(shop.nats).back() == times.back());
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("What quotes and keys are worth when the clock is set") {
  WallClock clock;
  Shop shop({}, {.environment = clock.environment()});
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 100);
  HttpClient purchases = shop.purchases();
  const Json order = one_line("홍길동", "쑥차 50g");
  const HttpClient::Fields key{{"Idempotency-Key", "once"}};
  const Reply first = purchases.post("/purchases", order, key);
  REQUIRE(first.status == 201);
  const Json quote = ask_for_quote(shop, "홍길동", "쑥차 50g");

  clock.set("+23h");
  Reply reply = purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  CHECK(reply.code() == "quote-expired");
  buy(shop, "홍길동", "쑥차 50g");  // a commit at the new time
  reply = purchases.post("/purchases", order, key);
  CHECK(reply.header("idempotent-replayed") == "true");
  CHECK(reply.json == first.json);

  // The clock is right again: the quote is good, and cannot be used twice.
  clock.set("+0");
  reply = purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  REQUIRE(reply.status == 201);
  CHECK(purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}}).json == reply.json);
  CHECK(purchases.post("/purchases", order, key).json == first.json);

  // Beyond 24 hours of the log's time keys are forgotten, whatever made it pass. The log is that
  // far only after its next commit.
  clock.set("+2d");
  CHECK(purchases.post("/purchases", order, key).json == first.json);
  buy(shop, "홍길동", "쑥차 50g");
  CHECK(purchases.post("/purchases", order, key).json != first.json);
  CHECK(shop.jangbu.stop() == 0);
}
