// `jangbu load` against a real shop: what it finds, what it leaves behind, and how it ends.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/shop.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// `jangbu load`, under way.
class Load {
 public:
  explicit Load(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "load");
    process_ = run_jangbu(arguments, folder_.path() / "output", {}, folder_.path() / "errors");
  }
  Load(const Shop& shop, std::vector<std::string> arguments)
      : Load(on(shop, std::move(arguments))) {}

  void interrupt() const { process_->signal(SIGINT); }
  int wait() { return exit_status(process_->wait(100s)); }
  std::string output() const { return process_->log_text(); }
  std::string errors() const {
    std::ifstream file(folder_.path() / "errors");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  static std::vector<std::string> on(const Shop& shop, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--port-base", std::to_string(shop.jangbu.port_base())});
    return arguments;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
};

// Whether the log has so many purchases, up to 100. A page tells: counting all while a burst goes
// on may never come to an end.
bool has_logged(const Shop& shop, std::size_t purchases) {
  return shop.operations()
             .get("/events?type=PurchaseCompleted&from=1&limit=" + std::to_string(purchases))
             .json.at("items")
             .size() == purchases;
}

// How many purchases the log has.
std::size_t logged(const Shop& shop) {
  HttpClient operations = shop.operations();
  std::size_t count = 0;
  for (Json from = 1; !from.is_null();) {
    const std::string place = from.is_string() ? from.get<std::string>() : from.dump();
    const Json page = operations.get("/events?type=PurchaseCompleted&limit=100&from=" + place).json;
    count += page.at("items").size();
    from = page.at("next");
  }
  return count;
}

void check_invariants(const Json& told) {
  CHECK(told.at("invariants").size() == 5);
  for (const Json& invariant : told.at("invariants")) {
    CAPTURE(invariant.dump());
    CHECK(invariant.at("ok") == true);
  }
}

}  // namespace

TEST_CASE("A burst is bought, partly refused, checked and tidied up", "[busy]") {
  Shop shop;
  Load load(shop, {"--json", "--rate", "100", "--seconds", "6", "--buyers", "20", "--products", "5",
                   "--hot", "0.5", "--connections", "16"});
  const int status = load.wait();
  CAPTURE(load.output(), load.errors());
  REQUIRE(status == 0);
  const Json told = Json::parse(load.output());
  CHECK(told.at("state") == "done");
  CHECK(told.at("planned") == 600);
  const std::size_t sent = told.at("sent"), purchased = told.at("purchased");
  CHECK(sent + told.at("notSent").get<std::size_t>() == 600);
  CHECK(told.at("uncertain") == 0);
  std::size_t refused = 0;
  for (const auto& [code, count] : told.at("refused").items()) refused += count.get<std::size_t>();
  CHECK(told.at("refused").at("insufficient-stock") > 40);
  CHECK(purchased + refused == sent);
  CHECK(logged(shop) == purchased);
  check_invariants(told);

  std::size_t by_second = 0;
  for (const Json& second : told.at("seconds")) {
    by_second += second.at("purchased").get<std::size_t>();
    for (const auto& [code, count] : second.at("refused").items())
      by_second += count.get<std::size_t>();
  }
  CHECK(told.at("seconds").size() >= 6);
  CHECK(by_second == sent);
  const Json& latency = told.at("overallLatencyMs");
  CHECK(latency.at("p50") > 0.0);
  CHECK(latency.at("p50") <= latency.at("p99"));
  CHECK(latency.at("p99") <= latency.at("max"));

  // Its accounts and products are gone from the lists, and their names can be used again.
  const std::string run = told.at("run");
  HttpClient accounts = shop.accounts(), products = shop.products();
  for (const char* who : {"buyer%201", "buyer%2020"})
    CHECK(accounts.get("/accounts/search/findByName?name=load%20" + run + "%20" + who).status ==
          404);
  CHECK(
      products.get("/products/search/findByName?name=load%20" + run + "%20hot%20product").status ==
      404);
}

TEST_CASE("People are told in lines, and what was kept is there", "[busy]") {
  Shop shop;
  Load load(shop, {"--rate", "50", "--seconds", "2", "--buyers", "3", "--products", "1", "--keep"});
  const int status = load.wait();
  CAPTURE(load.output(), load.errors());
  REQUIRE(status == 0);
  for (const char* text :
       {"SECOND  PURCHASES", "\n     1 ", "insufficient-stock ", " of 100 sent: ", "p99",
        "ok        acknowledged-in-log: ", "ok        refused-not-in-log: ",
        "ok        uncertain-settled: ", "ok        stock-adds-up: ", "ok        never-oversold: "})
    CHECK_THAT(load.output(), ContainsSubstring(text));
  CHECK_THAT(load.errors(), ContainsSubstring("are kept"));
  HttpClient accounts = shop.accounts(), products = shop.products();
  const auto open = [](const Json& list) {
    return std::ranges::count_if(list.at("items"),
                                 [](const Json& item) { return !item.contains("closedAt"); });
  };
  CHECK(open(accounts.get("/accounts").json) == 3);
  const Json product = products.get("/products").json.at("items").at(0);
  CHECK(product.at("stock") == 0);
  CHECK_THAT(product.at("name").get<std::string>(), ContainsSubstring("hot product"));
}

