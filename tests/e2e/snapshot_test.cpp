// The file that the writer's shop begins with at the next start: it saves a replay, and never says
// anything that the log does not.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <iterator>

#include "tests/e2e/buyers.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/support/files.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

// With another number there: that of the format, or of the fold.
std::string other_number(std::string bytes, std::size_t at) {
  bytes[at] = 99;
  return bytes;
}

// A shop that takes a snapshot when it stops, with something of everything in it.
struct Told {
  Shop shop{{"--snapshot-events", "1"}};
  fs::path file = shop.jangbu.data() / "snapshot";
  HttpClient::Fields key{{"Idempotency-Key", "one"}};
  Reply bought, confirmed;
  Json unused;

  Told() {
    open_account(shop, "홍길동");
    list_product(shop, "쑥차 50g", 9'500, 10);
    bought = shop.purchases().post("/purchases", one_line("홍길동", "쑥차 50g"), key);
    REQUIRE(bought.status == 201);
    record_scan(shop, id_of(bought.json), "picked-up", "2026-03-01T09:30:00Z");
    const Json quote = ask_for_quote(shop, "홍길동", "쑥차 50g", 2);
    unused = ask_for_quote(shop, "홍길동", "쑥차 50g");
    confirmed = shop.purchases().post("/purchases", {{"quoteId", quote.at("quoteId")}});
    REQUIRE(confirmed.status == 201);
    used_quote = quote;
  }

  // Everything that was acknowledged is known, whatever the shop began with.
  void check_knows_all() {
    HttpClient purchases = shop.purchases();
    const auto check_repeated = [](const Reply& reply, const Reply& first) {
      CHECK(reply.status == 201);
      CHECK(reply.json == first.json);
      CHECK(reply.position() == first.position());
    };
    check_repeated(purchases.post("/purchases", one_line("홍길동", "쑥차 50g"), key), bought);
    check_repeated(purchases.post("/purchases", {{"quoteId", used_quote.at("quoteId")}}),
                   confirmed);
    CHECK(purchases.post("/purchases", one_line("홍길동", "쑥차 50g", 8)).json.at("available") ==
          7);
    CHECK(purchases.post("/purchases/" + id_of(bought.json) + "/cancellation", {{"reason", "변심"}})
              .code() == "already-shipped");
    CHECK(shop.accounts().post("/accounts", account("홍길동")).code() == "account-name-taken");
  }

  Json used_quote;
};

}  // namespace

TEST_CASE("A shop goes on from its snapshot") {
  Told told;
  CHECK_THAT(told.shop.jangbu.log_text(), ContainsSubstring("no snapshot"));
  CHECK(told.shop.jangbu.stop() == 0);
  const auto end = read_ledger(told.shop.nats).end.value;
  REQUIRE(fs::exists(told.file));
  CHECK((fs::status(told.file).permissions() & fs::perms(0077)) == fs::perms::none);

  told.shop.jangbu.start();
  CHECK_THAT(told.shop.jangbu.log_text(),
             ContainsSubstring("the snapshot of position " + std::to_string(end) + " was loaded") &&
                 ContainsSubstring("replayed from " + std::to_string(end + 1)));
  told.check_knows_all();
  const std::uint64_t now = log_end(told.shop);
  CHECK(told.shop.purchases()
            .post("/purchases", {{"quoteId", told.unused.at("quoteId")}})
            .position() == now + 1);

  // What came after the snapshot is replayed: nothing is stored when it is killed.
  told.shop.jangbu.kill();
  told.shop.jangbu.start();
  CHECK(told.shop.purchases()
            .post("/purchases", one_line("홍길동", "쑥차 50g", 7))
            .json.at("available") == 6);
  CHECK(told.shop.jangbu.stop() == 0);
  CHECK(told.shop.jangbu.sanitizer_report() == "");
}

TEST_CASE("A snapshot that cannot be used is passed over, with a word, and made anew") {
  Told told;
  CHECK(told.shop.jangbu.stop() == 0);
  const std::string whole = read_text(told.file);
  for (const auto& [damaged, why] : std::vector<std::pair<std::string, std::string>>{
           {whole.substr(0, whole.size() / 2), "too early"},
           {[&] {
              std::string flipped = whole;
              flipped[whole.size() / 2] ^= 1;
              return flipped;
            }(),
            "it is damaged"},
           {std::string(16, 'x') + whole.substr(16), "not a snapshot"},
           {other_number(whole, 16), "another format, 99"},
           {other_number(whole, 20), "another build (99"},
           {"", "too early"}}) {
    write_text(told.file, damaged);
    write_text(told.file.string() + ".new", "left by somebody who was killed");
    told.shop.jangbu.start();
    CHECK_THAT(told.shop.jangbu.log_text(), ContainsSubstring("cannot be used") &&
                                                ContainsSubstring(why) &&
                                                ContainsSubstring("replayed from its beginning"));
    told.check_knows_all();
    CHECK(told.shop.jangbu.stop() == 0);
    CHECK(read_text(told.file).size() == whole.size());
  }
}

