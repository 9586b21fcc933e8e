// Checks an access token of an OpenID provider: a JSON Web Token (RFC 7519, 7515) as RFC 9068
// profiles it, with the care that RFC 8725 asks for. What a token says about where its key may be
// found (jku, x5u, jwk, x5c) is not even looked at.
//
// Threads: pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "api/access/grant.hpp"
#include "api/access/issuer.hpp"
#include "api/access/jwks.hpp"

namespace jangbu::access {

// A token taken apart. Nothing in it is to be believed before check_token().
struct Token {
  static constexpr std::size_t longest = 8 * 1024;
  static constexpr std::chrono::seconds leeway{60};      // between the clocks of both sides
  static constexpr std::chrono::hours longest_life{24};  // from now to `exp`
  static constexpr std::size_t longest_subject = 255;    // OpenID Connect Core 1.0, section 2

  Algorithm algorithm = Algorithm::rs256;
  std::string key_id;
  enum class Type { access, plain } type = Type::access;  // plain: JWT, or none given
  nlohmann::json claims;                                  // an object
  std::string issuer;                                     // `iss`, to find whose keys to check with
  std::string_view signed_text;                           // of the text that was read
  std::string signature;
};

// REQUIRES: the text outlives the token.
std::variant<Token, Denied> read_token(std::string_view text);

// REQUIRES: the issuer's `url` is token.issuer. `keys` are its own.
Credential check_token(const Token& token, const Issuer& issuer, const Jwks& keys, Timestamp now);

}  // namespace jangbu::access
