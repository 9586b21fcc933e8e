// A provider's key, made for a test, and tokens signed with it.
//
// Threads: one at a time. Errors: std::runtime_error.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jangbu::access::test {

using Json = nlohmann::json;

class SigningKey {
 public:
  static SigningKey rsa(const std::string& id, unsigned bits = 2'048);
  static SigningKey p256(const std::string& id);
  static SigningKey ed25519(const std::string& id);
  static SigningKey p384(const std::string& id);

  const std::string& id() const { return id_; }
  Json jwk() const;         // its public part
  std::string pem() const;  // likewise
  EVP_PKEY* get() const { return key_.get(); }

  // As in a JWT: "RS256", "PS256", "ES256", "EdDSA".
  std::string sign(const std::string& algorithm, const std::string& text) const;

 private:
  SigningKey(std::string id, EVP_PKEY* key);

  std::string id_;
  std::shared_ptr<EVP_PKEY> key_;
};

// A set of their public parts.
std::string jwks(const std::vector<SigningKey>& keys);

// "<header>.<claims>", encoded.
std::string unsigned_token(const std::string& header, const std::string& claims);
std::string with_signature(const std::string& unsigned_token, const std::string& signature);

// Signed with the key, by the header's algorithm.
std::string token(const Json& header, const Json& claims, const SigningKey& key);

// The signature's two numbers as ASN.1, which a JWT must not have.
std::string in_der(const std::string& es256_signature);

std::string hmac_sha256(const std::string& secret, const std::string& text);

}  // namespace jangbu::access::test
