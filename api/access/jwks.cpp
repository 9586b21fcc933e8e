#include "api/access/jwks.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "infra/base64.hpp"
#include "infra/handle.hpp"
#include "infra/json_tree.hpp"

namespace jangbu::access {

namespace {

using JsonTree = nlohmann::json;
using BigNumber = Handle<BIGNUM, BN_free>;

constexpr std::size_t longest_key_id = 255;
constexpr std::size_t max_jwks_depth = 8;
constexpr std::size_t longest_exponent = 8;  // bytes; more would only cost time
constexpr std::size_t coordinate_size = 32;  // of P-256, and of a signature's two numbers
constexpr std::size_t ed25519_size = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// OpenSSL keeps what went wrong for the thread, where TLS would take it for its own.
class QuietOpenSsl {
 public:
  QuietOpenSsl() = default;
  ~QuietOpenSsl() { ERR_clear_error(); }
  QuietOpenSsl(const QuietOpenSsl&) = delete;
  QuietOpenSsl& operator=(const QuietOpenSsl&) = delete;
};

// --- Keys ----------------------------------------------------------------------------------------

// A member that is a text; empty when it is not.
std::string text_of(const JsonTree& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

std::string bytes_in(const JsonTree& jwk, const char* name) {
  return from_base64url(text_of(jwk, name)).value_or("");
}

BigNumber number_of(std::string_view big_endian) {
  return BigNumber(BN_bin2bn(bytes_of(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

std::shared_ptr<EVP_PKEY> make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Handle<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder));
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  return {key, EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> make_rsa_key(const JsonTree& jwk) {
  const std::string modulus = bytes_in(jwk, "n");
  const std::string exponent = bytes_in(jwk, "e");
  if (modulus.size() > Jwks::most_rsa_bits / 8 || exponent.size() > longest_exponent)
    return nullptr;
  const BigNumber n = number_of(modulus), e = number_of(exponent);
  if (BN_num_bits(n.get()) < Jwks::least_rsa_bits || !BN_is_odd(n.get()) || !BN_is_odd(e.get()) ||
      BN_is_one(e.get()))
    return nullptr;
  const Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return make_key("RSA", builder.get());
}

// OpenSSL refuses a point that is not on the curve.
std::shared_ptr<EVP_PKEY> make_p256_key(const JsonTree& jwk) {
  const std::string x = bytes_in(jwk, "x"), y = bytes_in(jwk, "y");
  if (text_of(jwk, "crv") != "P-256" || x.size() != coordinate_size || y.size() != coordinate_size)
    return nullptr;
  const std::string point = "\x04" + x + y;  // uncompressed
  const Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return make_key("EC", builder.get());
}

std::shared_ptr<EVP_PKEY> make_ed25519_key(const JsonTree& jwk) {
  const std::string x = bytes_in(jwk, "x");
  if (text_of(jwk, "crv") != "Ed25519" || x.size() != ed25519_size) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()),
          EVP_PKEY_free};
}

// Whether a set's member says, if it says anything, that the key verifies signatures.
bool is_for_signatures(const JsonTree& jwk) {
  if (jwk.contains("use") && text_of(jwk, "use") != "sig") return false;
  const auto operations = jwk.find("key_ops");
  return operations == jwk.end() ||
         (operations->is_array() &&
          std::ranges::any_of(*operations, [](const JsonTree& word) { return word == "verify"; }));
}

std::optional<PublicKey> read_key(const JsonTree& jwk) {
  // A key whose private part is published verifies nothing.
  if (!jwk.is_object() || !is_for_signatures(jwk) || jwk.contains("d")) return std::nullopt;
  PublicKey key{.id = text_of(jwk, "kid")};
  if (key.id.empty() || key.id.size() > longest_key_id) return std::nullopt;
  const std::string type = text_of(jwk, "kty");
  if (type == "RSA") {
    key.kind = PublicKey::Kind::rsa;
    key.pkey = make_rsa_key(jwk);
  } else if (type == "EC") {
    key.kind = PublicKey::Kind::p256;
    key.pkey = make_p256_key(jwk);
  } else if (type == "OKP") {
    key.kind = PublicKey::Kind::ed25519;
    key.pkey = make_ed25519_key(jwk);
  }
  if (!key.pkey) return std::nullopt;
  if (jwk.contains("alg")) {
    key.algorithm = parse_algorithm(text_of(jwk, "alg"));
    if (!key.algorithm || !key.is_for(*key.algorithm)) return std::nullopt;
  }
  return key;
}

// --- Signatures ----------------------------------------------------------------------------------

// The two numbers of a signature one behind the other (RFC 7518, 3.4), in the form that OpenSSL
// takes.
std::string to_der(std::string_view signature) {
  const Handle<ECDSA_SIG, ECDSA_SIG_free> numbers(ECDSA_SIG_new());
  ECDSA_SIG_set0(numbers.get(), number_of(signature.substr(0, coordinate_size)).release(),
                 number_of(signature.substr(coordinate_size)).release());
  std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(numbers.get(), nullptr)), '\0');
  auto* to = reinterpret_cast<unsigned char*>(der.data());
  i2d_ECDSA_SIG(numbers.get(), &to);
  return der;
}

constexpr std::array<std::pair<std::string_view, Algorithm>, 4> algorithms{
    {{"RS256", Algorithm::rs256},
     {"PS256", Algorithm::ps256},
     {"ES256", Algorithm::es256},
     {"EdDSA", Algorithm::eddsa}}};

PublicKey::Kind kind_for(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::rs256:
    case Algorithm::ps256:
      return PublicKey::Kind::rsa;
    case Algorithm::es256:
      return PublicKey::Kind::p256;
    case Algorithm::eddsa:
      return PublicKey::Kind::ed25519;
  }
  return PublicKey::Kind::rsa;
}

}  // namespace

