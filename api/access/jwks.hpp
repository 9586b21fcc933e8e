// The public keys of an issuer: a JSON Web Key Set (RFC 7517, 7518, 8037) as OpenSSL's keys,
// and signatures that they verify.
//
// Threads: constants, shared; verifies() from any. Errors: std::runtime_error for a document that
// is no set of keys. A key in it that we cannot use is left out.
#pragma once

#include <openssl/evp.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jangbu::access {

// Those with public keys that RFC 8725 has nothing against, and no others.
enum class Algorithm { rs256, ps256, es256, eddsa };

// "RS256"
std::optional<Algorithm> parse_algorithm(std::string_view word);

struct PublicKey {
  enum class Kind { rsa, p256, ed25519 };

  std::string id;  // `kid`
  Kind kind = Kind::rsa;
  std::optional<Algorithm> algorithm;  // the only one that it is for, if the set says so
  std::shared_ptr<EVP_PKEY> pkey;
  // The grants of tokens that it has verified have this flag; set when its issuer no longer lists
  // the key.
  std::shared_ptr<std::atomic<bool>> withdrawn = std::make_shared<std::atomic<bool>>(false);

  bool is_for(Algorithm wanted) const;
  bool is_same_as(const PublicKey& other) const;

  // REQUIRES: is_for(algorithm).
  bool verifies(Algorithm algorithm, std::string_view text, std::string_view signature) const;
};

struct Jwks {
  static constexpr std::size_t max_keys = 100;
  static constexpr int least_rsa_bits = 2'048;
  static constexpr int most_rsa_bits = 8'192;  // a signature takes 16 times as long to verify

  std::vector<PublicKey> keys;

  // Null when there is none. Of several with an id, one for the algorithm.
  const PublicKey* find(std::string_view id, Algorithm algorithm) const;
  bool has(std::string_view id) const;
};

Jwks read_jwks(std::string_view document);

}  // namespace jangbu::access
