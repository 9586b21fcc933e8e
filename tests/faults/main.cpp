// Rounds of faults under load, and then the question whether the shop kept its promise. README.md
// tells how to run it.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <sstream>

#include "tests/faults/checker.hpp"
#include "tests/faults/clients.hpp"
#include "tests/faults/faulty_shop.hpp"
#include "tests/faults/public_checker.hpp"

namespace jangbu::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto recovery_deadline = 60s;
constexpr auto tools_deadline = 20s;

struct Options {
  Form form = Form::single;
  std::size_t rounds = 20;
  std::size_t season = 10;  // rounds of one shop
  std::uint64_t seed = 1;
  unsigned clients = 16;
  int outage_s = 10;
  std::vector<std::string> only;
  std::string evidence = "faults-evidence";
};

struct Totals {
  std::map<std::string, std::size_t> rounds;  // by fault
  std::size_t commands = 0, acknowledged = 0, refused = 0, uncertain_tries = 0, turned_away = 0;
  std::size_t queries = 0, commits = 0, claims = 0, voids = 0, published = 0, from_snapshot = 0;
  double conflicts = 0, resends = 0;
  std::chrono::milliseconds two_at_once{0};
};

// Counters of processes that start again from 0.
class Metric {
 public:
  Metric(std::string name, double& total) : name_(std::move(name)), total_(total) {}

  void look(const ServeProcess& jangbu) {
    const double now = jangbu.metric(name_);
    total_ += now >= last_ ? now - last_ : now;
    last_ = now;
  }

 private:
  const std::string name_;
  double& total_;
  double last_ = 0;
};

// --- What is left for people to look at ----------------------------------------------------------

const char* to_string(Answer answer) {
  switch (answer) {
    case Answer::acknowledged:
      return "acknowledged";
    case Answer::refused:
      return "refused";
    case Answer::turned_away:
      return "turned away";
    case Answer::uncertain:
      return "uncertain";
    case Answer::unexpected:
      return "unexpected";
  }
  return "";
}

void write_history(std::ostream& out, const History& history) {
  const auto begin = history.clients.front().commands.front().tries.front().begin;
  const auto ms = [&](Time time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time - begin).count();
  };
  for (const Client& client : history.clients) {
    for (const Command& command : client.commands) {
      out << command.name << (command.keyed ? "" : " without a key") << ", to '" << command.target
          << "', " << command.text << " " << command.amount;
      for (const Line& line : command.lines) out << " " << line.quantity << " of " << line.product;
      out << "\n";
      for (const Try& one : command.tries)
        out << "  " << ms(one.begin) << "-" << ms(one.end) << " ms, process " << one.server << ": "
            << to_string(one.answer) << " " << one.status << " " << one.code << " at "
            << one.position << (one.replayed ? ", replayed" : "") << "\n";
    }
    for (const Query& query : client.queries)
      out << "  " << ms(query.begin) << "-" << ms(query.end) << " ms, process " << query.server
          << ": query of " << query.id << " from " << query.min_position << ": " << query.status
          << " " << query.code << " at " << query.position << " " << query.text << " "
          << query.number << "\n";
  }
}

void keep_evidence(const std::filesystem::path& folder, const FaultyShop& shop,
                   const History& history, const std::vector<Violation>& violations) {
  std::filesystem::create_directories(folder);
  std::ofstream list(folder / "violations.txt");
  for (const Violation& one : violations) list << one.rule << ": " << one.what << "\n";
  std::ofstream all(folder / "history.txt");
  write_history(all, history);
  for (std::size_t i = 0; i < shop.instances.size(); ++i)
    std::ofstream(folder / ("jangbu-" + std::to_string(i) + ".log"))
        << shop.instances[i].jangbu.log_text();
  for (std::size_t i = 0; i < shop.nats.size(); ++i)
    std::ofstream(folder / ("nats-" + std::to_string(i) + ".log"))
        << shop.nats.server(i).log_text();
  std::ofstream(folder / "postgres.log") << shop.postgres.log_text();
  const auto tool = run_jangbu({"events", "list", "--json", "--nats-url", shop.nats.urls()},
                               folder / "log.ndjson");
  tool->wait(60s);
}

