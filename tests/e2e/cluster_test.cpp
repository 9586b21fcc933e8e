// Two instances of one shop, as docs/cluster.md has them: whichever a client asks, and whatever
// happens to the other, it is told the same, and nothing false.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <future>

#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Json writer_of(int operations_port) {
  return HttpClient(operations_port).get("/health/ready").json.at("checks").at("writer");
}

Json writer_of(const ServeProcess& instance) {
  return writer_of(instance.port(Service::operations));
}

std::string state_of(const ServeProcess& instance) {
  return writer_of(instance).at("state");
}

// The first one is active.
struct Pair {
  explicit Pair(std::vector<std::string> flags_of_second = {})
      : shop({"--instance-name", "first"}), second(options_of_second(std::move(flags_of_second))) {}

  ServeProcess::Options options_of_second(std::vector<std::string> flags) const {
    flags.insert(flags.end(), {"--instance-name", "second"});
    return shop.options(std::move(flags));
  }

  void end() {
    for (ServeProcess* instance : {&shop.jangbu, &second}) {
      if (instance->running()) CHECK(instance->stop() == 0);
      CHECK(instance->sanitizer_report() == "");
    }
  }

  Shop shop;
  ServeProcess second;
};

struct Command {
  Service service;
  std::string method;
  std::string target;
  std::string body;
  int status;
};

Reply send(const ServeProcess& instance, const Command& command, const std::string& key) {
  HttpClient::Fields fields{{"Content-Type", "application/json"}};
  if (!key.empty()) fields.emplace_back("Idempotency-Key", key);
  return instance.client(command.service)
      .send(command.method, command.target, command.body, fields);
}

// Asks once more after each 503, with the same key, as a client should.
Reply insist(const ServeProcess& instance, const Command& command, const std::string& key) {
  Reply reply;
  wait_until(command.target, [&] {
    reply = send(instance, command, key);
    return reply.status != 503;
  });
  return reply;
}

Command purchase_of(std::string_view product, std::int64_t quantity = 1) {
  return {Service::purchase, "POST", "/purchases", one_line("홍길동", product, quantity).dump(),
          201};
}

std::string import_at(const ServeProcess& instance, const std::string& rows) {
  Client client(instance.port(Service::account));
  client.send(
      "POST /accounts:import HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
      "Idempotency-Key: rows\r\nContent-Length: " +
      std::to_string(rows.size()) + "\r\n\r\n" + rows);
  return client.read_answer().body;
}

}  // namespace

