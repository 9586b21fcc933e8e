// Measures how long `jangbu serve` takes from its start until it takes commands, with a snapshot
// and without one. See README.md.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "infra/eventlog/jetstream_log.hpp"
#include "tests/bench/bench_shop.hpp"
#include "tests/bench/log_filler.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/shop_content.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Flags {
  std::uint64_t accounts = 1'000'000;
  std::uint64_t products = 100'000;
  std::uint64_t events = 10'000'000;
  int repetitions = 3;
};

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Accounts and products; then purchases, each with a key, picked up, delivered and confirmed. One
// in fifty is still on its way.
std::uint64_t fill(EventLog& log, const Flags& flags) {
  LogFiller filler(log);
  for (std::uint64_t i = 0; i < flags.accounts; ++i) filler.add(account_opened(i, filler.now()));
  for (std::uint64_t i = 0; i < flags.products; ++i) filler.add(product_listed(i, filler.now()));
  for (std::uint64_t i = 0; filler.events() < flags.events; ++i) {
    const auto purchase =
        purchase_completed(i, i * 7919 % flags.accounts, i * 7919 % flags.products, filler.now());
    filler.add(purchase, CommandKey{key_hash(i), {}});
    filler.add(delivery_scanned(purchase, DeliveryStatus::preparing, DeliveryStatus::picked_up,
                                filler.now()));
    if (i % 50 == 0) continue;
    filler.add(delivery_scanned(purchase, DeliveryStatus::picked_up, DeliveryStatus::delivered,
                                filler.now()));
    filler.add(ReceiptConfirmed{purchase.purchase, purchase.buyer, filler.now()});
  }
  filler.append();
  return filler.commits();
}

class Bench {
 public:
  explicit Bench(const Flags& flags)
      : flags_(flags), database_(servers_.postgres.create_database()) {
    {
      const auto log = JetStreamLog::connect(
          {.url = servers_.nats.url(), .monitor_url = servers_.nats.monitor_url()}, 10s);
      log->create_stream();
      std::cerr << "filling the log" << std::endl;
      end_ = fill(*log, flags_);
    }
  }

  void run() {
    for (int i = 0; i < flags_.repetitions; ++i) {
      servers_.nats.stop();
      nats_.add(seconds([&] { servers_.nats.start(); }));
      fs::remove(data() / "snapshot");
      std::cerr << "without a snapshot" << std::endl;
      start("0", without_, memory_without_)->stop(SIGTERM, 60s);
      std::cerr << "taking one" << std::endl;
      auto taking = start("1", without_, memory_without_);
      taken_.add(seconds([&] {
        test::wait_until(
            "the snapshot", [&] { return fs::exists(data() / "snapshot"); }, 10min);
      }));
      taking->stop(SIGTERM, 60s);
      std::cerr << "with a snapshot" << std::endl;
      start("0", with_, memory_with_)->stop(SIGTERM, 60s);
    }
  }

  void print(std::ostream& out) const {
    const auto line = [&](const std::string& what, const Series& series, const char* unit) {
      out << what << ": " << with_decimals(series.median(), 2) << " ("
          << with_decimals(series.least(), 2) << "-" << with_decimals(series.most(), 2) << ") "
          << unit << '\n';
    };
    out << grouped(static_cast<double>(flags_.events)) << " events in "
        << grouped(static_cast<double>(end_)) << " commits; median (least-most)\n";
    line("start with a snapshot", with_, "s");
    line("start without one", without_, "s");
    line("start of nats-server", nats_, "s");
    line("the snapshot, once the shop takes commands", taken_, "s");
    line("memory with a snapshot", memory_with_, "MB, at most");
    line("memory without one", memory_without_, "MB, at most");
    out << "size of the snapshot: "
        << with_decimals(static_cast<double>(fs::file_size(data() / "snapshot")) / 1e6, 0)
        << " MB\n";
  }

 private:
  fs::path data() const { return folder_.path() / "data"; }

  // Returns when it takes commands.
  std::unique_ptr<test::Process> start(const std::string& snapshot_events, Series& time,
                                       Series& memory) {
    const int port = test::free_port_base();
    std::unique_ptr<test::Process> process;
    time.add(seconds([&] {
      process = test::run_jangbu(
          {"serve", "--port-base", std::to_string(port), "--nats-url", servers_.nats.url(),
           "--nats-monitor-url", servers_.nats.monitor_url(), "--database", database_, "--data",
           data(), "--no-projector", "--snapshot-events", snapshot_events},
          folder_.path() / "log");
      test::wait_until(
          "jangbu serve",
          [&] {
            if (!process->running()) throw std::runtime_error(process->log_text());
            try {
              const auto ready = test::HttpClient(port).get("/health/ready");
              return ready.json.at("checks").at("writer").at("state") == "active";
            } catch (const test::NoReply&) {
              return false;
            }
          },
          10min);
    }));
    std::ifstream status("/proc/" + std::to_string(process->pid()) + "/status");
    for (std::string text; std::getline(status, text);)
      if (text.starts_with("VmHWM:"))
        memory.add(std::stod(text.substr(text.find_first_of("123456789"))) * 1024 / 1e6);
    return process;
  }

  const Flags flags_;
  const test::TemporaryFolder folder_;
  Servers servers_;
  const std::string database_;
  std::uint64_t end_ = 0;
  Series with_, without_, nats_, taken_, memory_with_, memory_without_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How long a start takes", "tests/bench/run startup"};
  Flags flags;
  app.option_defaults()->always_capture_default();
  app.add_option("--accounts", flags.accounts, "Accounts")->check(CLI::Range(1, 1'500'000));
  app.add_option("--products", flags.products, "Products")->check(CLI::Range(1, 1'500'000));
  app.add_option("--events", flags.events, "Events in the log, those of accounts among them")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--repetitions", flags.repetitions, "Rounds")->check(CLI::Range(1, 100));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    Bench bench(flags);
    bench.run();
    bench.print(std::cout);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