// --- Rounds --------------------------------------------------------------------------------------

// One shop, from its opening to the reckoning.
class Season {
 public:
  Season(const Options& options, std::uint64_t seed, Totals& totals)
      : options_(options),
        random_(seed),
        totals_(totals),
        shop_(options.form),
        clients_(shop_.servers(), seed) {
    for (std::size_t i = 0; i < shop_.instances.size(); ++i)
      metrics_.push_back({Metric("jangbu_writer_conflicts_total", totals_.conflicts),
                          Metric("jangbu_writer_resends_total", totals_.resends)});
  }

  ~Season() { enough_ = true; }

  // One round. False when the shop does not work again by itself.
  bool suffer(const Fault& fault, std::chrono::seconds outage) {
    let_pass(random_, 300ms, 1'200ms);
    ++totals_.rounds[fault.name];
    try {
      fault.happen(shop_, random_, outage);
    } catch (const std::exception& error) {
      violations_.push_back({"the servers go on", std::string(fault.name) + ": " + error.what()});
      return false;
    }
    return recovers(fault);
  }

  void begin() {
    clients_.start(options_.clients);
    for (const auto& ports : shop_.servers()) observers_.push_back(observe(ports.front()));
  }

  // What is wrong.
  std::vector<Violation> reckon() {
    const bool well = violations_.empty();
    History history = clients_.finish(well);
    history.outages = shop_.outages;
    stop_observing(history);
    count(history);
    shop_.nats.wait_current();
    const auto log = read_log(nats_port());
    totals_.commits += log.size();
    for (const LogCommit& commit : log) {
      totals_.voids += commit.is_void ? 1 : 0;
      totals_.claims += !commit.is_void && commit.events.empty() ? 1 : 0;
    }
    if (!reach(shop_.database, log.size(), 60) && well)
      violations_.push_back({"read models catch up", "not within 60 s"});
    note(check(history, log, read_rows(shop_.database)));
    note(check_public(log, published(log)));
    look_at_snapshots();
    if (well) second_opinion();
    if (!violations_.empty()) keep_evidence(options_.evidence, shop_, history, violations_);
    return violations_;
  }

 private:
  void note(const std::vector<Violation>& found) {
    violations_.insert(violations_.end(), found.begin(), found.end());
  }

  // The public stream, once the publisher has reached the log's end, or has had time to.
  std::vector<PublicEvent> published(const std::vector<LogCommit>& log) {
    const std::size_t all = public_events(log).size();
    const auto until = Clock::now() + recovery_deadline;
    while (last_sequence(nats_port(), "SHOP_PUBLIC") < all && Clock::now() < until)
      let_pass(random_, 20ms, 20ms);
    auto stream = read_public(nats_port());
    totals_.published += stream.size();
    return stream;
  }

  bool recovers(const Fault& fault) {
    const auto until = Clock::now() + recovery_deadline;
    const std::size_t settled = clients_.settled() + 20;
    const std::size_t answered = clients_.answered() + 5;
    std::string trouble;
    while (Clock::now() < until) {
      const auto found = shop_.trouble();
      if (!found && clients_.settled() >= settled && clients_.answered() >= answered) {
        look_at_metrics();
        return true;
      }
      trouble = found.value_or("commands and queries do not come through");
      let_pass(random_, 20ms, 20ms);
    }
    violations_.push_back(
        {"everything recovers by itself", std::string("after ") + fault.name + ": " + trouble});
    return false;
  }

  int nats_port() const { return shop_.nats.server(0).port(); }

  void look_at_metrics() {
    for (std::size_t i = 0; i < metrics_.size(); ++i)
      for (Metric& metric : metrics_[i]) metric.look(shop_.instances[i].jangbu);
  }

  // Asks one process again and again whether it is active.
  std::future<std::vector<Belief>> observe(int operations_port) {
    const int server = static_cast<int>(observers_.size());
    return std::async(std::launch::async, [this, operations_port, server] {
      HttpClient operations(operations_port);
      std::vector<Belief> beliefs;
      while (!enough_) {
        ::poll(nullptr, 0, 100);
        Belief belief{.server = server, .begin = Clock::now(), .end = {}};
        try {
          const Reply reply = operations.get("/health/ready");
          belief.active = reply.json.at("checks").at("writer").at("state") == "active";
        } catch (const std::runtime_error&) {
          continue;  // it does not run, or hangs
        }
        belief.end = Clock::now();
        beliefs.push_back(belief);
      }
      return beliefs;
    });
  }

  void stop_observing(History& history) {
    enough_ = true;
    for (auto& observer : observers_) {
      auto beliefs = observer.get();
      std::ranges::move(beliefs, std::back_inserter(history.beliefs));
    }
    if (std::ranges::none_of(history.beliefs, &Belief::active))
      violations_.push_back({"somebody is active", "no process has ever said so"});
    totals_.two_at_once = std::max(totals_.two_at_once, longest_two_at_once(history.beliefs));
  }

  void count(const History& history) {
    for (const Client& client : history.clients) {
      totals_.commands += client.commands.size();
      totals_.queries += client.queries.size();
      for (const Command& command : client.commands) {
        const Answer last = command.tries.back().answer;
        totals_.acknowledged += last == Answer::acknowledged ? 1 : 0;
        totals_.refused += last == Answer::refused ? 1 : 0;
        for (const Try& one : command.tries) {
          totals_.uncertain_tries += one.answer == Answer::uncertain ? 1 : 0;
          totals_.turned_away += one.answer == Answer::turned_away ? 1 : 0;
        }
      }
    }
  }

  // Whenever it was killed, there was a whole one, or none yet.
  void look_at_snapshots() {
    for (const auto& instance : shop_.instances) {
      std::istringstream lines(instance.jangbu.log_text());
      for (std::string line; std::getline(lines, line);) {
        if (line.find("the snapshot of position") != line.npos) ++totals_.from_snapshot;
        if (line.find("cannot be used") != line.npos)
          violations_.push_back({"snapshots are whole", line});
      }
    }
  }

  // The shop's own tools agree, and it ends in order.
  void second_opinion() {
    // What the tools need may be away for a moment yet: right after an election nats-servers make
    // no consumers.
    const auto expect_0 = [&](const std::string& what, std::vector<std::string> arguments) {
      arguments.insert(arguments.end(), {"--nats-url", shop_.nats.urls()});
      std::string said;
      const auto agrees = [&] {
        const TemporaryFolder folder;
        const auto tool = run_jangbu(arguments, folder.path() / "log");
        const bool agreed = tool->wait(120s) == 0;
        said = tool->log_text();
        return agreed;
      };
      const auto until = Clock::now() + tools_deadline;
      bool agreed = agrees();
      while (!agreed && Clock::now() < until) {
        let_pass(random_, 500ms, 500ms);
        agreed = agrees();
      }
      if (!agreed) violations_.push_back({"the tools agree", what + ": " + said});
    };
    expect_0("events verify", {"events", "verify"});
    if (options_.form == Form::cluster)
      expect_0("events verify --replicas", {"events", "verify", "--replicas"});
    for (const char* model : {"accounts", "products", "purchases", "deliveries", "history"})
      expect_0(std::string("projections diff ") + model,
               {"projections", "diff", model, "--database", shop_.database});
    for (auto& instance : shop_.instances) {
      if (const int status = instance.jangbu.stop(40s); status != 0)
        violations_.push_back({"it ends in order", "exit status " + std::to_string(status)});
      if (const std::string report = instance.jangbu.sanitizer_report(); !report.empty())
        violations_.push_back({"sanitizers find nothing", report});
    }
  }

  const Options& options_;
  Random random_;
  Totals& totals_;
  FaultyShop shop_;
  Clients clients_;
  std::vector<Violation> violations_;
  std::vector<std::array<Metric, 2>> metrics_;  // of each instance
  std::atomic<bool> enough_ = false;
  std::vector<std::future<std::vector<Belief>>> observers_;
};

void report(const Totals& totals, const std::vector<Violation>& violations) {
  std::printf("\n%-24s %s\n", "fault", "rounds");
  for (const Fault& fault : faults())
    if (const auto found = totals.rounds.find(fault.name); found != totals.rounds.end())
      std::printf("%-24s %6zu  %s\n", fault.name, found->second, fault.what);
  std::printf(
      "\ncommands %zu: acknowledged %zu, refused %zu; tries turned away %zu, uncertain %zu\n"
      "queries %zu; commits %zu, of which claims %zu, void %zu; events published %zu; writers' "
      "conflicts %.0f, resends %.0f; starts from a snapshot %zu; two were active for %lld ms at "
      "most\n"
      "violations %zu\n",
      totals.commands, totals.acknowledged, totals.refused, totals.turned_away,
      totals.uncertain_tries, totals.queries, totals.commits, totals.claims, totals.voids,
      totals.published, totals.conflicts, totals.resends, totals.from_snapshot,
      static_cast<long long>(totals.two_at_once.count()), violations.size());
  std::map<std::string, std::size_t> shown;
  for (const Violation& one : violations)
    if (shown[one.rule]++ < 5)
      std::printf("  %s: %s\n", one.rule.c_str(), one.what.substr(0, one.what.find('\n')).c_str());
}

// Every fault once, in an order of its own, and then again.
class Deck {
 public:
  Deck(Form form, const std::vector<std::string>& only, Random& random) : random_(random) {
    for (const Fault& fault : faults())
      if (std::ranges::count(fault.forms, form) > 0 &&
          (only.empty() || std::ranges::count(only, fault.name) > 0))
        all_.push_back(&fault);
    if (all_.empty()) throw std::runtime_error("--only: these faults are for the other form");
  }

