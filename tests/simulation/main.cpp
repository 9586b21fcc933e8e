// Simulates shops, one seed after the other, until a rule is broken or the time is up. README.md
// tells how to run it.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <optional>
#include <string>

#include "tests/simulation/shop.hpp"

namespace jangbu::simulation {
namespace {

using ull = unsigned long long;

struct Options {
  std::optional<std::uint64_t> seed;
  std::uint64_t first = 1;
  double seconds = 20;
};

// Returns what was violated.
std::optional<std::string> run(World& world, Totals& totals) {
  Shop shop(world);
  std::optional<std::string> violated;
  try {
    shop.run();
  } catch (const std::exception& violation) {
    violated = violation.what();
  }
  totals += shop.totals();
  return violated;
}

// The same world again, in words.
int tell(std::uint64_t seed) {
  World world(seed, true);
  Totals totals;
  const auto violated = run(world, totals);
  for (const std::string& note : world.notes()) std::printf("%s\n", note.c_str());
  if (violated)
    std::printf("\nVIOLATED with --seed %llu, after %.4f s: %s\n", ull(seed), totals.virtual_s,
                violated->c_str());
  return violated ? 1 : 0;
}

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void print(const Totals& totals, double seconds) {
  const auto count = [](const char* what, std::uint64_t number) {
    std::printf("%-28s %llu\n", what, ull(number));
  };
  count("shops", totals.worlds);
  count("  with a broken fence", totals.void_worlds);
  count("take-overs (terms)", totals.terms);
  count("  an hour of processor time",
        static_cast<std::uint64_t>(static_cast<double>(totals.terms) * 3600 / seconds));
  count("processes killed", totals.kills);
  count("  stalled", totals.stalls);
  count("  told to hand over", totals.hand_overs);
  count("networks or servers cut", totals.cuts);
  count("commits", totals.commits);
  count("  void", totals.voids);
  count("recorded", totals.recorded);
  count("repeated", totals.repeated);
  count("unchanged", totals.unchanged);
  count("offers", totals.offers);
  count("refused", totals.refused);
  count("not done", totals.not_done);
  count("unknown", totals.unknown);
  count("steps", totals.steps);
  std::printf("%-28s %.0f s in %.1f s\n", "simulated", totals.virtual_s, seconds);
}

int run_all(const Options& options) {
  Totals totals;
  for (std::uint64_t seed = options.first; processor_seconds() < options.seconds; ++seed) {
    World world(seed);
    if (!run(world, totals)) continue;
    tell(seed);
    std::printf("found in shop %llu, after %.1f s and %llu take-overs\n",
                ull(seed - options.first + 1), processor_seconds(), ull(totals.terms));
    return 1;
  }
  print(totals, processor_seconds());
  return 0;
}

}  // namespace
}  // namespace jangbu::simulation

int main(int argc, char** argv) {
  using namespace jangbu::simulation;
  Options options;
  CLI::App app("Simulates shops of several instances, until a rule is broken or the time is up.");
  app.add_option("--seconds", options.seconds, "Processor time to spend")->capture_default_str();
  app.add_option("--first", options.first, "The first shop's seed; the next one's is one more")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Only the shop of this seed, in words");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::off);
  return options.seed ? tell(*options.seed) : run_all(options);
}
