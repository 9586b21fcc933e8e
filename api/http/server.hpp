// An HTTP/1.1 server on Pistache's reactor, transport, peer and parser. Several may run in one
// process, each on a port of its own. README.md lists its guarantees and how it keeps them.
//
// Threads: the members are called by one thread, unless noted. Handlers run on the server's
// workers.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "api/http/limits.hpp"
#include "api/http/router.hpp"
#include "api/http/tls.hpp"
#include "api/http/traffic.hpp"

namespace jangbu::http {

class Server {
 public:
  // Binds, so that a port in use is reported before anything starts; port 0 picks a free one.
  // Throws std::system_error naming address and port. The address is numeric, "127.0.0.1" or "::1".
  Server(const std::string& address, int port, Router router, Limits limits = {}, int workers = 1,
         OnAccess on_access = {}, TlsUse tls = {});

  // Stops at once: requests in flight go unanswered. Call drain() first for a graceful stop.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  int port() const;

  // Any thread.
  const Traffic& traffic() const;
  std::size_t connections() const;

  // Stops accepting, closes idle connections, and lets requests in flight be answered (with
  // Connection: close). Returns true once every connection is gone, false at the deadline. Streams
  // are in flight until their producer ends them. The destructor ends whatever is left.
  bool drain(std::chrono::milliseconds deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangbu::http
