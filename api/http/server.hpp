// An HTTP/1.1 server on Pistache's reactor, transport, peer and parser. Several may run in one
// process, each on a port of its own. README.md says which guarantees it gives, and how.
//
// Threads: the members are called by one thread. Handlers run on the server's workers.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "api/http/limits.hpp"
#include "api/http/router.hpp"
#include "api/http/traffic.hpp"

namespace jangbu::http {

class Server {
 public:
  // Binds, so that a taken port is known before anything starts; port 0 takes a free one. Throws
  // std::system_error naming address and port. The address is numeric, "127.0.0.1" or "::1".
  Server(const std::string& address, int port, Router router, Limits limits = {}, int workers = 1,
         OnAccess on_access = {});

  // Stops at once: what is in flight goes unanswered. Call drain() first to be kind.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  int port() const;

  // Any thread.
  const Traffic& traffic() const;
  std::size_t connections() const;

  // Stops accepting, closes idle connections, lets requests in flight be answered (these answers
  // say Connection: close). Returns true when every connection is gone, false at the deadline.
  // Streams are in flight until their producer ends them. Ends all the same with the destructor.
  bool drain(std::chrono::milliseconds deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangbu::http
