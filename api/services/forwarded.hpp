// Serves the commands that other instances forward: by the same handlers as those of clients here,
// as whoever asked there.
//
// Threads: serve() on any one thread at a time; it does not wait, nor throw. REQUIRES: a backend
// that decides commands.
#pragma once

#include <string_view>
#include <vector>

#include "api/access/policy.hpp"
#include "api/cluster/forwarding_format.hpp"
#include "api/cluster/receiver.hpp"
#include "api/http/exchange.hpp"
#include "api/http/router.hpp"
#include "api/services/service.hpp"

namespace jangbu {

class ForwardedCommands {
 public:
  explicit ForwardedCommands(const Backend& backend);

  // Those that came together are decided together.
  void serve(std::vector<cluster::Receiver::Received>&& all) const;

 private:
  struct Command {
    Endpoint endpoint;
    access::Permission permission;
  };
  struct Commands {
    std::string_view service;
    http::Router router;            // finds the place in
    std::vector<Command> commands;  // in the order of its routes
  };

  void serve(cluster::ForwardedRequest& request, const http::Exchange& exchange) const;
  void serve_or_throw(cluster::ForwardedRequest& request, const http::Exchange& exchange) const;
  Asker asker_of(cluster::ForwardedRequest& request) const;

  const Backend backend_;
  std::vector<Commands> services_;
};

}  // namespace jangbu