TEST_CASE("What the outcome of is uncertain is asked for again until it is known") {
  Shop shop;
  Load load(shop, {"--json", "--rate", "150", "--seconds", "200", "--buyers", "10", "--products",
                   "4", "--hot", "0.2"});
  wait_until(
      "some purchases", [&] { return has_logged(shop, 50); }, 60s);
  // Those that wait for the log are cut off, and the log may have them all the same.
  shop.nats.pause();
  wait_until("purchases that wait", [&] {
    const Json ready = shop.operations().get("/health/ready").json;
    return ready.at("checks").at("writer").at("queued") > 0;
  });
  shop.jangbu.kill();
  shop.nats.resume();
  shop.jangbu.start();
  load.interrupt();  // what is uncertain is settled all the same
  const int status = load.wait();
  CAPTURE(load.output(), load.errors());
  REQUIRE(status == 128 + SIGINT);
  const Json told = Json::parse(load.output());
  CHECK(told.at("state") == "stopped");
  CHECK(told.at("repeated") > 0);
  CHECK(told.at("uncertain") == 0);
  CHECK(logged(shop) == told.at("purchased"));
  check_invariants(told);
}

TEST_CASE("A burst goes on at another instance when one is killed, and is checked as strictly") {
  Shop shop;
  ServeProcess other(shop.options());
  Load load({"--json", "--rate", "50", "--seconds", "200", "--buyers", "10", "--products", "4",
             "--hot", "0.2", "--port-base",
             std::to_string(other.port_base()) + "," + std::to_string(shop.jangbu.port_base())});
  wait_until(
      "some purchases", [&] { return has_logged(shop, 50); }, 60s);
  other.kill();
  wait_until(
      "more purchases", [&] { return logged(shop) > 150; }, 60s);
  load.interrupt();
  const int status = load.wait();
  CAPTURE(load.output(), load.errors());
  REQUIRE(status == 128 + SIGINT);
  const Json told = Json::parse(load.output());
  CHECK(told.at("uncertain") == 0);
  CHECK_FALSE(told.at("refused").contains("not-connected"));
  CHECK(logged(shop) == told.at("purchased"));
  check_invariants(told);
}

TEST_CASE("A shop that cannot keep up is told apart, and what was not sent", "[busy]") {
  Shop shop;
  Load load(shop, {"--json", "--rate", "20000", "--seconds", "1", "--connections", "1"});
  const int status = load.wait();
  CAPTURE(load.output(), load.errors());
  REQUIRE(status == 0);
  const Json told = Json::parse(load.output());
  const std::size_t not_sent = told.at("notSent");
  CHECK(not_sent > 0);
  CHECK(told.at("sent").get<std::size_t>() + not_sent == 20'000);
  // Latencies count from when a purchase was due: the last ones waited for most of the second.
  CHECK(told.at("overallLatencyMs").at("max") > 300.0);
  CHECK(told.at("seconds").at(0).at("behind") > 0);
  check_invariants(told);
}

TEST_CASE("Ctrl-C ends a burst in order, a second one at once") {
  Shop shop;
  Load load(shop, {"--json", "--rate", "20", "--seconds", "200"});
  wait_until(
      "some purchases", [&] { return has_logged(shop, 20); }, 60s);
  SECTION("in order") {
    load.interrupt();
    const int status = load.wait();
    CAPTURE(load.output(), load.errors());
    CHECK(status == 128 + SIGINT);
    CHECK_THAT(load.errors(), ContainsSubstring("jangbu: interrupted"));
    const Json told = Json::parse(load.output());
    CHECK(told.at("state") == "stopped");
    CHECK(told.at("purchased") == logged(shop));
    CHECK(told.at("notSent") < 100);  // of 4,000: what was never due does not count
    check_invariants(told);
  }
  SECTION("at once") {
    shop.nats.pause();  // so that it cannot settle
    load.interrupt();
    wait_until("the first to be noticed",
               [&] { return load.errors().find("interrupted") != std::string::npos; });
    load.interrupt();
    const int status = load.wait();
    shop.nats.resume();
    CHECK(status == 128 + SIGINT);
    CHECK(Json::parse(load.output()).at("invariants").empty());
  }
}

TEST_CASE("Where no shop is, a burst says so") {
  Load load({"--port-base", std::to_string(free_port_base())});
  CHECK(load.wait() == 1);
  CHECK_THAT(load.errors(), ContainsSubstring("jangbu: no shop's operations service answers at"));
  CHECK_THAT(load.errors(), ContainsSubstring("--port-base"));
}

TEST_CASE("What a burst cannot be is wrong usage") {
  const auto check = [](std::vector<std::string> arguments, const std::string& text) {
    CAPTURE(arguments);
    Load load(std::move(arguments));
    CHECK(load.wait() == 2);
    CHECK_THAT(load.errors(), ContainsSubstring(text));
  };
  check({"--rate", "0"}, "--rate: Value 0 not in range");
  check({"--rate", "20001"}, "--rate");
  check({"--rate", "fast"}, "--rate");
  check({"--seconds", "301"}, "--seconds");
  check({"--buyers", "0"}, "--buyers");
  check({"--products", "1001"}, "--products");
  check({"--hot", "1.1"}, "--hot");
  check({"--hot", "-0.1"}, "--hot");
  check({"--connections", "1001"}, "--connections");
  check({"everything"}, "everything");
  check({"--host", "one,two", "--port-base", "1,2,3"}, "--host and --port-base");
}
