// What too much load does to the shop, what an hour of load does to it, and at which rate the read
// models keep up. See README.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <exception>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bench_shop.hpp"
#include "tests/bench/lag_watch.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using test::Json;
using test::Service;

// A metric without labels, or the sum over its labels.
double metric(const std::string& text, const std::string& name) {
  double sum = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + " ") || line.starts_with(name + "{"))
      sum += std::stod(line.substr(line.rfind(' ') + 1));
  return sum;
}

std::string metrics_of(const BenchShop& shop) {
  const test::Reply reply = shop.process().client(Service::operations).get("/metrics");
  if (reply.status != 200) throw std::runtime_error("/metrics answered " + reply.body);
  return reply.body;
}

double mib(double bytes) {
  return bytes / (1024 * 1024);
}

void print_row(const std::vector<std::string>& cells, int width) {
  for (const std::string& cell : cells) std::cout << std::setw(width) << cell;
  std::cout << std::endl;
}

void print_circumstances(const Servers& servers) {
  const test::TemporaryFolder folder;
  print(inspect_machine(folder.path()), versions(servers, folder.path()), std::cout);
}

// Whether what was told, the log and the read models agree.
bool good(const BenchShop::Audit& audit) {
  std::cout << grouped(static_cast<double>(audit.answered_201)) << " purchases were acknowledged, "
            << grouped(static_cast<double>(audit.recorded)) << " are in the log; "
            << audit.wrong_stocks << " products have a wrong stock\n";
  return audit.answered_201 == audit.recorded && audit.wrong_stocks == 0;
}

// --- Overload ------------------------------------------------------------------------------------

struct OverloadFlags {
  std::size_t connections = 10'000;
  std::size_t queue = 1'000;
  int seconds = 15;
  int repetitions = 2;
};

// Rounds of 64 connections and of far too many take turns.
int overload(const OverloadFlags& flags) {
  Servers servers;
  print_circumstances(servers);
  BenchShop shop(
      servers, servers.postgres.create_database(), true, 1'000, 10'000,
      {"--queue", std::to_string(flags.queue), "--services", "account,product,purchase"});
  print_row(
      {"connections", "bought/s", "p50 ms", "p99 ms", "refused/s", "p50 ms", "p99 ms", "most MiB"},
      12);
  for (int repetition = 0; repetition < flags.repetitions; ++repetition)
    for (const std::size_t connections : {std::size_t{64}, flags.connections, std::size_t{64}}) {
      const Measured measured = shop.purchases({.connections = connections,
                                                .time = std::chrono::seconds(flags.seconds),
                                                .hot = false,
                                                .keys = true});
      print_row({std::to_string(connections), grouped(measured.per_second()),
                 with_decimals(measured.percentile_ms(0.5), 2),
                 with_decimals(measured.percentile_ms(0.99), 2),
                 grouped(static_cast<double>(measured.refusals_us.size()) / measured.seconds),
                 with_decimals(percentile_ms(measured.refusals_us, 0.5), 2),
                 with_decimals(percentile_ms(measured.refusals_us, 0.99), 2),
                 grouped(static_cast<double>(shop.process().most_memory_kib()) / 1024)},
                12);
    }
  const BenchShop::Audit audit = shop.audit();
  bool right = good(audit);
  for (const auto& [status, count] : audit.other_answers) {
    std::cout << grouped(static_cast<double>(count)) << " answers " << status << "\n";
    right = right && status == 503;
  }
  return right ? 0 : 1;
}

// --- Soak ----------------------------------------------------------------------------------------

struct SoakFlags {
  int minutes = 60;
  double share = 0.5;
  double commands = 0.1;
  std::size_t connections = 32;
};

// So many purchases stay open: about as many are closed as are made.
constexpr std::size_t stay_open = 10'000;

// Purchases on their way: one thread buys and cancels, another scans and confirms.
class Open {
 public:
  void add(std::string id) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(std::move(id));
  }
  // The oldest, if there are more than that; empty otherwise.
  std::string take(std::size_t beyond) {
    const std::lock_guard lock(mutex_);
    if (ids_.size() <= beyond) return {};
    std::string id = std::move(ids_.front());
    ids_.pop_front();
    return id;
  }
  // One that the read models have seen for long.
  std::string any(std::uint64_t random) const {
    const std::lock_guard lock(mutex_);
    return ids_.size() < stay_open ? std::string() : ids_[random % (ids_.size() / 4)];
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> ids_;
};

// What people do all day: they look, and now and then they buy, cancel, and get what they bought.
class Day {
 public:
  Day(BenchShop& shop, const SoakFlags& flags) : shop_(shop), flags_(flags) {}