TEST_CASE("A snapshot that has seen more than the log holds is a lost tail: the start is refused") {
  Told told;
  CHECK(told.shop.jangbu.stop() == 0);
  NatsServer other;
  const auto check_refused = [&](const std::string& database, const std::string& why) {
    const TemporaryFolder folder;
    const auto process =
        run_jangbu({"serve", "--port-base", std::to_string(free_port_base()), "--nats-url",
                    other.url(), "--nats-monitor-url", other.monitor_url(), "--database", database,
                    "--data", told.shop.jangbu.data()},
                   folder.path() / "log");
    const int status = process->wait(60s);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
    CHECK_THAT(process->log_text(), ContainsSubstring(why) &&
                                        ContainsSubstring("Restore the log from a backup") &&
                                        ContainsSubstring("remove " + told.file.string()));
  };
  check_refused(told.shop.postgres.create_database(),
                "the snapshot has seen a log that is not here");

  ServeProcess::Options options = told.shop.options();
  options.nats_url = other.url();
  options.nats_monitor_url = other.monitor_url();
  options.database = told.shop.postgres.create_database();
  ServeProcess second(options);
  const auto open = [&](int number) {
    REQUIRE(second.client(Service::account)
                .post("/accounts", account("손님 " + std::to_string(number)))
                .status == 201);
  };
  open(0);
  check_refused(options.database, "has no commit: the log's end was lost");
  const auto end = read_ledger(told.shop.nats).end.value;
  for (std::uint64_t number = 1; number < end; ++number) open(static_cast<int>(number));
  check_refused(options.database, "another commit now");
  CHECK(second.stop() == 0);

  // With its own log the shop opens again.
  told.shop.jangbu.start();
  told.check_knows_all();
  CHECK(told.shop.jangbu.stop() == 0);
}

TEST_CASE("Whenever it is killed, there is a whole snapshot", "[busy]") {
  Shop shop({"--snapshot-events", "1"});
  const std::string buyer = id_of(open_account(shop, "홍길동"));
  const std::string tea = id_of(list_product(shop, "쑥차 50g", 9'500, 1'000'000));
  const fs::path file = shop.jangbu.data() / "snapshot";
  wait_until("the first", [&] { return fs::exists(file); });
  Buyers buyers(
      {.shops = {&shop.jangbu}, .products = {tea}, .buyer = buyer, .count = 8, .insist = true});
  for (int i = 0; i < 5; ++i) {
    const auto sales = buyers.sales();
    wait_until(
        "more sales", [&] { return buyers.sales() > sales + 300; }, 60s);
    // While one is being written, as far as can be told from outside.
    wait_until(
        "the next", [&] { return fs::exists(file.string() + ".new"); }, 60s);
    shop.jangbu.kill();
    shop.jangbu.start();
    CHECK_THAT(shop.jangbu.log_text(), !ContainsSubstring("cannot be used"));
  }
  buyers.enough();
  const auto made = buyers.settle();
  const Ledger ledger = read_ledger(shop.nats);
  CHECK(ledger.sales.size() == made.size());
  CHECK(shop.products().get(at("/products/" + tea, ledger.end.value)).json.at("stock") ==
        1'000'000 - made.size());
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A process leaves the snapshot to another one that is writing it") {
  Shop shop({"--snapshot-events", "100"});
  open_account(shop, "홍길동");
  fs::create_directories(shop.jangbu.data());
  const std::string aside = shop.jangbu.data() / "snapshot.new";
  const int other = ::open(aside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(other >= 0);
  REQUIRE(::flock(other, LOCK_EX) == 0);
  for (int i = 0; i < 20; ++i) open_account(shop, "손님 " + std::to_string(i));
  CHECK(shop.jangbu.stop() == 0);
  CHECK_THAT(shop.jangbu.log_text(), ContainsSubstring("another process is writing one"));
  CHECK_FALSE(fs::exists(shop.jangbu.data() / "snapshot"));
  ::close(other);
  shop.jangbu.start();
  CHECK(shop.jangbu.stop() == 0);
  CHECK(fs::exists(shop.jangbu.data() / "snapshot"));
}

TEST_CASE("Without events between them there are no snapshots") {
  Shop shop({"--snapshot-events", "0"});
  open_account(shop, "홍길동");
  CHECK(shop.jangbu.stop() == 0);
  CHECK_FALSE(fs::exists(shop.jangbu.data() / "snapshot"));
}
