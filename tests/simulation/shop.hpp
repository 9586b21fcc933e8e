// One simulated shop from beginning to end: its hosts, its log, its clients, what happens to them,
// and the rules asked of all that.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/checker.hpp"
#include "tests/simulation/instance.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/simulated_log.hpp"
#include "tests/simulation/world.hpp"

namespace jangbu::simulation {

struct Totals : Checker::Totals {
  std::uint64_t worlds = 0, steps = 0, kills = 0, cuts = 0, stalls = 0, hand_overs = 0;
  std::uint64_t void_worlds = 0;
  double virtual_s = 0;

  Totals& operator+=(const Totals& other);
};

class Shop {
 public:
  explicit Shop(World& world);

  // Throws Violation.
  void run();
  Totals totals() const;

 private:
  static constexpr unsigned products = 3, accounts = 20;

  // What this world is like.
  struct Weather {
    unsigned replicas = 1;
    std::size_t hosts = 2;
    double loss = 0;
    double broken_fence = 0;
    Time between_faults{0};
    Time between_threads{0};
    Time between_commands{0};
    bool has_odd_one = false;   // an instance that is configured otherwise
    bool has_idle_one = false;  // one that never claims
  };
  struct Host {
    Instance::Clock clock;
    std::shared_ptr<Instance> instance;
    std::optional<Snapshot> snapshot;
    bool is_odd = false;
    bool never_claims = false;
  };
  struct Client {
    std::uint32_t command = 0;
    std::uint32_t tries = 0;
    bool waits = false;
    std::size_t asks = 0;  // the host
  };

  static Weather draw_weather(World& world);

  void open();
  void start(std::size_t host);
  void take_snapshot(std::size_t host);
  void disturb();
  void disturb_once();
  void cut();
  void calm_down();
  std::string describe(std::size_t host) const;
  void check_alive();
  void check_folds();

  Command draw_command();
  void next_command(std::size_t client);
  void send(std::size_t client);
  void answered(std::size_t client, const Try& one, const Outcome& outcome);
  void nothing_heard(std::size_t client, const Try& one);
  void try_again(std::size_t client);

  World& world_;
  const Weather weather_;
  std::deque<Asked> asked_;  // commands, by number
  Checker checker_;
  SimulatedLog log_;
  Network network_;
  std::vector<Host> hosts_;
  std::vector<Client> clients_;
  std::deque<Outcome> outcomes_;
  std::uint64_t ids_ = 1'000'000;
  bool is_calm_ = false;
  bool is_closing_ = false;
  Time mend_at_{0};
  Totals totals_;
};

}  // namespace jangbu::simulation
