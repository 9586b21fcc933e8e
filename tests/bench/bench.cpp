// Measures purchases a second, and SQL transactions beside them. See README.md.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bench_shop.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/sql_load.hpp"
#include "tests/support/process.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;

struct Flags {
  int seconds = 5;
  int repetitions = 3;
  std::vector<std::size_t> connections{1, 16, 64, 256};
  std::vector<std::size_t> sql_clients{8, 16, 32, 64};
  std::size_t accounts = 1'000;
  std::size_t products = 10'000;
  std::string projector = "both";
  bool keys = false;
  bool tls = false;
  bool no_pgbench = false;
  bool json = false;
};

void add_flags(CLI::App& app, Flags& flags) {
  app.option_defaults()->always_capture_default();
  app.add_option("--seconds", flags.seconds, "Length of a round")->check(CLI::Range(1, 3600));
  app.add_option("--repetitions", flags.repetitions, "Rounds of each kind")
      ->check(CLI::Range(1, 100));
  app.add_option("--connections", flags.connections, "Numbers of connections")
      ->delimiter(',')
      ->check(CLI::Range(1, 256));
  app.add_option("--sql-clients", flags.sql_clients,
                 "Numbers of SQL clients; the best is what jangbu is compared with")
      ->delimiter(',')
      ->check(CLI::Range(1, 256));
  app.add_option("--accounts", flags.accounts, "Buyers")->check(CLI::Range(1, 1'000'000));
  app.add_option("--products", flags.products, "Products")->check(CLI::Range(1, 1'000'000));
  app.add_option("--projector", flags.projector,
                 "Whether the projector fills the read models beside the purchases")
      ->check(CLI::IsMember({"on", "off", "both"}));
  app.add_flag("--keys", flags.keys, "Send an idempotency key of its own with each purchase");
  app.add_flag(
      "--tls", flags.tls,
      "Buy over HTTPS (P-256 key); tells also how many full handshakes a second there are");
  app.add_flag("--no-pgbench", flags.no_pgbench, "Leave out the SQL transactions");
  app.add_flag("--json", flags.json, "Print JSON instead of tables");
}

void tell(const std::string& text) {
  std::cerr << text << std::endl;
}

void measure_jangbu(BenchShop& shop, Cell& cell, const Flags& flags) {
  const std::uint64_t commits_before = shop.position(), bought_before = shop.bought();
  const CpuTimes cpu_before = cpu_times();
  const auto start = std::chrono::steady_clock::now();
  cell.jangbu.add(shop.purchases({.connections = cell.connections,
                                  .time = std::chrono::seconds(flags.seconds),
                                  .hot = cell.hot,
                                  .keys = flags.keys}));
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  const CpuTimes cpu = cpu_times().since(cpu_before);
  const auto bought = static_cast<double>(shop.bought() - bought_before);
  cell.purchases_per_commit.add(bought / static_cast<double>(shop.position() - commits_before));
  for (const auto& [program, seconds] : cpu.by_program)
    cell.cpu_us[program].add(seconds * 1e6 / bought);
  const double available = time.count() * std::thread::hardware_concurrency();
  cell.others.add(std::max(0.0, cpu.all - cpu.ours()) / available);
}

std::vector<SqlCell> sql_cells(const Flags& flags, bool projector) {
  std::vector<SqlCell> all;
  for (const bool hot : {false, true})
    for (const SqlJob job : {SqlJob::state, SqlJob::read_models})
      for (const std::size_t clients : flags.sql_clients)
        all.push_back(
            {.projector = projector, .hot = hot, .job = job, .clients = clients, .speed = {}});
  return all;
}

std::vector<Cell> cells(const Flags& flags, bool projector) {
  std::vector<Cell> all;
  for (const bool hot : {false, true})
    for (const std::size_t connections : flags.connections)
      all.push_back({.projector = projector, .hot = hot, .connections = connections});
  return all;
}

// All rounds of a shop, jangbu's and SQL's in turn, one repetition after the other, so that a
// change of the machine's mood hits all alike.
void measure(Report& report, const Flags& flags, bool projector) {
  const std::string on_or_off = projector ? "on" : "off";
  const test::TemporaryFolder folder;
  Servers servers;
  if (report.versions.empty()) report.versions = versions(servers, folder.path());
  tell("projector " + on_or_off + ": loading " + std::to_string(flags.accounts) + " accounts and " +
       std::to_string(flags.products) + " products");
  BenchShop shop(servers, servers.postgres.create_database(), projector, flags.accounts,
                 flags.products, {"--no-publisher"}, flags.tls);
  if (flags.tls) {
    const int port = shop.process().port(test::Service::purchase);
    tell("full TLS handshakes, one after the other: " +
         std::to_string(std::lround(handshakes_per_second(port, std::chrono::seconds(2)))) +
         " a second");
  }
  std::optional<SqlShop> sql;
  if (!flags.no_pgbench)
    sql.emplace(servers.postgres.create_database(), folder.path(), flags.accounts, flags.products);

  auto all = cells(flags, projector);
  std::vector<SqlCell> all_sql;
  if (sql) all_sql = sql_cells(flags, projector);
  for (int repetition = 1; repetition <= flags.repetitions; ++repetition) {
    for (Cell& cell : all) {
      tell("projector " + on_or_off + ", round " + std::to_string(repetition) + " of " +
           std::to_string(flags.repetitions) + ", " + (cell.hot ? "one product" : "all products") +
           ", " + std::to_string(cell.connections) + " connections");
      const std::uint64_t wal_before = shop.wal_written(), bought_before = shop.bought();
      measure_jangbu(shop, cell, flags);
      if (projector) {
        const auto end = std::chrono::steady_clock::now();
        shop.catch_up();
        const std::chrono::duration<double> behind = std::chrono::steady_clock::now() - end;
        cell.behind_s.add(behind.count());
        cell.wal_bytes.add(static_cast<double>(shop.wal_written() - wal_before) /
                           static_cast<double>(shop.bought() - bought_before));
      }
    }
    for (SqlCell& cell : all_sql) {
      tell("SQL, round " + std::to_string(repetition) + " of " + std::to_string(flags.repetitions) +
           ", " + (cell.hot ? "one product" : "all products") + ", " +
           (cell.job == SqlJob::state ? "state" : "read models") + ", " +
           std::to_string(cell.clients) + " clients");
      cell.speed.add(sql->run(
          {.clients = cell.clients, .seconds = flags.seconds, .hot = cell.hot, .job = cell.job}));
    }
  }
  tell("projector " + on_or_off + ": comparing answers, log and read models");
  report.audits[on_or_off] = shop.audit();
  report.cells.insert(report.cells.end(), all.begin(), all.end());
  report.sql.insert(report.sql.end(), all_sql.begin(), all_sql.end());
}

int benchmark(const Flags& flags) {
  Report report{.machine = {},
                .versions = {},
                .repetitions = flags.repetitions,
                .seconds = flags.seconds,
                .accounts = flags.accounts,
                .products = flags.products,
                .keys = flags.keys,
                .cells = {},
                .sql = {},
                .audits = {}};
  {
    const test::TemporaryFolder folder;
    report.machine = inspect_machine(folder.path());
  }
  if (flags.projector != "off") measure(report, flags, true);
  if (flags.projector != "on") measure(report, flags, false);
  if (flags.json)
    std::cout << to_json(report).dump(2) << '\n';
  else
    print(report, std::cout);
  return report.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Purchases a second over HTTP, beside SQL transactions", "tests/bench/run"};
  Flags flags;
  add_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return benchmark(flags);
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
