// Measures what the log is read for: replay, read models and queries. See README.md.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "events/commit.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "infra/read_ahead.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/registry.hpp"
#include "projections/views/shop.hpp"
#include "projections/writing/projector.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/bench/bench_log.hpp"
#include "tests/bench/bench_shop.hpp"
#include "tests/bench/http_load.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/sql_load.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using namespace std::chrono_literals;
using test::Service;

const std::vector<std::string> all_parts{"replay", "rebuild", "live", "queries"};

struct Flags {
  std::size_t events = 2'000'000;
  int repetitions = 3;
  int seconds = 5;
  std::size_t connections = 64;
  std::vector<std::string> only = all_parts;
  bool json = false;

  bool has(const std::string& part) const {
    return std::find(only.begin(), only.end(), part) != only.end();
  }
};

void add_flags(CLI::App& app, Flags& flags) {
  app.option_defaults()->always_capture_default();
  app.add_option("--events", flags.events, "Events in the log")
      ->check(CLI::Range(20'000, 100'000'000));
  app.add_option("--repetitions", flags.repetitions, "Rounds of each kind")
      ->check(CLI::Range(1, 100));
  app.add_option("--seconds", flags.seconds, "Length of a round of queries")
      ->check(CLI::Range(1, 3600));
  app.add_option("--connections", flags.connections, "That queries come over")
      ->check(CLI::Range(1, 256));
  app.add_option("--only", flags.only, "Measure these parts only")
      ->delimiter(',')
      ->check(CLI::IsMember(all_parts));
  app.add_flag("--json", flags.json, "Print JSON instead of a table");
}

// One line of the result.
struct Figure {
  std::string name;
  Series per_second;
  std::map<std::string, Series> cpu_us;  // processor time for each, by program
  Series others;                         // the share of the processors that programs of others used
};

class Figures {
 public:
  // Adds a round: `work` tells how many there were, or how many a second.
  void measure(const std::string& name, std::uint64_t count, const std::function<void()>& work) {
    measure(name, [&] {
      const auto start = std::chrono::steady_clock::now();
      work();
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
      return Round{count, time.count()};
    });
  }

  void measure(const std::string& name, const HttpLoad& load) {
    measure(name, [&] { return Round::of(run(load)); });
  }

  void measure(const std::string& name, SqlShop& shop, const SqlShop::Round& round) {
    measure(name, [&] { return Round::of(shop.look_up(round)); });
  }

  const std::vector<Figure>& all() const { return figures_; }

 private:
  struct Round {
    std::uint64_t count;
    double seconds;

    static Round of(const Measured& measured) {
      return {measured.latencies_us.size(), measured.seconds};
    }
  };

  template <class Work>
  requires std::is_same_v<std::invoke_result_t<Work>, Round>
  void measure(const std::string& name, const Work& work) {
    const CpuTimes before = cpu_times();
    const auto start = std::chrono::steady_clock::now();
    const Round round = work();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    const CpuTimes cpu = cpu_times().since(before);
    Figure& figure = find(name);
    const auto count = static_cast<double>(round.count);
    figure.per_second.add(count / round.seconds);
    // All that was done meanwhile, a little more than what was counted.
    for (const auto& [program, seconds] : cpu.by_program)
      figure.cpu_us[program].add(seconds / time.count() * round.seconds * 1e6 / count);
    const double available = time.count() * std::thread::hardware_concurrency();
    figure.others.add(std::max(0.0, cpu.all - cpu.ours()) / available);
    std::cerr << name << ": " << grouped(count / round.seconds) << " a second" << std::endl;
  }

  Figure& find(const std::string& name) {
    const auto found = std::find_if(figures_.begin(), figures_.end(),
                                    [&](const Figure& figure) { return figure.name == name; });
    if (found != figures_.end()) return *found;
    figures_.push_back({name, {}, {}, {}});
    return figures_.back();
  }

  std::vector<Figure> figures_;
};

struct Result {
  Machine machine;
  std::map<std::string, std::string> versions;
  LogContent log;
  Figures figures;
  Series rebuild_s;               // of deliveries in all, with comparison and swap
  std::uint64_t differences = 0;  // rows of the rebuilt one that were not as those it replaced
  std::uint64_t unanswered = 0;   // queries that were not answered 200

  bool good() const { return differences == 0 && unanswered == 0; }
};

class Bench {
 public:
  Bench(Flags flags, Result& result) : flags_(std::move(flags)), result_(result) {
    result_.machine = inspect_machine(folder_.path());
    result_.versions = versions(servers_, folder_.path());
    log_ = JetStreamLog::connect(
        {.url = servers_.nats.url(), .monitor_url = servers_.nats.monitor_url()}, 10s);
    log_->create_stream();
    std::cerr << "filling the log" << std::endl;
    result_.figures.measure("append, each commit fsync'd", flags_.events,
                            [&] { result_.log = fill(*log_, flags_.events); });
  }

  // Rounds take turns, so that a busy minute of the machine hits all of them.
  void run() {
    for (int repetition = 0; repetition < flags_.repetitions; ++repetition) {
      if (flags_.has("replay")) replay();
      if (flags_.has("rebuild")) rebuild();
      if (flags_.has("live")) live();
    }
    if (flags_.has("queries")) queries();
  }

 private:
  void replay() {
    read("transfer of the commits, unread", [](const StoredCommit&) {});
    // As ReadAhead does it.
    Commit decoded;
    read("replay: every event decoded",
         [&](const StoredCommit& stored) { decode(stored, decoded); });
    // As the writer does it when it starts.
    result_.figures.measure("replay into the writer's views", result_.log.events, [&] {
      Shop shop;
      Position position;
      const Position last{result_.log.commits};
      ReadAhead reader(*log_, position, last);
      while (position < last)
        for (DecodedCommit& read : reader.next(10s))
          fold(shop, read.commit, position = read.position);
    });
  }

  void read(const std::string& name, const std::function<void(const StoredCommit&)>& work) {
    result_.figures.measure(name, result_.log.events, [&] {
      const auto reader = log_->read_from(Position{1});
      for (std::uint64_t commits = 0; commits < result_.log.commits;) {
        for (const StoredCommit& stored : reader->next(500, 10s)) {
          work(stored);
          ++commits;
        }
      }
    });
  }

  void rebuild() {
    for (const ReadModel* model : read_models())
      build("rebuild of " + std::string(model->name), std::span(&model, 1));
    const std::string database = build("rebuild of all five at once", read_models());
    replace_deliveries(database);
  }

  // Into a database of its own.
  std::string build(const std::string& name, std::span<const ReadModel* const> models) {
    const std::string database = servers_.postgres.create_database();
    result_.figures.measure(name, result_.log.events,
                            [&] { Rebuild(*log_, {.conninfo = database}).prepare(models); });
    return database;
  }

  // As `jangbu projections rebuild deliveries`.
  void replace_deliveries(const std::string& database) {
    const auto start = std::chrono::steady_clock::now();
    const Rebuilt rebuilt = Rebuild(*log_, {.conninfo = database}).rebuild(deliveries_model);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    result_.rebuild_s.add(time.count());
    const Comparison& comparison = rebuilt.comparison;
    result_.differences +=
        static_cast<std::uint64_t>(comparison.added + comparison.removed + comparison.changed);
  }

  // The projector as it follows a log that is always ahead of it. Generations that were made when
  // the log was empty keep it from loading them in bulk.
  void live() {
    const std::string database = servers_.postgres.create_database();
    MemoryLog empty;
    Rebuild(empty, {.conninfo = database}).prepare(read_models());
    result_.figures.measure("live projection into all five", result_.log.events, [&] {
      const Projector projector(*log_, {.conninfo = database});
      test::wait_until(
          "the projector",
          [&] { return projector.status().position == Position{result_.log.commits}; }, 30min);
    });
  }

  void queries() {
    const std::string database = servers_.postgres.create_database();
    Rebuild(*log_, {.conninfo = database}).prepare(read_models());
    pg::Connection({.conninfo = database}).run("VACUUM ANALYZE");
    SqlShop sql(servers_.postgres.create_database(), folder_.path(), result_.log.accounts.size(),
                result_.log.product_names.size());
    const test::ServeProcess jangbu({.nats_url = servers_.nats.url(),
                                     .nats_monitor_url = servers_.nats.monitor_url(),
                                     .database = database,
                                     .flags = {"--no-publisher"}});
    std::vector<std::string> by_name, product_by_name;
    for (const std::string& name : result_.log.account_names)
      by_name.push_back(test::percent_encoded(name));
    for (const std::string& name : result_.log.product_names)
      product_by_name.push_back(test::percent_encoded(name));
    const auto ask = [&](const std::string& name, Service service, const std::string& target,
                         const std::vector<std::string>& which) {
      result_.figures.measure(
          name, {.port = jangbu.port(service),
                 .connections = flags_.connections,
                 .next =
                     [&](std::string& request) {
                       request = get_request(target + which[random_() % which.size()]);
                       return true;
                     },
                 .answered = [this](int status,
                                    std::string_view) { result_.unanswered += status != 200; },
                 .warm_up = 500ms,
                 .time = std::chrono::seconds(flags_.seconds)});
    };
    for (int repetition = 0; repetition < flags_.repetitions; ++repetition) {
      ask("accounts by id", Service::account, "/accounts/", result_.log.accounts);
      ask("accounts by name", Service::account, "/accounts/search/findByName?name=", by_name);
      ask("products by name", Service::product,
          "/products/search/findByName?name=", product_by_name);
      ask("purchases by id", Service::purchase, "/purchases/", result_.log.purchases);
      ask("deliveries by id", Service::delivery, "/deliveries/", result_.log.purchases);
      result_.figures.measure(
          "SELECT of a row by pgbench", sql,
          {.clients = flags_.connections, .seconds = flags_.seconds, .hot = false});
    }
  }

  const Flags flags_;
  Result& result_;
  const test::TemporaryFolder folder_;
  Servers servers_;
  std::unique_ptr<JetStreamLog> log_;
  std::mt19937_64 random_{1};
};

nlohmann::ordered_json to_json(const Result& result) {
  nlohmann::ordered_json json{{"machine", bench::to_json(result.machine)},
                              {"versions", result.versions},
                              {"events", result.log.events},
                              {"commits", result.log.commits},
                              {"bytes", result.log.bytes},
                              {"results", nlohmann::ordered_json::array()}};
  for (const Figure& figure : result.figures.all()) {
    nlohmann::ordered_json line{{"name", figure.name},
                                {"perSecond", bench::to_json(figure.per_second)},
                                {"othersShareOfProcessors", bench::to_json(figure.others)}};
    for (const auto& [program, series] : figure.cpu_us)
      line["cpuMicrosecondsEach"][program] = bench::to_json(series);
    json["results"].push_back(std::move(line));
  }
  if (!result.rebuild_s.empty()) json["rebuildInAllSeconds"] = bench::to_json(result.rebuild_s);
  json["differences"] = result.differences;
  json["unanswered"] = result.unanswered;
  return json;
}

void print(const Result& result, int repetitions, std::ostream& out) {
  out << "Reading of the log, read models and queries\n\n";
  bench::print(result.machine, result.versions, out);
  out << grouped(static_cast<double>(result.log.events)) << " events in "
      << grouped(static_cast<double>(result.log.commits)) << " commits, "
      << with_decimals(static_cast<double>(result.log.bytes) / 1e6, 0) << " MB; " << repetitions
      << " rounds in turn: events, or queries, a second, median (least-most); processor time for "
         "each in microseconds\n\n";
  for (const Figure& figure : result.figures.all()) {
    const Series& rate = figure.per_second;
    out << std::left << std::setw(34) << figure.name << std::right << std::setw(11)
        << grouped(rate.median()) << std::setw(24)
        << "(" + grouped(rate.least()) + "-" + grouped(rate.most()) + ")"
        << " |";
    for (const auto& [program, series] : figure.cpu_us)
      if (series.median() >= 0.005)
        out << ' ' << program << ' ' << with_decimals(series.median(), 2);
    out << "  others " << with_decimals(100 * figure.others.median(), 0) << " %\n";
  }
  if (!result.rebuild_s.empty())
    out << "\nrebuild of deliveries that serve, with comparison and swap: "
        << with_decimals(result.rebuild_s.median(), 1) << " s\n";
  if (!result.good())
    out << "\n*** NOT AS IT SHOULD BE: " << result.differences << " rows differ after a rebuild, "
        << result.unanswered << " queries were not answered ***\n";
}

int benchmark(const Flags& flags) {
  Result result;
  Bench(flags, result).run();
  if (flags.json)
    std::cout << to_json(result).dump(2) << '\n';
  else
    print(result, flags.repetitions, std::cout);
  return result.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Replay, read models and queries, beside what they cannot be faster than",
               "tests/bench/run replay"};
  Flags flags;
  add_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("bench"));  // stdout is for the result
  try {
    return benchmark(flags);
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
