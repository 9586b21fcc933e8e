// A server on loopback, at a port of its own, as most tests want it: over TLS when over_tls().
#pragma once

#include <chrono>
#include <utility>

#include "api/http/server.hpp"
#include "tests/http/certificates.hpp"
#include "tests/http/client.hpp"

namespace jangbu::test {

class TestServer : public http::Server {
 public:
  explicit TestServer(http::Router router, http::Limits limits = {}, int workers = 1,
                      http::OnAccess on_access = {})
      : Server("127.0.0.1", 0, std::move(router), patient(limits), workers, std::move(on_access),
               over_tls() ? http::TlsUse{test_certificates().tls} : http::TlsUse{}) {}

 private:
  // A test's client shakes hands when it first has something to say, which may be late.
  static http::Limits patient(http::Limits limits) {
    if (limits.handshake_timeout == http::Limits{}.handshake_timeout)
      limits.handshake_timeout = std::chrono::minutes(5);
    return limits;
  }
};

}  // namespace jangbu::test
