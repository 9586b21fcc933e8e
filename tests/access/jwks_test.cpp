#include "api/access/jwks.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "infra/base64.hpp"
#include "tests/access/signing_key.hpp"

namespace jangbu::access {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::Json;
using test::SigningKey;

Jwks read(const std::vector<Json>& keys) {
  return read_jwks(Json{{"keys", keys}}.dump());
}

// Whether a set of this key alone has a key.
bool is_taken(const Json& jwk) {
  return !read({jwk}).keys.empty();
}

Json changed(Json jwk, const std::string& member, const Json& value) {
  jwk[member] = value;
  return jwk;
}

const SigningKey& ec_key() {
  static const SigningKey key = SigningKey::p256("ec");
  return key;
}

std::string what_is_wrong(const std::string& document) {
  try {
    read_jwks(document);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("keys of a set are found by id and algorithm") {
  const SigningKey rsa = SigningKey::rsa("a"), ed = SigningKey::ed25519("ed");
  const Jwks jwks = read({rsa.jwk(), ec_key().jwk(), ed.jwk(), changed(ed.jwk(), "kid", "a")});
  CHECK(jwks.keys.size() == 4);
  CHECK(jwks.find("a", Algorithm::rs256)->kind == PublicKey::Kind::rsa);
  CHECK(jwks.find("a", Algorithm::ps256)->kind == PublicKey::Kind::rsa);
  CHECK(jwks.find("a", Algorithm::eddsa)->kind == PublicKey::Kind::ed25519);
  CHECK(jwks.find("ec", Algorithm::es256)->kind == PublicKey::Kind::p256);
  CHECK(jwks.find("a", Algorithm::es256) == nullptr);
  CHECK(jwks.find("b", Algorithm::es256) == nullptr);
  CHECK(jwks.has("a"));
  CHECK_FALSE(jwks.has("b"));
}

TEST_CASE("a key is for signatures, and for the algorithm that it names") {
  const Json jwk = ec_key().jwk();
  CHECK(is_taken(changed(jwk, "alg", "ES256")));
  CHECK(is_taken(changed(jwk, "key_ops", {"verify"})));
  CHECK(is_taken(changed(jwk, "key_ops", {"sign", "verify"})));
  CHECK(is_taken(changed(jwk, "x5u", "https://evil.example/")));
  for (const Json& algorithm : {Json("RS256"), Json("EdDSA"), Json("ES384"), Json("none"), Json(""),
                                Json(nullptr), Json("es256")})
    CHECK_FALSE(is_taken(changed(jwk, "alg", algorithm)));
  for (const Json& use : {Json("enc"), Json(""), Json(nullptr), Json(17)})
    CHECK_FALSE(is_taken(changed(jwk, "use", use)));
  for (const Json& operations : {Json::array(), Json::array({"encrypt"}), Json("verify"), Json(17)})
    CHECK_FALSE(is_taken(changed(jwk, "key_ops", operations)));
  Json without_use = jwk;
  without_use.erase("use");
  CHECK(is_taken(without_use));
}

TEST_CASE("what is no key that we use is left out, and the others stay") {
  const Json jwk = ec_key().jwk();
  std::vector<Json> others{Json(17), Json("key"), Json(nullptr), Json::array({jwk}), Json::object(),
                           // A secret, which everybody could read.
                           Json{{"kty", "oct"}, {"kid", "ec"}, {"k", "c2VjcmV0"}},
                           // A private key is one that everybody could sign with.
                           changed(jwk, "d", jwk["x"]), SigningKey::p384("p384").jwk(),
                           changed(jwk, "kty", "RSA"), changed(jwk, "kty", "OKP"),
                           changed(jwk, "kty", "ec"), changed(jwk, "crv", "P-384"),
                           changed(jwk, "crv", "secp256k1")};
  for (const Json& id : {Json(""), Json(17), Json(nullptr), Json(std::string(256, 'x'))})
    others.push_back(changed(jwk, "kid", id));
  // Not on the curve, at infinity, of another length, not base64url.
  const std::string x = from_base64url(jwk["x"].get<std::string>()).value();
  for (const std::string& value :
       {to_base64url(std::string(32, '\0')), to_base64url(std::string(32, '\xff')),
        to_base64url('\0' + x), to_base64url(x.substr(1)), to_base64(x), std::string()})
    others.push_back(changed(jwk, "x", value));
  others.push_back(changed(jwk, "y", jwk["x"]));
  const Json ed = SigningKey::ed25519("ed").jwk();
  others.push_back(changed(ed, "crv", "X25519"));
  others.push_back(changed(ed, "crv", "Ed448"));
  others.push_back(changed(ed, "x", to_base64url(std::string(31, 'x'))));
  for (const Json& other : others) {
    INFO(other.dump());
    CHECK_FALSE(is_taken(other));
  }
  others.push_back(jwk);
  CHECK(read(others).keys.size() == 1);
  CHECK(read({}).keys.empty());
}

TEST_CASE("an RSA key is neither weak nor a burden") {
  const SigningKey key = SigningKey::rsa("rsa");
  const Json jwk = key.jwk();
  CHECK(is_taken(jwk));
  CHECK_FALSE(is_taken(SigningKey::rsa("weak", 1'024).jwk()));
  CHECK_FALSE(is_taken(SigningKey::rsa("weak", 2'040).jwk()));
  const auto number = [](std::size_t bytes) {
    return to_base64url('\xc1' + std::string(bytes - 2, 'x') + '\x01');
  };
  CHECK(is_taken(changed(jwk, "n", number(Jwks::most_rsa_bits / 8))));
  CHECK_FALSE(is_taken(changed(jwk, "n", number(Jwks::most_rsa_bits / 8 + 1))));
  CHECK_FALSE(is_taken(changed(jwk, "n", number(100'000))));
  CHECK_FALSE(is_taken(changed(jwk, "n", to_base64url(std::string(256, '\xc0')))));  // even
  CHECK_FALSE(is_taken(changed(jwk, "n", to_base64url(std::string(256, '\0')))));
  // 0, 1, an even one, one that makes each signature dear.
  for (const std::string& exponent : {std::string(), std::string(1, '\0'), std::string("\1"),
                                      std::string("\2"), std::string(9, '\1')})
    CHECK_FALSE(is_taken(changed(jwk, "e", to_base64url(exponent))));
}

TEST_CASE("what is no set of keys is told as such") {
  CHECK(what_is_wrong(test::jwks({ec_key()})) == "nothing");
  for (const std::string document :
       {"", "<html>", "[]", "{}", R"({"keys": {}})", R"({"keys": null})", R"({"keys": [})",
        R"({"keys": [], "keys": []})", "{\"keys\": []}x"})
    CHECK_THAT(what_is_wrong(document), ContainsSubstring("no set of keys"));
  std::vector<Json> many(Jwks::max_keys, ec_key().jwk());
  CHECK(read(many).keys.size() == Jwks::max_keys);
  many.push_back(ec_key().jwk());
  CHECK_THAT(what_is_wrong(Json{{"keys", many}}.dump()), ContainsSubstring("more than 100"));
}

TEST_CASE("two keys are the same if nothing in them differs") {
  const Jwks jwks =
      read({ec_key().jwk(), ec_key().jwk(), SigningKey::p256("ec").jwk(),
            changed(ec_key().jwk(), "kid", "other"), changed(ec_key().jwk(), "alg", "ES256"),
            SigningKey::ed25519("ec").jwk()});
  REQUIRE(jwks.keys.size() == 6);
  CHECK(jwks.keys[0].is_same_as(jwks.keys[1]));
  for (std::size_t i = 2; i < jwks.keys.size(); ++i)
    CHECK_FALSE(jwks.keys[0].is_same_as(jwks.keys[i]));
}

}  // namespace jangbu::access
