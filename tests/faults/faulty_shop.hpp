// A shop that things happen to: PostgreSQL, nats-server or three of them, and several `jangbu
// serve` on one log and one database, each of which reaches the two, and is reached by clients,
// only through proxies of its own.
//
// Threads: one. Errors: std::runtime_error when a server of the test itself does not come up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/faults/clients.hpp"
#include "tests/faults/history.hpp"
#include "tests/support/nats_cluster.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/shop.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

// One nats-server with two instances, or three that keep three copies of the log, with three.
enum class Form { single, cluster };

// The nats-servers of either form.
class NatsServers {
 public:
  explicit NatsServers(Form form);

  std::size_t size() const { return single_ ? 1 : NatsCluster::size; }
  NatsServer& server(std::size_t index) const {
    return single_ ? *single_ : cluster_->server(index);
  }
  NatsCluster& cluster() const { return *cluster_; }  // REQUIRES: it is one
  std::string urls() const { return single_ ? single_->url() : cluster_->urls(); }
  std::string monitor_urls() const {
    return single_ ? single_->monitor_url() : cluster_->monitor_urls();
  }

  // All of them.
  void kill() const;
  void start() const;
  // Waits until every copy of the log is current.
  void wait_current() const;

 private:
  const std::unique_ptr<NatsServer> single_;
  const std::unique_ptr<NatsCluster> cluster_;
};

class FaultyShop {
 public:
  struct Instance {
    Instance(const NatsServers& log, int postgres_port, const std::string& database);

    bool is_active() const;

    std::deque<TcpProxy> nats;  // to each server
    TcpProxy postgres;
    ServeProcess jangbu;
    std::array<TcpProxy, 4> doors;  // to its services, in their order
  };

  explicit FaultyShop(Form form);

  // Where clients go.
  Clients::Servers servers() const;

  // What keeps it from working, of all that is started; nothing when it works.
  std::optional<std::string> trouble();

 private:
  // Where PostgreSQL listens. Declared first, since what follows needs it.
  const int postgres_port_;

 public:
  const NatsServers nats;
  PostgresServer postgres;
  const std::string database;  // past the proxies
  std::deque<Instance> instances;
  std::vector<Outage> outages;
};

// --- What happens to it --------------------------------------------------------------------------

struct Fault {
  const char* name;
  const char* what;
  // Makes it happen, and repairs what does not by itself. Afterwards everything runs.
  void (*happen)(FaultyShop&, Random&, std::chrono::seconds outage);
  std::vector<Form> forms;  // that it is for
};

const std::vector<Fault>& faults();

// Lets time pass, from `least` to `most`.
void let_pass(Random& random, std::chrono::milliseconds least, std::chrono::milliseconds most);

}  // namespace jangbu::test
