// Where the services of a process are, whom they let in, and how many.
//
// Threads: pure functions, but for limits_of_each().
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/http/cors.hpp"
#include "api/http/hosts.hpp"
#include "api/http/limits.hpp"
#include "api/pages/pages.hpp"

namespace jangbu {

struct ServeOptions;
struct Service;

struct ServicePort {
  const Service& service;
  int offset;  // of its port from the base
};

// Those that the options ask for; operations, which is always there, comes first.
std::vector<ServicePort> served(const ServeOptions& options);

// There is no access control. Throws where others are let in and nobody said that they may be.
void check_listen(const ServeOptions& options);

// Where this process reaches its own services.
std::string own_address(const ServeOptions& options);

// What our pages may use, and offer: our own services, and those that are configured.
std::vector<Neighbour> neighbours(const ServeOptions& options);

// Whose pages may use the services: our own and configured ones. What they may send, and what of
// the answers they may read.
http::Cors cors(const ServeOptions& options);

// By which names clients may call the services. The address that a client has reached them by needs
// no name here.
http::Hosts hosts(const ServeOptions& options);

// What each server may take. Clients never use up the descriptors that the process needs itself:
// for NATS and PostgreSQL, for files, for bursts of its own. What is left is shared out evenly, so
// that those of one service never keep another's waiting, nor operations from telling why. Raises
// the process's soft limit; throws where even the hard one is too low.
http::Limits limits_of_each(const ServeOptions& options);

}  // namespace jangbu
