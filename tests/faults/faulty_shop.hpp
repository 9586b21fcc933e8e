// A shop that things happen to: nats-server, PostgreSQL and two `jangbu serve` on one log and one
// database, each of which reaches the two, and is reached by clients, only through proxies of its
// own.
//
// Threads: one. Errors: std::runtime_error when a server of the test itself does not come up.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/faults/clients.hpp"
#include "tests/faults/history.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/shop.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

class FaultyShop {
 public:
  struct Instance {
    Instance(const NatsServer& log, int postgres_port, const std::string& database);

    TcpProxy nats;
    TcpProxy postgres;
    ServeProcess jangbu;
    std::array<TcpProxy, 4> doors;  // to its services, in their order
  };

  FaultyShop();

  // Where clients go.
  Clients::Servers servers() const;

  // What keeps it from working, of all that is started; nothing when it works.
  std::optional<std::string> trouble();

 private:
  // Where PostgreSQL listens. Declared first, since what follows needs it.
  const int postgres_port_;

 public:
  NatsServer nats;
  PostgresServer postgres;
  const std::string database;  // past the proxies
  Instance one, other;
  std::vector<Outage> outages;
};

// --- What happens to it --------------------------------------------------------------------------

struct Fault {
  const char* name;
  const char* what;
  // Makes it happen, and repairs what does not by itself. Afterwards everything runs.
  void (*happen)(FaultyShop&, Random&, std::chrono::seconds outage);
};

const std::vector<Fault>& faults();

// Lets time pass, from `least` to `most`.
void let_pass(Random& random, std::chrono::milliseconds least, std::chrono::milliseconds most);

}  // namespace jangbu::test
