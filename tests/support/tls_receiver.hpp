// A receiver with TLS and a certificate of its own, on loopback and a free port: it answers every
// request with 204.
//
// Threads: one at a time; one internal thread serves one connection after another.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <string>
#include <thread>

#include "infra/descriptor.hpp"
#include "infra/handle.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {

class TlsReceiver {
 public:
  // Its certificate is for this name, signed by itself.
  explicit TlsReceiver(const std::string& name);
  ~TlsReceiver();
  TlsReceiver(const TlsReceiver&) = delete;
  TlsReceiver& operator=(const TlsReceiver&) = delete;

  int port() const { return port_; }
  std::string certificate_file() const { return (folder_.path() / "certificate.pem").string(); }
  int requests() const { return requests_; }

 private:
  void make_certificate(const std::string& name);
  void serve();

  TemporaryFolder folder_;
  Handle<SSL_CTX, SSL_CTX_free> context_;
  Descriptor listener_;
  int port_ = 0;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

}  // namespace jangbu::test
