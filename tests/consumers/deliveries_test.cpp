// The programs of docs/consumers build a table of deliveries, are killed and started again, and
// have what the shop's own read model has.
#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/support/shop.hpp"

using namespace jangbu::test;

namespace {

namespace fs = std::filesystem;

const fs::path docs = JANGBU_DOCS;

// One page of the shop's deliveries holds as many.
constexpr std::size_t purchases = 60;

bool is_there(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
}

// Programs for Node.js, which looks for their packages beside them. Skips the test without them.
class NodePrograms {
 public:
  NodePrograms() {
    const fs::path packages = JANGBU_CONSUMERS_PACKAGES;
    if (!is_there("node") || !fs::exists(packages / "@nats-io"))
      SKIP("@nats-io is not there. infra/install --tests fetches it, and needs npm.");
    fs::create_directory_symlink(packages, folder_.path() / "node_modules");
    for (const fs::path& program : {docs / "consumers/deliveries.mjs", fs::path(JANGBU_REQUEST)})
      fs::copy_file(program, folder_.path() / program.filename());
  }

  fs::path deliveries() const { return folder_.path() / "deliveries.mjs"; }

  // What request.mjs prints.
  std::string request(const std::string& url, const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{"node", folder_.path() / "request.mjs"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const TemporaryFolder output;
    Process node(
        {.command = command, .log = output.path() / "log", .environment = {"NATS_URL=" + url}});
    if (node.wait(60s) != 0) throw std::runtime_error("request.mjs: " + node.log_text());
    return node.log_text();
  }

 private:
  TemporaryFolder folder_;
};

// A program that keeps a table of deliveries in a file.
class Consumer {
 public:
  explicit Consumer(std::vector<std::string> command, std::vector<std::string> environment = {})
      : command_(std::move(command)), environment_(std::move(environment)) {
    command_.push_back(table());
  }

  void start() {
    process_ = std::make_unique<Process>(Process::Options{
        .command = command_, .log = folder_.path() / "log", .environment = environment_});
  }
  void kill() { process_->stop(SIGKILL); }

  // Waits until the table has so many rows.
  void await(std::size_t rows) {
    wait_until(std::to_string(rows) + " deliveries in the table of " + command_[1], [&] {
      if (!process_->running()) throw std::runtime_error("it ended: " + process_->log_text());
      return lines().size() >= rows;
    });
  }

  // As a kill leaves the table that comes in the middle of a line, and of a letter.
  void cut_short() {
    std::ofstream(table(), std::ios::app) << R"({"id": "0199", "items": [{"product": ")"
                                          << "\xed\x95";
  }

  // Its rows in their order, less what is only about their place.
  std::vector<Json> rows() const {
    std::vector<Json> rows;
    for (const std::string& line : lines()) {
      rows.push_back(Json::parse(line));
      rows.back().erase("place");
      rows.back().erase("sequence");
    }
    return rows;
  }

 private:
  fs::path table() const { return folder_.path() / "deliveries.jsonl"; }

  std::vector<std::string> lines() const {
    std::ifstream file(table());
    std::vector<std::string> whole;
    for (std::string line; std::getline(file, line) && !file.eof();) whole.push_back(line);
    return whole;
  }

  TemporaryFolder folder_;
  std::vector<std::string> command_;
  std::vector<std::string> environment_;
  std::unique_ptr<Process> process_;
};

class Market {
 public:
  Market() : Market({}, {}) {}
  Market(NatsServer::Options nats, Shop::Place place) : shop(std::move(nats), std::move(place)) {
    open_account(shop, "홍길동");
    for (const char* name : {"먹", "한지 노트"}) list_product(shop, name, 1'000, 1'000);
  }

  void sell(std::size_t count) {
    for (; count > 0; --count)
      position_ = shop.purchases()
                      .post("/purchases",
                            one_line("홍길동", count % 2 == 0 ? "먹" : "한지 노트", 1 + count % 3))
                      .position();
  }

  // As the read model has them, the oldest first, with what a table of ours has of each.
  std::vector<Json> deliveries() const {
    const Reply page = shop.deliveries().get(at("/deliveries?limit=100", position_));
    std::vector<Json> rows;
    for (const Json& row : page.json.at("items"))
      rows.push_back({{"id", row.at("id")},
                      {"buyerId", row.at("buyer").at("id")},
                      {"items", row.at("items")},
                      {"openedAt", row.at("openedAt")}});
    std::ranges::sort(rows, {}, [](const Json& row) { return row.at("id").get<std::string>(); });
    return rows;
  }

  Shop shop;

