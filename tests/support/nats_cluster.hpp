// Three private nats-servers that form a cluster: n1, n2 and n3, each with a store of its own and
// fsync before every acknowledgement. What they say to each other goes through a proxy for each
// ordered pair, so that any of them can be cut off while its clients still reach it.
//
// Not thread-safe. Errors: std::runtime_error when something does not happen in time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/nats_server.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

class NatsCluster {
 public:
  static constexpr std::size_t size = 3;

  // What all of them have beside their place in the cluster.
  using Options = NatsServer::Options;

  NatsCluster() : NatsCluster(Options{}) {}
  // Returns when JetStream answers on each of them; those from `first` on are yet to be started.
  explicit NatsCluster(const Options& options, std::size_t first = size);

  NatsServer& server(std::size_t index) { return *members_.at(index).server; }
  static std::string name(std::size_t index) { return "n" + std::to_string(index + 1); }
  static std::size_t index_of(const std::string& name);

  std::string urls() const;          // of all that were started, with commas: --nats-url
  std::string monitor_urls() const;  // --nats-monitor-url

  void kill(std::size_t index);   // SIGKILL
  void stop(std::size_t index);   // SIGTERM
  void start(std::size_t index);  // again, after either, or for the first time
  void pause(std::size_t index);  // SIGSTOP
  void resume(std::size_t index);
  // Nothing passes any more between this one and the others, and nobody is told: bytes vanish, as
  // when a cable is pulled. Its clients still reach it.
  void isolate(std::size_t index);
  // The end of isolate(): connections that were cut off break, and are made again.
  void heal(std::size_t index);

  // Who leads the stream, according to those that run and are not isolated; waits until one does.
  std::size_t leader_of(const std::string& stream);
  // Waits until all copies of the stream are current, or those of its servers that are up.
  void wait_current(const std::string& stream);

 private:
  struct Member {
    NatsServer::Options options;
    std::unique_ptr<NatsServer> server = nullptr;
    bool is_up = false;
    bool is_isolated = false;
  };

  bool is_reachable(std::size_t index) const;
  void wait_ready(std::size_t index) const;
  template <class Do>
  void with_ways_of(std::size_t index, Do what);

  // ways_[from][to]: the proxy by which one reaches the other.
  std::array<std::array<std::unique_ptr<TcpProxy>, size>, size> ways_;
  std::array<Member, size> members_;
};

}  // namespace jangbu::test