  struct Lap {
    Measured purchases;
    Measured deliveries;
    double per_second() const { return purchases.per_second() + deliveries.per_second(); }
  };
  // At this rate; 0: as fast as it goes.
  Lap run(std::chrono::nanoseconds time, double per_second) {
    const auto load = [&](Service service, std::uint64_t seed) {
      std::mt19937_64 random(seed);
      return bench::run({.port = shop_.process().port(service),
                         .connections = flags_.connections,
                         .next =
                             [&](std::string& request) {
                               request = service == Service::purchase ? shopping(random)
                                                                      : delivering(random);
                               return true;
                             },
                         .answered =
                             [&](int status, std::string_view body) {
                               if (service == Service::purchase) bought(status, body);
                               count(status);
                             },
                         .time = time,
                         .per_second = per_second / 2});
    };
    ++laps_;
    auto deliveries =
        std::async(std::launch::async, [&] { return load(Service::delivery, 2 * laps_); });
    Lap lap{.purchases = load(Service::purchase, 2 * laps_ + 1), .deliveries = {}};
    lap.deliveries = deliveries.get();
    return lap;
  }

  std::map<int, std::uint64_t> answers() const {
    const std::lock_guard lock(mutex_);
    return answers_;
  }

 private:
  bool commands(std::mt19937_64& random) const {
    return static_cast<double>(random() % 10'000) < flags_.commands * 10'000;
  }
  std::string key() { return "Idempotency-Key: soak-" + std::to_string(++keys_) + "\r\n"; }

  std::string shopping(std::mt19937_64& random) {
    const Catalogue& all = shop_.catalogue();
    const std::string& buyer = all.accounts[random() % all.accounts.size()];
    if (commands(random)) {
      // Half of the other thread's commands close a purchase. With these a little more could be
      // closed than is made, so that as many stay open as shall.
      if (random() % 10 < 3)
        if (const std::string id = open_.take(stay_open); !id.empty())
          return post_request("/purchases/" + id + "/cancellation", "{}", key());
      return post_request("/purchases",
                          R"({"buyerId":")" + buyer + R"(","productId":")" +
                              all.products[random() % all.products.size()] + R"(","quantity":1})",
                          key());
    }
    const std::string id = open_.any(random());
    if (random() % 8 == 0 || id.empty()) return get_request("/purchases?limit=5&buyer=" + buyer);
    return get_request("/purchases/" + id);
  }

  // Each delivery is scanned, and then its receipt is confirmed.
  std::string delivering(std::mt19937_64& random) {
    if (commands(random)) {
      if (random() % 2 == 0)
        if (const std::string id = delivered_.take(100); !id.empty())
          return post_request("/deliveries/" + id + "/receipt", "{}", key());
      if (const std::string id = open_.take(stay_open); !id.empty()) {
        delivered_.add(id);
        return post_request("/deliveries/" + id + "/scans",
                            R"({"carrier":"CJ","trackingNumber":")" + id +
                                R"(","status":"delivered","occurredAt":"2026-01-01T00:00:00Z"})",
                            key());
      }
    }
    const std::string id = open_.any(random());
    if (random() % 8 == 0 || id.empty()) return get_request("/deliveries?limit=5");
    return get_request("/deliveries/" + id);
  }

  void bought(int status, std::string_view body) {
    constexpr std::string_view id_field = R"("id":")";
    if (status != 201) return;
    const std::size_t at = body.find(id_field);
    if (at == body.npos) throw std::runtime_error("a purchase without an id");
    open_.add(std::string(body.substr(at + id_field.size(), 36)));
  }

  void count(int status) {
    const std::lock_guard lock(mutex_);
    ++answers_[status];
  }

  BenchShop& shop_;
  const SoakFlags& flags_;
  std::uint64_t laps_ = 0;
  std::atomic<std::uint64_t> keys_{0};
  Open open_, delivered_;
  mutable std::mutex mutex_;
  std::map<int, std::uint64_t> answers_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// From a quarter of the time, when what fills at first is full, to the last one.
void print_growth(const std::string& what, const std::vector<double>& values) {
  const auto quarter = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, values.size() / 4));
  const auto second = values.begin() + std::min<std::ptrdiff_t>(quarter, std::ssize(values) - 1);
  const auto third = second + std::min<std::ptrdiff_t>(quarter, values.end() - second);
  std::cout << what << ": " << with_decimals(median({second, third}), 2)
            << " in the second quarter, "
            << with_decimals(median({values.end() - quarter, values.end()}), 2) << " in the last\n";
}