 private:
  std::uint64_t position_ = 0;
};

// Until there is a stream to read.
void await_publisher(const ServeProcess& jangbu) {
  wait_until("the publisher", [&] { return jangbu.metric("jangbu_public_sequence") > 0; });
}

// It is killed while it reads, in the middle of a line, and when it has nothing to do; and the shop
// is killed while it listens.
void lives_through_kills(Market& market, Consumer& consumer) {
  market.sell(purchases / 3);
  consumer.start();
  consumer.await(1);
  consumer.kill();
  consumer.cut_short();
  market.sell(purchases / 3);
  consumer.start();
  consumer.await(2 * purchases / 3);
  consumer.kill();
  consumer.start();
  market.shop.jangbu.kill();
  market.shop.jangbu.start();
  market.sell(purchases / 3);
  consumer.await(purchases);
  consumer.kill();

  REQUIRE(market.deliveries().size() == purchases);
  CHECK(consumer.rows() == market.deliveries());
}

// The lines of nats.conf that the page for other teams gives.
std::string accounts() {
  std::ifstream file(docs / "events-for-others.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const auto begin = page.find("\n```conf\n");
  const auto end = page.find("\n```\n", begin + 1);
  if (begin == page.npos || end == page.npos)
    throw std::runtime_error("docs/events-for-others.md gives no lines of nats.conf");
  return page.substr(begin + 9, end - begin - 9);
}

}  // namespace

TEST_CASE(
    "a table built from the public stream is the shop's own, whenever its builder is killed") {
  const NodePrograms programs;
  Market market;
  await_publisher(market.shop.jangbu);
  Consumer consumer({"node", programs.deliveries(), "SHOP_PUBLIC"},
                    {"NATS_URL=" + market.shop.nats.url()});
  lives_through_kills(market, consumer);
}

TEST_CASE("a table built from the log's stream is the shop's own, whenever its builder is killed") {
  if (!is_there("python3")) SKIP("python3 is not there. infra/install --tests gets it.");
  Market market;
  const int operations = market.shop.jangbu.port(Service::operations);
  Consumer consumer(
      {"python3", docs / "consumers/deliveries.py", "127.0.0.1:" + std::to_string(operations)});
  lives_through_kills(market, consumer);
}

TEST_CASE("the accounts that the page for other teams gives let them read, and do nothing else") {
  const NodePrograms programs;
  // The shop's own processes connect without a name.
  Market market({.extra = accounts() + "\nno_auth_user: jangbu"}, {.flags = {"--no-publisher"}});
  const auto url_of = [&](const std::string& user) {
    return "nats://" + user + ":" + user +
           "-secret@127.0.0.1:" + std::to_string(market.shop.nats.port());
  };
  const ServeProcess publisher(market.shop.options(
      {"--no-writer", "--no-projector", "--public-nats-url", url_of("publisher")}));
  await_publisher(publisher);

  Consumer consumer({"node", programs.deliveries(), "SHOP_PUBLIC"},
                    {"NATS_URL=" + url_of("delivery"), "NATS_DOMAIN=shop"});
  consumer.start();
  market.sell(5);
  consumer.await(5);

  const auto attempt = [&](const std::vector<std::string>& arguments) {
    return programs.request(url_of("delivery"), arguments);
  };
  for (const char* subject : {"shop.commits", "jangbu.shop.purchase.PurchaseCompleted"}) {
    CAPTURE(subject);
    CHECK(attempt({subject, "{}"}).starts_with("no responders"));
  }
  for (const char* request : {"STREAM.INFO.SHOP", "STREAM.PURGE.SHOP_PUBLIC",
                              "STREAM.DELETE.SHOP_PUBLIC", "CONSUMER.LIST.SHOP_PUBLIC"}) {
    CAPTURE(request);
    CHECK(attempt({std::string("$JS.shop.API.") + request, ""}).starts_with("no responders"));
    CHECK(!Json::parse(attempt({std::string("$JS.API.") + request, ""})).contains("config"));
  }

  market.sell(5);
  consumer.await(10);
  CHECK(consumer.rows() == market.deliveries());
}

TEST_CASE("what is published again is not in a table twice") {
  const NodePrograms programs;
  Market market;
  const std::string url = market.shop.nats.url();
  Consumer consumer({"node", programs.deliveries(), "SHOP_PUBLIC"}, {"NATS_URL=" + url});
  await_publisher(market.shop.jangbu);
  consumer.start();
  market.sell(5);
  consumer.await(5);

  market.shop.jangbu.kill();
  programs.request(url, {"$JS.API.STREAM.PURGE.SHOP_PUBLIC", ""});
  const TemporaryFolder folder;
  const auto resume =
      run_jangbu({"public", "resume", "--from", "1.0", "--nats-url", url}, folder.path() / "log");
  INFO(resume->log_text());
  REQUIRE(resume->wait(60s) == 0);
  market.shop.jangbu.start();
  market.sell(5);
  consumer.await(10);
  CHECK(consumer.rows() == market.deliveries());
}