  const Fault& draw() {
    if (left_.empty()) {
      left_ = all_;
      std::shuffle(left_.begin(), left_.end(), random_);
    }
    const Fault* drawn = left_.back();
    left_.pop_back();
    return *drawn;
  }

 private:
  Random& random_;
  std::vector<const Fault*> all_, left_;
};

int run(const Options& options) {
  constexpr int short_outage_s = 8;
  Random random(options.seed);
  Deck deck(options.form, options.only, random);
  Totals totals;
  std::vector<Violation> violations;
  std::size_t round = 0;
  while (round < options.rounds && violations.empty()) {
    Season season(options, random(), totals);
    season.begin();
    for (std::size_t in_season = 0; in_season < options.season && round < options.rounds;
         ++in_season) {
      const Fault& fault = deck.draw();
      std::printf("round %zu: %s\n", ++round, fault.what);
      std::fflush(stdout);
      // Long outages take long: once each.
      const bool first = !totals.rounds.contains(fault.name);
      if (!season.suffer(fault,
                         std::chrono::seconds(first ? options.outage_s
                                                    : std::min(options.outage_s, short_outage_s))))
        break;
    }
    violations = season.reckon();
  }
  report(totals, violations);
  if (violations.empty()) return 0;
  std::printf("evidence is in %s; again with --seed %llu\n", options.evidence.c_str(),
              static_cast<unsigned long long>(options.seed));
  return 1;
}

}  // namespace
}  // namespace jangbu::test

int main(int argc, char** argv) {
  using namespace jangbu::test;
  Options options;
  options.seed = std::random_device{}();
  CLI::App app("Rounds of faults under load: does the shop keep its promise?");
  app.add_option("--rounds", options.rounds, "How many faults")->capture_default_str();
  app.add_flag_callback(
      "--cluster", [&] { options.form = Form::cluster; },
      "Three nats-servers and three instances, with faults of their own");
  app.add_option("--season", options.season, "How many of them befall one shop")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Chooses faults, their times and what clients do");
  app.add_option("--clients", options.clients, "How many, on a thread each")
      ->check(CLI::Range(1, 60))
      ->capture_default_str();
  app.add_option("--outage-s", options.outage_s, "Seconds of the first outage of each kind")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  std::vector<std::string> names;
  for (const Fault& fault : faults()) names.emplace_back(fault.name);
  app.add_option("--only", options.only, "Only these faults, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--evidence", options.evidence, "Folder for what is found, should there be any")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
    return run(options);
  } catch (const std::exception& error) {
    std::cerr << "jangbu_faults: " << error.what() << "\n";
    return 1;
  }
}