TEST_CASE("A standby answers commands, quotes and imports as the active instance does") {
  Pair pair;
  const Shop& shop = pair.shop;
  REQUIRE(state_of(shop.jangbu) == "active");
  REQUIRE(state_of(pair.second) == "standby");
  CHECK(writer_of(pair.second).at("active") == "first");
  CHECK(writer_of(pair.second).at("term") == writer_of(shop.jangbu).at("term"));

  const std::string tea = "/products/" + id_of(list_product(shop, "쑥차 50g", 9'500, 20));
  const std::vector<Command> commands{
      {Service::account, "POST", "/accounts", account("홍길동").dump(), 201},
      {Service::product, "POST", "/products", product("한지 노트", 3'000, 1).dump(), 201},
      {Service::product, "POST", tea + "/stock", Json{{"change", 2}}.dump(), 200},
      purchase_of("쑥차 50g"),
      {Service::product, "PUT", tea + "/price", Json{{"unitPrice", won(8'000)}}.dump(), 200},
  };
  for (const Command& command : commands) {
    CAPTURE(command.target);
    const Reply first = send(pair.second, command, command.target);
    CAPTURE(first.body);
    REQUIRE(first.status == command.status);
    const Reply again = send(shop.jangbu, command, command.target);
    CHECK(again.status == first.status);
    CHECK(again.json == first.json);
    CHECK(again.position() == first.position());
    CHECK(again.header("idempotent-replayed") == "true");
    if (first.has("location")) CHECK(again.header("location") == first.header("location"));
  }
  for (const Command& refused : {purchase_of("쑥차 50g", 90), purchase_of("없는 것"),
                                 Command{Service::product, "PUT", tea + "/price", "{}", 422}}) {
    const Reply here = send(pair.second, refused, {});
    const Reply there = send(shop.jangbu, refused, {});
    CAPTURE(here.body, there.body);
    CHECK(here.status >= 400);
    CHECK(here.status == there.status);
    CHECK(here.code() == there.code());
    CHECK(here.header("content-type") == there.header("content-type"));
  }

  // A quote of one is good at the other, and used once.
  const ServeProcess* const both[] = {&shop.jangbu, &pair.second};
  for (const std::size_t i : {0u, 1u}) {
    const Reply quote =
        both[i]->client(Service::purchase).post("/quotes", one_line("홍길동", "쑥차 50g"));
    REQUIRE(quote.status == 200);
    const Json body{{"quoteId", quote.json.at("quoteId")}};
    const Reply bought = both[1 - i]->client(Service::purchase).post("/purchases", body);
    REQUIRE(bought.status == 201);
    const Reply again = both[i]->client(Service::purchase).post("/purchases", body);
    CHECK(again.json.at("id") == bought.json.at("id"));
  }

  std::string rows;
  for (const char* name : {"하나", "둘", "셋"}) rows += account(name).dump() + "\n";
  const std::string imported = import_at(pair.second, rows);
  CHECK_THAT(imported, ContainsSubstring("\"status\":201"));
  const auto ids = [](const std::string& answer) {
    std::vector<std::string> all;
    std::istringstream lines(answer);
    for (std::string line; std::getline(lines, line);) all.push_back(id_of(Json::parse(line)));
    return all;
  };
  CHECK(ids(imported).size() == 3);
  CHECK(ids(import_at(shop.jangbu, rows)) == ids(imported));

  CHECK(read_ledger(shop.nats).sales.size() == 3);
  pair.end();
}

TEST_CASE("When the active instance is killed, another takes over") {
  Pair pair;
  Shop& shop = pair.shop;
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 20);
  const Reply before = insist(shop.jangbu, purchase_of("쑥차 50g"), "before");
  REQUIRE(before.status == 201);
  const Json term = writer_of(pair.second).at("term");

  shop.jangbu.kill();
  const Reply after = insist(pair.second, purchase_of("쑥차 50g"), "after");
  CHECK(after.status == 201);
  CHECK(state_of(pair.second) == "active");
  CHECK(writer_of(pair.second).at("term") > term);
  const Reply repeated = send(pair.second, purchase_of("쑥차 50g"), "before");
  CHECK(repeated.json == before.json);

  // It comes back as a standby.
  shop.jangbu.start();
  CHECK(state_of(shop.jangbu) == "standby");
  CHECK(writer_of(shop.jangbu).at("active") == "second");
  CHECK(insist(shop.jangbu, purchase_of("쑥차 50g"), "again").status == 201);
  CHECK(read_ledger(shop.nats).sales.size() == 3);
  pair.end();
}

TEST_CASE("An instance that is stopped hands over, and clients that ask twice notice nothing") {
  Pair pair;
  Shop& shop = pair.shop;
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 1'000'000);

  // Those whose instance goes, go to the other one.
  std::atomic<bool> enough = false;
  std::atomic<std::size_t> bought = 0, failed = 0;
  const auto buy_on = [&](const ServeProcess& home, const std::string& name) {
    return std::async(std::launch::async, [&, name] {
      const ServeProcess* instance = &home;
      for (int i = 0; !enough; ++i) {
        const std::string key = name + std::to_string(i);
        for (int tries = 0; tries < 2; ++tries) {
          try {
            const Reply reply = send(*instance, purchase_of("쑥차 50g"), key);
            if (reply.status == 201) {
              ++bought;
              break;
            }
            CAPTURE(reply.body);
            if (tries > 0 || reply.status != 503) ++failed;
          } catch (const NoReply&) {
            if (tries > 0) ++failed;
            instance = &pair.second;
          }
        }
      }
    });
  };
  std::vector<std::future<void>> buyers;
  buyers.push_back(buy_on(shop.jangbu, "a"));
  buyers.push_back(buy_on(shop.jangbu, "b"));
  buyers.push_back(buy_on(pair.second, "c"));
  const auto wait_for_more = [&] {
    const std::size_t until = bought + 20;
    wait_until("purchases", [&] { return bought >= until; });
  };
  wait_for_more();
  CHECK(shop.jangbu.stop() == 0);
  wait_for_more();
  enough = true;
  for (auto& buyer : buyers) buyer.get();
  CHECK(failed == 0);
  CHECK(read_ledger(shop.nats).sales.size() == bought);
  CHECK_THAT(shop.jangbu.log_text(), ContainsSubstring("second takes over"));
  CHECK(state_of(pair.second) == "active");

  // The last one has nobody to hand over to, and stops all the same.
  CHECK(pair.second.stop() == 0);
  pair.end();
}

TEST_CASE("An active instance that hangs is replaced, and says nothing false when it wakes up") {
  Pair pair;
  Shop& shop = pair.shop;
  open_account(shop, "홍길동");
  const std::string path = "/products/" + id_of(list_product(shop, "쑥차 50g", 9'500, 0));
  REQUIRE(send(shop.jangbu, purchase_of("쑥차 50g"), {}).code() == "insufficient-stock");

  shop.jangbu.signal(SIGSTOP);
  const Command stocked{Service::product, "POST", path + "/stock", Json{{"change", 50}}.dump(),
                        200};
  REQUIRE(insist(pair.second, stocked, "stocked").status == 200);
  CHECK(state_of(pair.second) == "active");

  // It still believes that it is sold out, and that it is active.
  std::vector<std::future<Reply>> asked;
  for (int i = 0; i < 8; ++i)
    asked.push_back(std::async(std::launch::async,
                               [&] { return send(shop.jangbu, purchase_of("쑥차 50g"), {}); }));
  shop.jangbu.signal(SIGCONT);
  for (auto& answer : asked) {
    const Reply reply = answer.get();
    CAPTURE(reply.body);
    CHECK((reply.status == 201 || reply.status == 503));
  }
  wait_until("a standby", [&] { return state_of(shop.jangbu) == "standby"; });
  CHECK_THAT(shop.jangbu.log_text(), ContainsSubstring("stepped down: second"));
  CHECK(insist(shop.jangbu, purchase_of("쑥차 50g"), "last").status == 201);
  pair.end();
}

TEST_CASE("Who is configured otherwise, or is told never to claim, does not take over") {
  Pair pair({"--idempotency-keys", "2000"});
  Shop& shop = pair.shop;
  ServeProcess third(shop.options({"--never-claim"}));
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 20);
  wait_until("the reason", [&] {
    return writer_of(pair.second).value("reason", "").find("--idempotency-keys") !=
           std::string::npos;
  });
  CHECK_THAT(pair.second.log_text(), ContainsSubstring("will not take over"));
  CHECK(send(pair.second, purchase_of("쑥차 50g"), {}).status == 201);
  CHECK(send(third, purchase_of("쑥차 50g"), {}).status == 201);

  // A command is held while somebody may take over.
  shop.jangbu.kill();
  for (const ServeProcess* standby : {&pair.second, &third})
    wait_until("it to be missed", [&] { return writer_of(*standby).at("term") == 0; });
  auto asked =
      std::async(std::launch::async, [&] { return send(third, purchase_of("쑥차 50g"), {}); });
  for (const Reply& reply : {send(pair.second, purchase_of("쑥차 50g"), {}), asked.get()}) {
    CHECK(reply.status == 503);
    CHECK(reply.code() == "not-ready");
    CHECK(reply.has("retry-after"));
  }
  CHECK(state_of(pair.second) == "standby");
  CHECK(state_of(third) == "standby");

  shop.jangbu.start();
  wait_until("the first one again", [&] { return state_of(shop.jangbu) == "active"; });
  CHECK(insist(pair.second, purchase_of("쑥차 50g"), "second").status == 201);
  CHECK(insist(third, purchase_of("쑥차 50g"), "third").status == 201);
  CHECK(third.stop() == 0);
  pair.end();
}

TEST_CASE("An instance with another cluster secret is told apart, and both logs say so") {
  Shop shop({"--instance-name", "first"});
  const Json term = writer_of(shop.jangbu).at("term");
  const TemporaryFolder folder;
  const auto secret = folder.path() / "secret";
  std::ofstream(secret) << std::string(40, 's');
  std::filesystem::permissions(secret, std::filesystem::perms::owner_read);
  const int ports = free_port_base();
  const auto stranger =
      run_jangbu({"serve", "--port-base", std::to_string(ports), "--nats-url", shop.nats.url(),
                  "--nats-monitor-url", shop.nats.monitor_url(), "--database", shop.database,
                  "--data", folder.path() / "data", "--cluster-secret", secret},
                 folder.path() / "log");
  wait_until("the reason", [&] {
    if (!accepts_connections(ports)) return false;
    return writer_of(ports).value("reason", "").find("cluster secret") != std::string::npos;
  });
  CHECK(HttpClient(ports).get("/health/ready").status == 503);
  CHECK_THAT(stranger->log_text(), ContainsSubstring("cluster secret"));
  CHECK_THAT(shop.jangbu.log_text(), ContainsSubstring("is not understood"));
  CHECK(state_of(shop.jangbu) == "active");
  CHECK(writer_of(shop.jangbu).at("term") == term);
  CHECK(stranger->stop(SIGTERM) == 0);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Of two instances that start at the same moment on an empty log one becomes active") {
  const NatsServer nats;
  PostgresServer postgres({"fsync=off"});
  const std::string database = postgres.create_database();
  const TemporaryFolder folder;
  const int ports[] = {free_port_base(), free_port_base()};
  std::vector<std::unique_ptr<Process>> instances;
  for (const int port : ports) {
    const auto own = folder.path() / std::to_string(port);
    instances.push_back(
        run_jangbu({"serve", "--port-base", std::to_string(port), "--nats-url", nats.url(),
                    "--nats-monitor-url", nats.monitor_url(), "--database", database, "--data", own,
                    "--quote-secret", "what both instances know"},
                   own.string() + ".log"));
  }
  Json one, other;
  wait_until("one to be active, and both to know", [&] {
    if (!accepts_connections(ports[0]) || !accepts_connections(ports[1])) return false;
    one = writer_of(ports[0]);
    other = writer_of(ports[1]);
    return one.at("active") == other.at("active") && one.at("active") != "";
  });
  CHECK((one.at("state") == "active") != (other.at("state") == "active"));
  CHECK(one.at("term") == other.at("term"));
  for (const auto& instance : instances) CHECK(instance->stop(SIGTERM) == 0);
}
