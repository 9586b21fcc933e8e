// Where a process's services are, whom they let in, and how many.
//
// Threads: pure functions, except limits_of_each().
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/http/cors.hpp"
#include "api/http/hosts.hpp"
#include "api/http/limits.hpp"
#include "api/http/tls.hpp"
#include "api/pages/pages.hpp"

namespace jangbu {

struct ServeOptions;
struct Service;

struct ServicePort {
  const Service& service;
  int offset;  // of its port from the base
};

// The services that the options ask for; operations, which is always included, comes first.
std::vector<ServicePort> served(const ServeOptions& options);

// "https" or "http"
std::string scheme(const ServeOptions& options);

// Throws when the settings do not go together with who may do what: beyond loopback without access
// control or TLS, unless --insecure says so; a load that would buy without a credential.
void check_access(const ServeOptions& options);

// The certificates of all the services; null without TLS. Throws when the settings do not go
// together, or a file is not what it should be.
std::shared_ptr<http::Tls> open_tls(const ServeOptions& options);

// The address at which this process reaches its own services.
std::string own_address(const ServeOptions& options);

// The services that our pages may use and link to: our own and the configured ones.
std::vector<Neighbour> neighbours(const ServeOptions& options);

// The services of each instance of the shop that the console may use, our own first. Throws when
// an --other-instance cannot be one.
std::vector<std::vector<Neighbour>> instances(const ServeOptions& options);

// How people log in on our pages, and what they may then do.
PageAccess page_access(const ServeOptions& options);

// The origins whose pages may use the services: our own, the configured ones, and the consoles of
// the other instances; what they may send, and which response headers they may read.
http::Cors cors(const ServeOptions& options);

// The names by which clients may call the services. The address at which a client has reached them
// needs no name here.
http::Hosts hosts(const ServeOptions& options);

// What each server may take. Clients never use up the descriptors that the process itself needs:
// for NATS and PostgreSQL, for files, for its own load runs. The rest is divided evenly, so that
// the clients of one service never keep another's waiting, nor keep operations from reporting why.
// Raises the process's soft limit; throws when even the hard limit is too low.
http::Limits limits_of_each(const ServeOptions& options);

}  // namespace jangbu
