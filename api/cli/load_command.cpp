#include "api/cli/load_command.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/cli/progress.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"
#include "api/load/json.hpp"
#include "api/load/run.hpp"
#include "infra/ids.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

namespace {

using namespace std::chrono_literals;
using loadgen::LoadRun;
using loadgen::Second;
using loadgen::Snapshot;
using loadgen::State;

struct LoadFlags {
  loadgen::Options options;
  Instances instances;  // purchases take turns among them
  bool json = false;
};

// --- For people ----------------------------------------------------------------------------------

std::string right(const std::string& text, std::size_t width) {
  return (text.size() < width ? std::string(width - text.size(), ' ') : "") + text;
}

std::string ms(std::chrono::microseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(time.count()) / 1'000);
  return text;
}

std::string refusals(const std::map<std::string, std::uint64_t>& refused) {
  std::string text;
  for (const auto& [code, count] : refused)
    text += (text.empty() ? "" : ", ") + code + " " + grouped(count);
  return text;
}

std::uint64_t sum(const std::map<std::string, std::uint64_t>& refused) {
  std::uint64_t all = 0;
  for (const auto& [code, count] : refused) all += count;
  return all;
}

constexpr const char* heading =
    "SECOND  PURCHASES   P50 MS   P90 MS   P99 MS   MAX MS   BEHIND  REFUSED\n";

std::string row(const Second& second) {
  const loadgen::Latencies& latencies = second.latencies;
  const std::string text = right(std::to_string(second.second), 6) +
                           right(grouped(second.purchased), 11) + right(ms(latencies.p50), 9) +
                           right(ms(latencies.p90), 9) + right(ms(latencies.p99), 9) +
                           right(ms(latencies.max), 9) + right(grouped(second.behind), 9) + "  " +
                           refusals(second.refused);
  return text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
}

// Prints the lines of the table that have not been printed yet.
class Table {
 public:
  bool lacks(const Snapshot& snapshot) const { return printed_ < snapshot.figures.seconds.size(); }

  void print_new(const Snapshot& snapshot) {
    const auto& seconds = snapshot.figures.seconds;
    if (printed_ == 0 && !seconds.empty()) print(heading);
    for (; printed_ < seconds.size(); ++printed_) print(row(seconds[printed_]));
    flush_output();
  }

 private:
  std::size_t printed_ = 0;
};

void print_summary(const Snapshot& end) {
  const loadgen::Figures& figures = end.figures;
  const loadgen::Latencies& latencies = figures.overall;
  const double seconds =
      static_cast<double>(end.finished_at.value_or(end.started_at).ms - end.started_at.ms) / 1'000;
  std::string text;
  if (figures.sent > 0) {
    text +=
        "\n" + grouped(figures.sent) + " of " +
        grouped(static_cast<std::uint64_t>(end.options.purchases())) +
        " sent: " + grouped(figures.purchased) + " purchased, " + grouped(sum(figures.refused)) +
        " refused" + (figures.refused.empty() ? "" : " (" + refusals(figures.refused) + ")") +
        "\nfrom when they were due: p50 " + ms(latencies.p50) + " ms, p90 " + ms(latencies.p90) +
        " ms, p99 " + ms(latencies.p99) + " ms, max " + ms(latencies.max) + " ms\n";
    if (figures.repeated > 0)
      text += grouped(figures.repeated) + " had an uncertain outcome and were retried, " +
              grouped(figures.uncertain) + " of them are still uncertain\n";
    if (figures.not_sent > 0)
      text += "the shop could not keep up: " + grouped(figures.not_sent) + " not sent\n";
  }
  if (!end.invariants.empty()) {
    text += "\nchecked against " + grouped(end.checked) + " events of the log:\n";
    for (const loadgen::Invariant& one : end.invariants)
      text += std::string(one.ok ? "ok        " : "VIOLATED  ") + one.name + ": " +
              visible(one.detail) + "\n";
  }
  print(text);
  tell("the load " + end.run + " took " +
       ms(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1'000))) + " s" +
       (end.options.keep ? "; its accounts and products are kept" : ""));
}

// -------------------------------------------------------------------------------------------------

void raise_descriptor_limit() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
}

// Shows the run while it lasts: on a terminal the table's lines as they come, and its progress
// below them.
class Watch {
 public:
  explicit Watch(Table* live) : live_(live) {}  // null: no lines yet

