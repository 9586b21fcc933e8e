#include "tests/support/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <stdexcept>

#include "infra/handle.hpp"

namespace jangbu::test {

namespace {

using Certificate = std::shared_ptr<X509>;
using Key = std::shared_ptr<EVP_PKEY>;

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  require(key != nullptr, "a key cannot be made");
  return key;
}

Certificate new_certificate(const std::string& name, EVP_PKEY* key, std::chrono::hours valid_for) {
  static long serial = 0;
  Certificate made(X509_new(), X509_free);
  require(made != nullptr, "a certificate cannot be made");
  X509* certificate = made.get();
  constexpr long day_s = 86'400;
  const long end_s = static_cast<long>(std::chrono::seconds(valid_for).count());
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), std::min(-day_s, end_s - day_s));
  X509_gmtime_adj(X509_getm_notAfter(certificate), end_s);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  return made;
}

void add(X509* certificate, int extension, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Handle<X509_EXTENSION, X509_EXTENSION_free> made(
      X509V3_EXT_conf_nid(nullptr, &context, extension, value));
  require(made && X509_add_ext(certificate, made.get(), -1) == 1, value);
}

template <class Write>
std::string to_pem(Write write) {
  const Handle<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
  require(memory && write(memory.get()) == 1, "PEM cannot be written");
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  return to_pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name) : key_(new_key()) {
  certificate_ = new_certificate(name, key_.get(), std::chrono::hours(24 * 365));
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add(certificate_.get(), NID_key_usage, "critical,keyCertSign");
  require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "it cannot be signed");
}

std::string CertificateAuthority::certificate() const {
  return to_pem(certificate_.get());
}

Identity CertificateAuthority::issue(const std::string& name, std::chrono::hours valid_for) const {
  const Key key = new_key();
  const Certificate made = new_certificate(name, key.get(), valid_for);
  X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
  add(made.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  add(made.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  require(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0, "it cannot be signed");
  return {to_pem(made.get()), to_pem([&](BIO* to) {
            return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace jangbu::test