std::optional<Algorithm> parse_algorithm(std::string_view word) {
  for (const auto& [name, algorithm] : algorithms)
    if (name == word) return algorithm;
  return std::nullopt;
}

bool PublicKey::is_for(Algorithm wanted) const {
  return kind == kind_for(wanted) && algorithm.value_or(wanted) == wanted;
}

bool PublicKey::is_same_as(const PublicKey& other) const {
  const QuietOpenSsl quiet;
  return id == other.id && kind == other.kind && algorithm == other.algorithm &&
         EVP_PKEY_eq(pkey.get(), other.pkey.get()) == 1;
}

bool PublicKey::verifies(Algorithm with, std::string_view text, std::string_view signature) const {
  const QuietOpenSsl quiet;
  if (with == Algorithm::es256 && signature.size() != 2 * coordinate_size) return false;
  const std::string der = with == Algorithm::es256 ? to_der(signature) : "";
  const std::string_view taken = with == Algorithm::es256 ? std::string_view(der) : signature;
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // the context's
  const char* digest = with == Algorithm::eddsa ? nullptr : "SHA256";
  if (EVP_DigestVerifyInit_ex(context.get(), &options, digest, nullptr, nullptr, pkey.get(),
                              nullptr) != 1)
    return false;
  // RFC 7518, 3.5: the salt is as long as the digest, which MGF1 uses too.
  if (with == Algorithm::ps256 &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(context.get(), bytes_of(taken), taken.size(), bytes_of(text),
                          text.size()) == 1;
}

const PublicKey* Jwks::find(std::string_view id, Algorithm algorithm) const {
  const auto found = std::ranges::find_if(
      keys, [&](const PublicKey& key) { return key.id == id && key.is_for(algorithm); });
  return found == keys.end() ? nullptr : &*found;
}

bool Jwks::has(std::string_view id) const {
  return std::ranges::find(keys, id, &PublicKey::id) != keys.end();
}

Jwks read_jwks(std::string_view document) {
  const QuietOpenSsl quiet;
  const JsonTree json = parse_json_strictly(document, max_jwks_depth);
  if (!json.is_object() || !json.contains("keys") || !json["keys"].is_array())
    throw std::runtime_error("what it gives is no set of keys (JWKS)");
  if (json["keys"].size() > Jwks::max_keys)
    throw std::runtime_error("its set of keys has more than " + std::to_string(Jwks::max_keys));
  Jwks jwks;
  for (const JsonTree& jwk : json["keys"])
    if (auto key = read_key(jwk)) jwks.keys.push_back(std::move(*key));
  return jwks;
}

}  // namespace jangbu::access