int soak(const SoakFlags& flags) {
  Servers servers;
  print_circumstances(servers);
  BenchShop shop(servers, servers.postgres.create_database(), true, 1'000, 10'000);
  Day day(shop, flags);
  constexpr auto trial = std::chrono::seconds(15);
  day.run(trial, 0);  // fills what stays open
  const double most = day.run(trial, 0).per_second();
  shop.catch_up();
  const double rate = most * flags.share;
  std::cout << "At most " << grouped(most) << " requests a second; goes on with " << grouped(rate)
            << ", " << with_decimals(flags.commands * 100, 0) << " % of them commands\n";

  print_row({"minute", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "refused", "resident MiB",
             "keys MiB", "less keys", "open", "files", "clients", "behind"},
            13);
  std::map<std::string, std::vector<double>> course;
  for (int minute = 1; minute <= flags.minutes; ++minute) {
    const Day::Lap lap = day.run(std::chrono::minutes(1), rate);
    std::vector<std::uint32_t> latencies = lap.purchases.latencies_us;
    latencies.insert(latencies.end(), lap.deliveries.latencies_us.begin(),
                     lap.deliveries.latencies_us.end());
    const std::string metrics = metrics_of(shop);
    const double resident = mib(metric(metrics, "process_resident_memory_bytes"));
    const double keys = mib(metric(metrics, "jangbu_idempotency_keys_bytes"));
    print_row(
        {std::to_string(minute), grouped(lap.per_second()),
         with_decimals(percentile_ms(latencies, 0.5), 2),
         with_decimals(percentile_ms(latencies, 0.99), 2),
         with_decimals(percentile_ms(latencies, 0.999), 2),
         grouped(static_cast<double>(lap.purchases.refusals_us.size() +
                                     lap.deliveries.refusals_us.size())),
         with_decimals(resident, 1), with_decimals(keys, 1), with_decimals(resident - keys, 1),
         grouped(metric(metrics, "jangbu_views_rows{view=\"purchases\"}")),
         grouped(metric(metrics, "process_open_fds")),
         grouped(metric(metrics, "jangbu_http_connections")),
         grouped(metric(metrics, "jangbu_projection_lag_commits"))},
        13);
    course["MiB less keys"].push_back(resident - keys);
    course["files"].push_back(metric(metrics, "process_open_fds"));
    course["p50 ms"].push_back(percentile_ms(latencies, 0.5));
    course["p99 ms"].push_back(percentile_ms(latencies, 0.99));
  }
  for (const auto& [what, values] : course) print_growth(what, values);
  bool right = true;
  for (const auto& [status, count] : day.answers()) {
    std::cout << grouped(static_cast<double>(count)) << " answers " << status << "\n";
    right = right && (status == 200 || status == 201);
  }
  return right ? 0 : 1;
}

// --- Lag -----------------------------------------------------------------------------------------

struct LagFlags {
  int minutes = 10;
  int seconds = 20;
  double most = 1;
  std::size_t connections = 64;
};

// Purchases at one rate, until it is over or the lag passes the limit.
struct Hold {
  double asked = 0;  // a second; 0: as fast as it goes
  Measured measured;
  std::vector<double> lags;  // in order of size
  CpuTimes cpu;
  double others = 0;  // the share of the processors that programs of others used

  double lag(double share) const {
    const auto rank = std::ceil(share * static_cast<double>(lags.size()));
    return lags[static_cast<std::size_t>(rank) - 1];
  }
  // Whether the read models stayed that close, and the shop took what was asked for.
  bool within(double most) const {
    return lags.back() < most && measured.per_second() > asked * 0.98;
  }
};

class LagBench {
 public:
  // PostgreSQL writes its checkpoints as often as by default: ten minutes must have some.
  explicit LagBench(const LagFlags& flags)
      : flags_(flags),
        servers_({"checkpoint_timeout=5min"}),
        shop_(servers_, servers_.postgres.create_database(), true, 1'000, 10'000) {
    print_circumstances(servers_);
    print_row({"asked/s", "bought/s", "seconds", "lag p50 s", "p99 s", "most s", "p50 ms", "p99 ms",
               "verdict"},
              12);
  }

  // Halves what is between a rate that is too high and one that is not, to 5 %.
  double search() {
    const auto time = std::chrono::seconds(flags_.seconds);
    const Hold all = hold(0, time);
    double low = 0, high = all.measured.per_second();
    if (all.within(flags_.most)) return high;
    while (low < high * 0.95) {
      const double middle = (low + high) / 2;
      (hold(middle, time).within(flags_.most) ? low : high) = middle;
      if (high < 10) throw std::runtime_error("the read models keep up with no rate");
    }
    return low;
  }

