// Clients of a shop that several processes serve: each on a thread of its own, they buy, cancel,
// scan and confirm at random, repeat what was uncertain, and write down every answer.
//
// Threads: one at a time, and the clients' own. Errors: what goes wrong on a client's thread is
// thrown by finish().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/history.hpp"

namespace jangbu::test {

using Random = std::mt19937_64;

// A number from 0 to below.
inline std::size_t pick(Random& random, std::size_t below) {
  return static_cast<std::size_t>(random() % below);
}
inline bool chance(Random& random, unsigned percent) {
  return pick(random, 100) < percent;
}

// Ids that all clients know of, so that they get in each other's way.
class Known {
 public:
  void add(const std::string& id);
  // One of the newest; empty when there is none.
  std::string any(Random& random) const;

 private:
  static constexpr std::size_t newest = 200;

  mutable std::mutex mutex_;
  std::vector<std::string> ids_;
};

class Clients {
 public:
  // Where each process is reached, by Service. There are two at least.
  using Servers = std::vector<std::array<int, 5>>;

  // Opens accounts and lists products. REQUIRES: all processes are ready.
  Clients(Servers servers, std::uint64_t seed);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void start(unsigned count);
  // Lets every client settle what it has begun, or give it up; all that they saw.
  History finish(bool settle = true);

  std::size_t settled() const { return settled_; }    // commands so far
  std::size_t answered() const { return answered_; }  // queries so far

 private:
  friend class OneClient;

  const Servers servers_;
  const std::uint64_t seed_;
  std::atomic<bool> enough_ = false;
  std::atomic<bool> give_up_ = false;
  std::atomic<std::size_t> settled_ = 0;
  std::atomic<std::size_t> answered_ = 0;
  Known accounts_, products_, purchases_;
  std::string hot_;  // a product that everybody wants, and of which there is little
  Client first_;
  std::vector<std::future<Client>> clients_;
};

}  // namespace jangbu::test
