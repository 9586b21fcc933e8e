// What several instances and a replicated log cost, and how long a shop pauses when one of them
// goes: purchases a second directly and through a standby, on one nats-server and on three; and the
// time from the end of the active instance, or of the log's leader, to the next purchase. See
// README.md.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "infra/ids.hpp"
#include "tests/bench/bench_shop.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"
#include "tests/support/files.hpp"
#include "tests/support/nats_cluster.hpp"
#include "tests/support/process.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using namespace std::chrono_literals;
using test::Json;
using test::Reply;
using test::ServeProcess;
using test::Service;
using Clock = std::chrono::steady_clock;

struct Flags {
  int seconds = 3;
  int repetitions = 3;
  int kills = 50;
  int stops = 10;
  int leaders = 5;
};

constexpr std::size_t products = 1'000;

// Two instances of one shop, and a client that can reach both.
class TwoInstances {
 public:
  // On a cluster of three nats-servers, or (null) on one of its own.
  explicit TwoInstances(test::NatsCluster* cluster) {
    if (!cluster) nats_ = std::make_unique<test::NatsServer>();
    const ServeProcess::Options options{
        .nats_url = cluster ? cluster->urls() : nats_->url(),
        .nats_monitor_url = cluster ? cluster->monitor_urls() : nats_->monitor_url(),
        .database = postgres_.create_database(),
        .flags = {"--no-publisher", "--replicas", cluster ? "3" : "1"}};
    instances_[0] = std::make_unique<ServeProcess>(options);
    fill();
    instances_[0].reset();
    // The tables are made; from here on the projector is not what is measured.
    ServeProcess::Options without = options;
    without.flags.emplace_back("--no-projector");
    for (auto& instance : instances_) instance = std::make_unique<ServeProcess>(without);
  }

  struct Roles {
    ServeProcess& active;
    ServeProcess& standby;
  };
  // Waits until one is active, and the other stands by and knows it.
  Roles roles() {
    std::string states[2];
    test::wait_until("an active instance and a standby", [&] {
      for (int i = 0; i < 2; ++i) states[i] = state_of(*instances_[i]);
      return (states[0] == "active" && states[1] == "standby") ||
             (states[0] == "standby" && states[1] == "active");
    });
    const int active = states[0] == "active" ? 0 : 1;
    return {*instances_[active], *instances_[1 - active]};
  }

  double purchases_per_second(const ServeProcess& at, std::size_t connections,
                              std::chrono::seconds time) {
    std::uint64_t refused = 0;
    const Measured measured = run({.port = at.port(Service::purchase),
                                   .connections = connections,
                                   .next = purchase_requests(catalogue_, false, false, random_),
                                   .answered =
                                       [&](int status, std::string_view) {
                                         if (status != 201) ++refused;
                                       },
                                   .warm_up = 500ms,
                                   .time = time});
    if (refused > 0) throw std::runtime_error(std::to_string(refused) + " were refused");
    return measured.per_second();
  }

  // Does `what`, and tells how long after that the first purchase that began later was
  // acknowledged at this instance; whoever gets 503, or no answer in time, asks again with the same
  // key.
  double ms_to_next_purchase(const ServeProcess& at, const std::function<void()>& what) {
    auto client = at.client(Service::purchase);
    buy(client);
    what();
    const auto began = Clock::now();
    buy(client);
    return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
  }

  // The longest time between two acknowledged purchases while `what` goes on, bought one after the
  // other at this instance; and how many of them needed to be asked for more than twice.
  std::pair<double, int> gap(const ServeProcess& at, const std::function<void()>& what) {
    auto client = at.client(Service::purchase);
    buy(client);
    std::atomic<bool> is_done = false;
    std::jthread doing([&] {
      what();
      is_done = true;
    });
    double longest = 0;
    int failed = 0;
    for (auto last = Clock::now(); !is_done;) {
      if (buy(client) > 2) ++failed;
      const auto now = Clock::now();
      longest = std::max(longest, std::chrono::duration<double, std::milli>(now - last).count());
      last = now;
    }
    return {longest, failed};
  }

  // Starts what was killed or stopped again, and waits until it can take over.
  static void bring_back(ServeProcess& instance) { instance.start(); }

 private:
  static std::string state_of(const ServeProcess& instance) {
    const auto ready = instance.client(Service::operations).get("/health/ready");
    return ready.json.at("checks").at("writer").at("state");
  }

