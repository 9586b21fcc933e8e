// The OpenID provider of infra/provider, on loopback. It takes Node.js and an npm package, so a
// test first asks why_not().
//
// Threads: one at a time. Errors: std::runtime_error, with its output when it does not start.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/certificates.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {

class OpenIdProvider {
 public:
  struct Options {
    Identity identity = {};  // for HTTPS; empty: plain HTTP
    std::string ca = {};     // PEM, of its authority
    std::string shop = {};   // whose pages may log in: "http://127.0.0.1:11000"
  };

  // Empty when it can be started here; otherwise what is missing, for SKIP.
  static std::string why_not();

  OpenIdProvider() : OpenIdProvider(Options{}) {}
  explicit OpenIdProvider(Options options);
  OpenIdProvider(const OpenIdProvider&) = delete;
  OpenIdProvider& operator=(const OpenIdProvider&) = delete;

  int port() const { return port_; }
  std::string issuer() const;
  HttpClient client() const;

  // An access token of the client for that role, "buyer", by its secret.
  std::string token(const std::string& role) const;
  // That client's secret; its id is "tour-buyer".
  std::string secret(const std::string& role) const;

  void rotate_keys();  // returns when it signs with another one; the one before stays listed
  void stop();
  void start();  // again, on the same port and with the same keys

 private:
  Options options_;
  TemporaryFolder folder_;
  const int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace jangbu::test
