// An HTTP/1.1 server on Pistache's reactor, transport, peer and parser. Several may run in one
// process, each on a port of its own. README.md says which guarantees it gives, and how.
//
// Threads: the members are called by one thread. Handlers run on the server's workers.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "api/http/router.hpp"

namespace jangbu::http {

struct Limits {
  std::size_t head_bytes = 8 * 1024;              // request line and header fields: 431 beyond
  std::size_t target_bytes = 2048;                // 414
  std::size_t header_count = 64;                  // 431
  std::size_t body_bytes = 64 * 1024;             // 413
  std::size_t stream_backlog_bytes = 256 * 1024;  // a streaming client that leaves more is cut off

  std::chrono::milliseconds header_timeout{5000};  // from the first byte of a head to its last: 408
  std::chrono::milliseconds body_timeout{10000};   // from there to the last byte of the body: 408
  std::chrono::milliseconds idle_timeout{60000};   // between requests
  std::chrono::milliseconds write_timeout{10000};  // without the client taking a byte

  std::size_t max_connections = 4096;  // more wait in the kernel's queue
  int backlog = 1024;                  // the length of that queue
};

class Server {
 public:
  // Binds, so that a taken port is known before anything starts; port 0 takes a free one. Throws
  // std::system_error naming address and port. The address is numeric, "127.0.0.1" or "::1".
  Server(const std::string& address, int port, Router router, Limits limits = {}, int workers = 1);

  // Stops at once: what is in flight goes unanswered. Call drain() first to be kind.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  int port() const;

  // Stops accepting, closes idle connections, lets requests in flight be answered (these answers
  // say Connection: close). Returns true when every connection is gone, false at the deadline.
  // Streams are in flight until their producer ends them. Ends all the same with the destructor.
  bool drain(std::chrono::milliseconds deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangbu::http