  // Holds the rate for long, and takes a tenth less while that is too much.
  int run() {
    double rate = search();
    const auto time = std::chrono::minutes(flags_.minutes);
    Hold held = hold(rate, time);
    for (; !held.within(flags_.most) && rate > 10; held = hold(rate, time)) rate *= 0.9;
    std::cout << "For " << flags_.minutes << " minutes " << grouped(held.measured.per_second())
              << " purchases a second, with a lag of p50 " << with_decimals(held.lag(0.5), 3)
              << " s, p99 " << with_decimals(held.lag(0.99), 3) << " s, most "
              << with_decimals(held.lag(1), 3) << " s\nprocessor time a second:";
    for (const auto& [program, seconds] : held.cpu.by_program)
      if (seconds / held.measured.seconds >= 0.005)
        std::cout << ' ' << program << ' ' << with_decimals(seconds / held.measured.seconds, 2);
    std::cout << ", others " << with_decimals(100 * held.others, 0) << " % of all\n";
    bool right = held.within(flags_.most);
    for (const auto& [status, count] : answers_) {
      std::cout << grouped(static_cast<double>(count)) << " answers " << status << "\n";
      right = right && status == 201;
    }
    return right ? 0 : 1;
  }

 private:
  Hold hold(double rate, std::chrono::nanoseconds time) {
    std::atomic<bool> too_far = false;
    const CpuTimes before = cpu_times();
    const auto start = std::chrono::steady_clock::now();
    LagWatch watch(shop_.process(), projection_lag,
                   [&](double seconds) { too_far = seconds >= flags_.most; });
    auto purchase = purchase_requests(shop_.catalogue(), false, false, random_);
    Hold hold{
        .asked = rate,
        .measured = bench::run(
            {.port = shop_.process().port(Service::purchase),
             .connections = flags_.connections,
             .next =
                 [&](std::string& request) { return !(rate > 0 && too_far) && purchase(request); },
             .answered = [&](int status, std::string_view) { ++answers_[status]; },
             .time = time,
             .per_second = rate}),
        .lags = watch.stop(),
        .cpu = cpu_times().since(before)};
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
    hold.others = std::max(0.0, hold.cpu.all - hold.cpu.ours()) /
                  (all.count() * std::thread::hardware_concurrency());
    std::ranges::sort(hold.lags);
    print_row({rate > 0 ? grouped(rate) : "all", grouped(hold.measured.per_second()),
               with_decimals(hold.measured.seconds, 0), with_decimals(hold.lag(0.5), 3),
               with_decimals(hold.lag(0.99), 3), with_decimals(hold.lag(1), 3),
               with_decimals(hold.measured.percentile_ms(0.5), 2),
               with_decimals(hold.measured.percentile_ms(0.99), 2),
               hold.within(flags_.most) ? "keeps up" : "too much"},
              12);
    shop_.catch_up();
    return hold;
  }

  const LagFlags& flags_;
  Servers servers_;
  BenchShop shop_;
  std::mt19937_64 random_{1};
  std::map<int, std::uint64_t> answers_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "What load does to the shop when it is too much, or lasts, or is too much for the read "
      "models",
      "tests/bench/run"};
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  OverloadFlags too_much;
  CLI::App* overloaded = app.add_subcommand("overload", "Far too many clients, and then few again");
  overloaded->add_option("--connections", too_much.connections, "How many are too many")
      ->check(CLI::Range(65, 60'000));
  overloaded->add_option("--queue", too_much.queue, "Commands that may wait for the writer")
      ->check(CLI::Range(1, 1'000'000));
  overloaded->add_option("--seconds", too_much.seconds, "Length of a round")
      ->check(CLI::Range(1, 600));
  overloaded->add_option("--repetitions", too_much.repetitions, "Rounds of each kind")
      ->check(CLI::Range(1, 100));
  SoakFlags lasting;
  CLI::App* soaked = app.add_subcommand("soak", "A share of the most that it can do, for long");
  soaked->add_option("--minutes", lasting.minutes, "How long")->check(CLI::Range(1, 10'000));
  soaked->add_option("--share", lasting.share, "Of the rate that it can do at most")
      ->check(CLI::Range(0.01, 1.0));
  soaked->add_option("--commands", lasting.commands, "Share of commands among the requests")
      ->check(CLI::Range(0.0, 1.0));
  soaked->add_option("--connections", lasting.connections, "With each of two services")
      ->check(CLI::Range(1, 1'000));
  LagFlags behind;
  CLI::App* lagging =
      app.add_subcommand("lag", "At which rate the read models keep up, and for long");
  lagging->add_option("--minutes", behind.minutes, "How long that rate is held")
      ->check(CLI::Range(1, 10'000));
  lagging->add_option("--seconds", behind.seconds, "Length of a round of the search")
      ->check(CLI::Range(1, 600));
  lagging->add_option("--most", behind.most, "The lag in seconds that is too much")
      ->check(CLI::Range(0.01, 3600.0));
  lagging->add_option("--connections", behind.connections, "That purchases come over")
      ->check(CLI::Range(1, 10'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (lagging->parsed()) return LagBench(behind).run();
    return overloaded->parsed() ? overload(too_much) : soak(lasting);
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