  void show(const Snapshot& now) {
    const loadgen::Figures& figures = now.figures;
    if (live_ && live_->lacks(now)) {
      if (progress_) progress_->erase();
      live_->print_new(now);
    }
    if (now.state == State::preparing) return;
    const bool checks = now.state == State::checking;
    if (!progress_ || state_ != now.state) {
      const loadgen::Options& options = now.options;
      if (checks)
        progress_.emplace(
            "checking", "events",
            figures.purchased + static_cast<std::uint64_t>(options.buyers + options.products));
      else
        progress_.emplace("buying", "purchases", static_cast<std::uint64_t>(options.purchases()));
      state_ = now.state;
    }
    progress_->show(checks ? now.checked : figures.purchased + sum(figures.refused));
  }

 private:
  Table* const live_;
  State state_ = State::preparing;
  std::optional<Progress> progress_;
};

int run_load(const LoadFlags& flags, const std::vector<ShopPlace>& places) {
  raise_descriptor_limit();
  const StopSignals signals;
  LoadRun run(flags.options, places);
  Table table;
  std::optional<int> interrupted;
  {
    const std::jthread thread([&] { run.run(); });
    Watch watch(!flags.json && ::isatty(STDOUT_FILENO) == 1 ? &table : nullptr);
    try {
      while (!run.snapshot().finished()) {
        watch.show(run.snapshot());
        const auto signal = signals.wait(100ms);
        if (!signal) continue;
        if (!interrupted) {
          tell("interrupted: settling and checking what was sent. Interrupt again to give that up");
          run.stop();
        } else {
          run.abandon();
        }
        interrupted = signal;
      }
    } catch (...) {  // nobody reads the output any more
      run.abandon();
      throw;
    }
  }
  const Snapshot end = run.snapshot();
  if (flags.json) {
    print(to_json(end, system_now()).text() + "\n");
  } else {
    table.print_new(end);
    print_summary(end);
  }
  flush_output();
  if (!end.reason.empty()) tell(end.reason);
  if (end.state == State::failed || end.violated()) return 1;
  if (interrupted) throw Interrupted{*interrupted};
  return 0;
}

template <class Value>
void bounded(CLI::App& app, const std::string& flag, Value& value, const loadgen::Range& range,
             const std::string& description) {
  app.add_option("--" + flag, value, description)
      ->check(CLI::Range(range.min, range.max))
      ->capture_default_str();
}

constexpr const char* description =
    "Buy from a running shop in a burst, then check that it stayed correct: what it acknowledged "
    "is in its log, what it refused is not, and nothing was oversold. What is bought stays in the "
    "log for ever";

constexpr const char* footer = R"(Examples:
  jangbu load                                       500 purchases/s for 10 s
  jangbu load --rate 5000 --seconds 60 --connections 64
  jangbu load --hot 1                               everybody wants the same thing
  jangbu load --port-base 12000 --json | jq .invariants
  jangbu load --host one.example,two.example --tls  an instance that dies is done without

Exit status: 0 all that was promised holds; 1 it does not, or it could not be found out; 2 wrong
usage; 130 Ctrl-C (what was sent is settled and checked; a second one gives that up).
)";

}  // namespace

void add_load(CLI::App& app, int& status) {
  const auto flags = std::make_shared<LoadFlags>();
  loadgen::Options& options = flags->options;
  CLI::App* command = app.add_subcommand("load", description);
  command->footer(footer);
  const loadgen::Bounds& bounds = loadgen::bounds;
  bounded(*command, "rate", options.rate, bounds.rate,
          "Purchases due per second, whether the shop keeps up or not");
  bounded(*command, "seconds", options.seconds, bounds.seconds, "Duration in seconds");
  bounded(*command, "buyers", options.buyers, bounds.buyers, "Accounts to open");
  bounded(*command, "products", options.products, bounds.products, "Products to list");
  command
      ->add_option("--hot", options.hot_share,
                   "Share of purchases of one hot product, of which there is half as much as will "
                   "be asked for")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  bounded(*command, "connections", options.connections, bounds.connections,
          "Kept-alive connections to buy over");
  command->add_flag("--keep", options.keep,
                    "Leave the accounts open and the products listed at the end");
  flags->instances.add_flags(*command);
  command->add_flag("--json", flags->json, "For machines");
  on_run(*command, [flags, &status] {
    const std::vector<ShopPlace> places = flags->instances.places();
    status = run_tool([&] { return run_load(*flags, places); });
  });
}

}  // namespace jangbu::cli
