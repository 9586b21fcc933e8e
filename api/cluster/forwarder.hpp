// Sends commands to the instance that is active, and gives its answers to the clients. The rules
// are in ForwarderMachine; this is its thread and its network.
//
// Threads: any. One internal thread sends; answers are given on a thread of cnats, or on the
// internal one, and must not block. Ownership: the connection outlives it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/cluster/forwarder_machine.hpp"
#include "api/cluster/forwarding_format.hpp"
#include "api/http/exchange.hpp"
#include "commands/peers.hpp"
#include "events/measures.hpp"

namespace jangbu {
class NatsConnection;
}

namespace jangbu::cluster {

class Forwarder {
 public:
  struct Options {
    std::string subjects;  // where they begin: the stream's name in lower case
    std::string secret;
    InstanceId instance;  // this one: nobody else has its id, before or after
    ForwarderMachine::Options machine = {};
  };
  struct Measures {
    std::array<Counter, ForwarderMachine::outcome_count> outcomes;
    Histogram duration{bounds::latency_ns};  // of those that were answered

    std::uint64_t count(ForwarderMachine::Outcome outcome) const {
      return outcomes[static_cast<std::size_t>(outcome)].value();
    }
  };

  Forwarder(NatsConnection& connection, Options options, std::function<Standing()> standing);
  // Whoever still waits is told that it was not done, or that nobody knows.
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Call it when what the standing says has changed.
  void standing_changed();

  // Whether this instance is active, so that nothing needs to be forwarded.
  bool decides_here() const;

  // The answer to the request becomes that of the exchange.
  void forward(const RequestParts& request, const http::Exchange& exchange);
  // Likewise, for what has no exchange of its own.
  void forward(const RequestParts& request, std::function<void(http::Response)> answer);

  const Measures& measures() const;
  std::size_t bytes() const;  // of requests that have no answer yet

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "not-active"
std::string_view to_string(ForwarderMachine::Outcome outcome);

}  // namespace jangbu::cluster
