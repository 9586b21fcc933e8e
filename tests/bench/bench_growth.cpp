// Measures what it costs that a shop has been in use for long: memory, start, rebuild, list queries
// and the lag of the read models, at several lengths of the log. See README.md.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "infra/eventlog/jetstream_log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/bench/bench_shop.hpp"
#include "tests/bench/growth_page.hpp"
#include "tests/bench/growth_shop.hpp"
#include "tests/bench/http_load.hpp"
#include "tests/bench/lag_watch.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using namespace std::chrono_literals;
using test::Service;
using Json = nlohmann::ordered_json;

const std::vector<std::string> all_parts{"start", "lists", "cold", "lag"};
constexpr const char* whole = "The whole shop";
constexpr std::size_t list_connections = 4, buying_connections = 64;

struct Flags {
  std::vector<std::uint64_t> events{100'000, 1'000'000, 10'000'000};
  std::vector<std::string> only = all_parts;
  double seconds = 1;
  int repetitions = 3;
  int lag_seconds = 10;
  int explain_ms = 0;
  std::string page;
  std::string page_of;
  bool json = false;

  bool has(const std::string& part) const {
    return std::find(only.begin(), only.end(), part) != only.end();
  }
};

void add_flags(CLI::App& app, Flags& flags) {
  app.option_defaults()->always_capture_default();
  app.add_option("--events", flags.events, "Events in the log, one size after the other")
      ->delimiter(',')
      ->check(CLI::Range(30'000, 100'000'000));
  app.add_option("--only", flags.only, "Measure these parts only; a rebuild is always measured")
      ->delimiter(',')
      ->check(CLI::IsMember(all_parts));
  app.add_option("--seconds", flags.seconds, "Length of a round of a kind of list")
      ->check(CLI::Range(0.1, 600.0));
  app.add_option("--repetitions", flags.repetitions, "Rounds of each kind of list")
      ->check(CLI::Range(1, 100));
  app.add_option("--lag-seconds", flags.lag_seconds, "Length of the full load")
      ->check(CLI::Range(1, 3600));
  app.add_option("--explain", flags.explain_ms,
                 "Write the plans of statements that take so many milliseconds to stderr")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--page", flags.page, "Write a page with curves there (HTML)");
  app.add_option("--page-of", flags.page_of, "Measure nothing; take the result from this JSON file")
      ->check(CLI::ExistingFile);
  app.add_flag("--json", flags.json, "Print JSON instead of a table");
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of PostgreSQL: auto_explain(F.4) tells plans.
std::vector<std::string> settings(const Flags& flags) {
  if (flags.explain_ms == 0) return {};
  return {"session_preload_libraries=auto_explain",
          "auto_explain.log_min_duration=" + std::to_string(flags.explain_ms),
          "auto_explain.log_analyze=on", "auto_explain.log_buffers=on"};
}

// Drops what the kernel remembers of files, if this may do that.
bool drop_page_cache() {
  ::sync();
  std::ofstream file("/proc/sys/vm/drop_caches");
  return static_cast<bool>(file << "1" << std::flush);
}

// One size of the log, on servers of its own.
class Bench {
 public:
  Bench(const Flags& flags, std::uint64_t events)
      : flags_(flags), servers_(settings(flags)), database_(servers_.postgres.create_database()) {
    const auto log = JetStreamLog::connect(
        {.url = servers_.nats.url(), .monitor_url = servers_.nats.monitor_url()}, 10s);
    log->create_stream();
    say("filling the log with " + grouped(static_cast<double>(events)) + " events");
    shop_ = std::make_unique<GrowthShop>(*log, events);
    say("rebuilding the read models");
    const double time =
        seconds([&] { Rebuild(*log, {.conninfo = database_}).prepare(read_models()); });
    add(whole, "rebuild of all read models", "s", "", time);
    add(whole, "rate of the rebuild", "events/s", "", static_cast<double>(shop_->events()) / time);
    // As autovacuum does it some time; statistics stay as the rebuild left them.
    pg::Connection({.conninfo = database_}).run("VACUUM");
  }

  Json run() {
    start();
    if (flags_.has("lists") || flags_.has("cold")) {
      kinds_ = shop_->lists();
      check_answers();
    }
    if (flags_.has("lists")) lists();
    if (flags_.has("cold")) cold();
    if (flags_.has("lag")) lag();
    if (flags_.explain_ms != 0) std::cerr << servers_.postgres.log_text();
    return {{"events", shop_->events()},       {"commits", shop_->commits()},
            {"purchases", shop_->purchases()}, {"pageCacheDropped", dropped_},
            {"wrongAnswers", wrong_},          {"figures", figures_}};
  }

 private:
  static void say(const std::string& text) { std::cerr << text << std::endl; }

  void add(const std::string& section, const std::string& chart, const std::string& unit,
           const std::string& curve, double value) {
    figures_.push_back({{"section", section},
                        {"chart", chart},
                        {"unit", unit},
                        {"curve", curve},
                        {"value", value}});
  }

  void wrong(const std::string& what) {
    if (++wrong_ <= 10) say("WRONG: " + what);
  }

  double resident_mib() const {
    return jangbu_->metric("process_resident_memory_bytes") / (1024 * 1024);
  }

  // The first start has no snapshot; the orderly stop leaves one.
  void start() {
    say("starting");
    const auto memory = [&](const std::string& curve, double mib) {
      add(whole, "memory of jangbu serve", "MiB", curve, mib);
    };
    const double without = seconds([&] {
      jangbu_ = std::make_unique<test::ServeProcess>(
          test::ServeProcess::Options{.nats_url = servers_.nats.url(),
                                      .nats_monitor_url = servers_.nats.monitor_url(),
                                      .database = database_,
                                      .flags = {"--no-publisher"}});
    });
    if (!flags_.has("start")) return;
    const char* time = "start";
    add(whole, time, "s", "without a snapshot", without);
    memory("after a start without a snapshot", resident_mib());
    memory("at most, without a snapshot", static_cast<double>(jangbu_->most_memory_kib()) / 1024);
    jangbu_->stop();
    add(whole, time, "s", "with a snapshot", seconds([&] { jangbu_->start(); }));
    memory("after a start with a snapshot", resident_mib());
    memory("at most, with a snapshot", static_cast<double>(jangbu_->most_memory_kib()) / 1024);
  }

  // Each question once. After this an answer is right if it is as long as one of these.
  void check_answers() {
    say("checking what " + std::to_string(kinds_.size()) + " kinds of lists answer");
    sizes_.resize(kinds_.size());
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const ListKind& kind = kinds_[i];
      auto client = jangbu_->client(kind.service);
      for (const Question& question : kind.questions) {
        const test::Reply reply = client.get(question.target);
        sizes_[i].insert(reply.body.size());
        if (reply.status != 200) {
          wrong(question.target + " answered " + reply.body);
          continue;
        }
        const test::Json& items = reply.json.at("items");
        if (items.size() != question.items)
          wrong(question.target + " has " + std::to_string(items.size()) + " items, not " +
                std::to_string(question.items));
        else if (!question.first.empty() && items.at(0).at("id") != question.first)
          wrong(question.target + " begins with " + items.at(0).dump() + ", not with " +
                question.first);
      }
    }
  }

  // Rounds take turns, so that a busy minute of the machine hits all of them.
  void lists() {
    std::vector<std::array<Series, 2>> times(kinds_.size());
    for (int repetition = 1; repetition <= flags_.repetitions; ++repetition) {
      say("lists, round " + std::to_string(repetition));
      for (std::size_t i = 0; i < kinds_.size(); ++i) {
        const ListKind& kind = kinds_[i];
        const Measured measured = bench::run(
            {.port = jangbu_->port(kind.service),
             .connections = list_connections,
             .next =
                 [&](std::string& request) {
                   request = get_request(kind.questions[random_() % kind.questions.size()].target);
                   return true;
                 },
             .answered =
                 [&](int status, std::string_view body) {
                   if (status != 200 || !sizes_[i].contains(body.size()))
                     wrong(kind.name + ": " + std::to_string(status) + " with " +
                           std::to_string(body.size()) + " bytes");
                 },
             .warm_up = 200ms,
             .time = std::chrono::nanoseconds(static_cast<std::int64_t>(flags_.seconds * 1e9))});
        times[i][0].add(measured.percentile_ms(0.5));
        times[i][1].add(measured.percentile_ms(0.99));
      }
    }
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      add(kinds_[i].section, kinds_[i].name, "ms", "p50", times[i][0].median());
      add(kinds_[i].section, kinds_[i].name, "ms", "p99", times[i][1].median());
    }
  }

  // Each kind's first answer after a restart of PostgreSQL.
  void cold() {
    say("lists after restarts of PostgreSQL");
    for (const ListKind& kind : kinds_) {
      servers_.postgres.stop();
      dropped_ = drop_page_cache();
      servers_.postgres.start();
      // The sessions are there again, and have read nothing that is asked for.
      const auto connected = [&] {
        return jangbu_->ready() &&
               jangbu_->client(Service::account)
                       .get("/accounts?after=00000000-0000-7000-8000-000000000000")
                       .status == 200;
      };
      test::wait_until("queries after a restart of PostgreSQL", connected);
      const Question& question = kind.questions[random_() % kind.questions.size()];
      auto client = jangbu_->client(kind.service);
      test::Reply reply;
      const double time = seconds([&] { reply = client.get(question.target); });
      if (reply.status != 200) wrong(question.target + " answered " + reply.body);
      add(kind.section, kind.name, "ms", "first after a restart", time * 1e3);
    }
  }

  void lag() {
    say("full load");
    const Catalogue catalogue = shop_->catalogue();
    LagWatch watch(*jangbu_, projection_lag);
    const Measured measured =
        bench::run({.port = jangbu_->port(Service::purchase),
                    .connections = buying_connections,
                    .next = purchase_requests(catalogue, false, false, random_),
                    .answered =
                        [&](int status, std::string_view body) {
                          if (status != 201) wrong("a purchase was answered " + std::string(body));
                        },
                    .time = std::chrono::seconds(flags_.lag_seconds)});
    const double catching_up = seconds([&] {
      test::wait_until(
          "the read models", [&] { return jangbu_->metric("jangbu_projection_lag_commits") == 0; },
          30min);
    });
    std::vector<double> lags = watch.stop();
    std::ranges::sort(lags);
    const std::string section = "Full load, " + std::to_string(flags_.lag_seconds) + " s of it";
    add(section, "lag of the read models", "s", "p50", lags[lags.size() / 2]);
    add(section, "lag of the read models", "s", "at most", lags.back());
    add(section, "lag of the read models", "s", "caught up after", catching_up);
    add(section, "purchases", "/s", "", measured.per_second());
    add(section, "latency of a purchase", "ms", "p50", measured.percentile_ms(0.5));
    add(section, "latency of a purchase", "ms", "p99", measured.percentile_ms(0.99));
  }

  const Flags& flags_;
  Servers servers_;
  const std::string database_;
  std::unique_ptr<GrowthShop> shop_;
  std::unique_ptr<test::ServeProcess> jangbu_;
  std::vector<ListKind> kinds_;
  std::vector<std::set<std::size_t>> sizes_;  // of right answers, by kind
  std::mt19937_64 random_{1};
  Json figures_ = Json::array();
  bool dropped_ = false;
  std::uint64_t wrong_ = 0;
};

std::string now() {
  std::array<char, 32> text;
  const std::time_t time = std::time(nullptr);
  return {text.data(), std::strftime(text.data(), text.size(), "%F %R UTC", std::gmtime(&time))};
}

void write_page(const Flags& flags, const Json& result) {
  if (flags.page.empty()) return;
  std::ofstream file(flags.page);
  file << growth_page(result);
  if (!file.flush()) throw std::runtime_error(flags.page + " could not be written");
}

Json measure(const Flags& flags, const std::string& command) {
  Json result;
  {
    const test::TemporaryFolder folder;
    result = {{"command", command},
              {"date", now()},
              {"machine", bench::to_json(inspect_machine(folder.path()))},
              {"versions", versions(Servers(), folder.path())},
              {"sizes", Json::array()}};
  }
  for (const std::uint64_t events : flags.events) {
    result["sizes"].push_back(Bench(flags, events).run());
    write_page(flags, result);  // what there is, should the next one fail
  }
  return result;
}

int benchmark(const Flags& flags, const std::string& command) {
  const Json result =
      flags.page_of.empty() ? measure(flags, command) : Json::parse(std::ifstream(flags.page_of));
  write_page(flags, result);
  if (flags.json)
    std::cout << result.dump(2) << '\n';
  else
    std::cout << growth_text(result);
  return std::ranges::all_of(result.at("sizes"),
                             [](const Json& size) { return size.at("wrongAnswers") == 0; })
             ? 0
             : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What it costs that the log grows", "tests/bench/run growth"};
  Flags flags;
  add_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::string command = "tests/bench/run growth";
  for (int i = 1; i < argc; ++i) command.append(" ").append(argv[i]);
  spdlog::set_default_logger(spdlog::stderr_logger_mt("bench"));  // stdout is for the result
  try {
    return benchmark(flags, command);
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
