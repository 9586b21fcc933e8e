// Certificates made for a test, of P-256 keys.
//
// Threads: one at a time. Errors: std::runtime_error.
#pragma once

#include <chrono>
#include <memory>
#include <string>

struct evp_pkey_st;  // of OpenSSL: EVP_PKEY
struct x509_st;      // X509

namespace jangbu::test {

// As PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name);

  std::string certificate() const;  // PEM

  // A certificate for localhost, 127.0.0.1 and ::1, and as a client of that name. It is valid from
  // yesterday, or long ago, until then.
  Identity issue(const std::string& name,
                 std::chrono::hours valid_for = std::chrono::hours(24)) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
};

}  // namespace jangbu::test
