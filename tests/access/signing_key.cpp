#include "tests/access/signing_key.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>
#include <vector>

#include "infra/base64.hpp"
#include "infra/handle.hpp"

namespace jangbu::access::test {

namespace {

constexpr int coordinate_size = 32;

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL does not do as it should");
}

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string number(EVP_PKEY* key, const char* name, int size = 0) {
  BIGNUM* found = nullptr;
  require(EVP_PKEY_get_bn_param(key, name, &found) == 1);
  const Handle<BIGNUM, BN_free> value(found);
  std::string bytes(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(found)), '\0');
  require(BN_bn2binpad(found, bytes_of(bytes), static_cast<int>(bytes.size())) > 0);
  return bytes;
}

}  // namespace

SigningKey::SigningKey(std::string id, EVP_PKEY* key)
    : id_(std::move(id)), key_(key, EVP_PKEY_free) {
  require(key != nullptr);
}

SigningKey SigningKey::rsa(const std::string& id, unsigned bits) {
  return {id, EVP_RSA_gen(bits)};
}
SigningKey SigningKey::p256(const std::string& id) {
  return {id, EVP_EC_gen("P-256")};
}
SigningKey SigningKey::p384(const std::string& id) {
  return {id, EVP_EC_gen("P-384")};
}
SigningKey SigningKey::ed25519(const std::string& id) {
  return {id, EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
}

Json SigningKey::jwk() const {
  Json jwk{{"kid", id_}, {"use", "sig"}};
  if (EVP_PKEY_is_a(get(), "RSA") == 1) {
    jwk["kty"] = "RSA";
    jwk["n"] = to_base64url(number(get(), OSSL_PKEY_PARAM_RSA_N));
    jwk["e"] = to_base64url(number(get(), OSSL_PKEY_PARAM_RSA_E));
  } else if (EVP_PKEY_is_a(get(), "EC") == 1) {
    const bool is_p256 = EVP_PKEY_get_bits(get()) == 256;
    const int size = is_p256 ? coordinate_size : 48;
    jwk["kty"] = "EC";
    jwk["crv"] = is_p256 ? "P-256" : "P-384";
    jwk["x"] = to_base64url(number(get(), OSSL_PKEY_PARAM_EC_PUB_X, size));
    jwk["y"] = to_base64url(number(get(), OSSL_PKEY_PARAM_EC_PUB_Y, size));
  } else {
    std::string x(32, '\0');
    std::size_t size = x.size();
    require(EVP_PKEY_get_raw_public_key(get(), bytes_of(x), &size) == 1);
    jwk["kty"] = "OKP";
    jwk["crv"] = "Ed25519";
    jwk["x"] = to_base64url(x);
  }
  return jwk;
}

std::string SigningKey::pem() const {
  const Handle<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PUBKEY(memory.get(), get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string SigningKey::sign(const std::string& algorithm, const std::string& text) const {
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  require(EVP_DigestSignInit(context.get(), &options, algorithm == "EdDSA" ? nullptr : EVP_sha256(),
                             nullptr, get()) == 1);
  if (algorithm == "PS256")
    require(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
  std::size_t size = 0;
  require(EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) == 1);
  std::string signature(size, '\0');
  require(EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(text), text.size()) ==
          1);
  signature.resize(size);
  if (algorithm != "ES256") return signature;
  const unsigned char* der = bytes_of(signature);
  const Handle<ECDSA_SIG, ECDSA_SIG_free> numbers(
      d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size)));
  std::string both(2 * coordinate_size, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), bytes_of(both), coordinate_size);
  BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), bytes_of(both) + coordinate_size, coordinate_size);
  return both;
}

std::string jwks(const std::vector<SigningKey>& keys) {
  Json set{{"keys", Json::array()}};
  for (const SigningKey& key : keys) set["keys"].push_back(key.jwk());
  return set.dump();
}

std::string unsigned_token(const std::string& header, const std::string& claims) {
  return to_base64url(header) + "." + to_base64url(claims);
}

std::string with_signature(const std::string& unsigned_token, const std::string& signature) {
  return unsigned_token + "." + to_base64url(signature);
}

std::string token(const Json& header, const Json& claims, const SigningKey& key) {
  const std::string text = unsigned_token(header.dump(), claims.dump());
  return with_signature(text, key.sign(header.at("alg"), text));
}

std::string in_der(const std::string& signature) {
  const Handle<ECDSA_SIG, ECDSA_SIG_free> numbers(ECDSA_SIG_new());
  ECDSA_SIG_set0(numbers.get(), BN_bin2bn(bytes_of(signature), coordinate_size, nullptr),
                 BN_bin2bn(bytes_of(signature) + coordinate_size, coordinate_size, nullptr));
  std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(numbers.get(), nullptr)), '\0');
  unsigned char* to = bytes_of(der);
  i2d_ECDSA_SIG(numbers.get(), &to);
  return der;
}

std::string hmac_sha256(const std::string& secret, const std::string& text) {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  require(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text),
               text.size(), bytes_of(mac), &size) != nullptr);
  mac.resize(size);
  return mac;
}

}  // namespace jangbu::access::test