  void fill() {
    auto accounts = instances_[0]->client(Service::account);
    auto list = instances_[0]->client(Service::product);
    const Json address{{"line", "1 Sejong-daero, Jongno-gu, Seoul"}, {"zipCode", "03172"}};
    catalogue_.accounts.push_back(
        created(accounts.post("/accounts", {{"name", "Buyer"}, {"address", address}})));
    for (std::size_t i = 0; i < products; ++i)
      catalogue_.products.push_back(
          created(list.post("/products", {{"name", "Product " + std::to_string(i)},
                                          {"unitPrice", {{"amount", 12'900}, {"currency", "KRW"}}},
                                          {"stock", 1'000'000'000}})));
  }

  static std::string created(const Reply& reply) {
    if (reply.status != 201) throw std::runtime_error("not created: " + reply.body);
    return reply.json.at("id");
  }

  // How many requests it took.
  int buy(test::HttpClient& client) {
    const Json body{{"buyerId", catalogue_.accounts.front()},
                    {"productId", catalogue_.products.front()},
                    {"quantity", 1}};
    const test::HttpClient::Fields key{{"Idempotency-Key", to_string(new_uuid())}};
    int requests = 0;
    test::wait_until("a purchase", [&] {
      ++requests;
      const Reply reply = client.post("/purchases", body, key);
      if (reply.status != 201 && reply.status != 503 && reply.code() != "idempotency-key-in-flight")
        throw std::runtime_error("not bought: " + reply.body);
      return reply.status == 201;
    });
    return requests;
  }

  std::unique_ptr<test::NatsServer> nats_;
  test::PostgresServer postgres_;
  std::unique_ptr<ServeProcess> instances_[2];
  Catalogue catalogue_;
  std::mt19937_64 random_{1};
};

void print_row(const std::string& name, const std::vector<std::string>& cells) {
  std::cout << std::left << std::setw(34) << name << std::right;
  for (const std::string& cell : cells) std::cout << std::setw(14) << cell;
  std::cout << std::endl;
}

// Rounds alternate, so that whatever else the machine does falls on all alike.
void measure_speed(const Flags& flags, TwoInstances& one, TwoInstances& three) {
  print_row("purchases/s", {"1 server", "standby", "3 servers", "standby"});
  for (const std::size_t connections : {1U, 64U, 256U}) {
    Series series[4];
    for (int round = 0; round < flags.repetitions; ++round) {
      const std::chrono::seconds time(flags.seconds);
      series[0].add(one.purchases_per_second(one.roles().active, connections, time));
      series[1].add(one.purchases_per_second(one.roles().standby, connections, time));
      series[2].add(three.purchases_per_second(three.roles().active, connections, time));
      series[3].add(three.purchases_per_second(three.roles().standby, connections, time));
    }
    std::vector<std::string> cells;
    for (const Series& each : series) cells.push_back(grouped(each.median()));
    print_row(std::to_string(connections) + " connections", cells);
    const auto share = [&](int of, int to) {
      return std::to_string(std::lround(100 * series[of].median() / series[to].median())) + " %";
    };
    print_row("", {"", share(1, 0), share(2, 0), share(3, 2)});
  }
}

std::vector<std::string> spread(std::vector<double> ms) {
  std::ranges::sort(ms);
  const auto at = [&](double share) {
    const auto index = static_cast<std::size_t>(std::ceil(share * static_cast<double>(ms.size())));
    return grouped(ms[std::max<std::size_t>(index, 1) - 1]);
  };
  return {std::to_string(ms.size()), at(0.5), at(0.99), at(1)};
}

void measure_pauses(const Flags& flags, TwoInstances& one, TwoInstances& three,
                    test::NatsCluster& cluster) {
  print_row("ms without a purchase, after", {"times", "median", "p99", "most"});
  std::vector<double> ms;
  for (int i = 0; i < flags.kills; ++i) {
    const auto [active, standby] = one.roles();
    ms.push_back(one.ms_to_next_purchase(standby, [&active = active] { active.kill(); }));
    TwoInstances::bring_back(active);
  }
  if (!ms.empty()) print_row("kill -9 of the active instance", spread(ms));

  ms.clear();
  for (int i = 0; i < flags.stops; ++i) {
    const auto [active, standby] = one.roles();
    ms.push_back(one.ms_to_next_purchase(standby, [&active = active] { active.signal(SIGSTOP); }));
    active.signal(SIGCONT);
  }
  if (!ms.empty()) print_row("SIGSTOP of the active instance", spread(ms));

  ms.clear();
  int failed = 0;
  for (int i = 0; i < flags.stops; ++i) {
    const auto [active, standby] = one.roles();
    const auto [gap, more_than_twice] = one.gap(standby, [&active = active] { active.stop(); });
    ms.push_back(gap);
    failed += more_than_twice;
    TwoInstances::bring_back(active);
  }
  if (!ms.empty()) {
    print_row("SIGTERM of the active instance", spread(ms));
    std::cout << "  not bought with one repetition: " << failed << "\n";
  }

  ms.clear();
  for (int i = 0; i < flags.leaders; ++i) {
    const std::size_t leader = cluster.leader_of("SHOP");
    ms.push_back(three.ms_to_next_purchase(three.roles().active, [&] { cluster.kill(leader); }));
    cluster.start(leader);
    cluster.wait_current("SHOP");
  }
  if (!ms.empty()) print_row("kill -9 of the log's leader", spread(ms));
}

void measure(const Flags& flags) {
  const test::TemporaryFolder folder;
  const Machine machine = inspect_machine(folder.path());
  std::cout << machine.processors << " × " << machine.model << ", fdatasync of 4 KiB "
            << machine.sync_p50_ms << " ms, load " << machine.load_average << "; "
            << flags.repetitions << " rounds of " << flags.seconds << " s\n";
  test::NatsCluster cluster;
  TwoInstances one(nullptr);
  TwoInstances three(&cluster);
  if (flags.repetitions > 0) measure_speed(flags, one, three);
  measure_pauses(flags, one, three, cluster);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What several instances and a replicated log cost", "tests/bench/run cluster"};
  Flags flags;
  app.option_defaults()->always_capture_default();
  app.add_option("--seconds", flags.seconds, "Length of a round")->check(CLI::Range(1, 3600));
  app.add_option("--repetitions", flags.repetitions, "Rounds of each kind")
      ->check(CLI::Range(0, 100));
  app.add_option("--kills", flags.kills, "kill -9 of the active instance, so often")
      ->check(CLI::Range(0, 1'000));
  app.add_option("--stops", flags.stops, "SIGSTOP and SIGTERM of it, so often each")
      ->check(CLI::Range(0, 1'000));
  app.add_option("--leaders", flags.leaders, "kill -9 of the log's leader, so often")
      ->check(CLI::Range(0, 1'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    measure(flags);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
