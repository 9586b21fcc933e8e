// The files that a server of a test gets its certificates from.
#pragma once

#include <memory>
#include <string>

#include "api/http/tls.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/files.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {

class CertificateFiles {
 public:
  CertificateFiles() { write(authority.issue("the server")); }

  http::TlsFiles paths() const {
    return {.certificate = folder_.path() / "certificate.pem", .key = folder_.path() / "key.pem"};
  }
  // With the authority as that of the clients.
  http::TlsFiles paths_with_clients() const {
    http::TlsFiles files = paths();
    files.client_ca = folder_.path() / "ca.pem";
    write_text(files.client_ca, authority.certificate());
    return files;
  }

  void write(const Identity& server) const {
    write_text(paths().certificate, server.certificate);
    write_text(paths().key, server.key);
    std::filesystem::permissions(
        paths().key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  const CertificateAuthority authority{"an authority"};

 private:
  TemporaryFolder folder_;
};

// One for all tests to which it does not matter.
struct TestCertificates {
  CertificateFiles files;
  std::shared_ptr<const http::Tls> tls = std::make_shared<http::Tls>(files.paths());
};

inline const TestCertificates& test_certificates() {
  static const TestCertificates certificates;
  return certificates;
}

}  // namespace jangbu::test
