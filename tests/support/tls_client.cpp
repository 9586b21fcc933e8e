#include "tests/support/tls_client.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <stdexcept>
#include <utility>

#include "infra/handle.hpp"

namespace jangbu::test {

namespace {

using Memory = Handle<BIO, BIO_free_all>;

[[noreturn]] void fail(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  throw std::runtime_error("TLS: " + what + ": " + (reason ? reason : "no reason"));
}

void require(bool done, const char* what) {
  if (!done) fail(what);
}

Memory in_memory(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

void use(SSL_CTX* context, const Identity& identity) {
  const Handle<X509, X509_free> certificate(
      PEM_read_bio_X509(in_memory(identity.certificate).get(), nullptr, nullptr, nullptr));
  const Handle<EVP_PKEY, EVP_PKEY_free> key(
      PEM_read_bio_PrivateKey(in_memory(identity.key).get(), nullptr, nullptr, nullptr));
  require(SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, key.get()) == 1,
          "the client's certificate cannot be used");
}

void trust(SSL_CTX* context, const std::string& ca) {
  const Handle<X509, X509_free> certificate(
      PEM_read_bio_X509(in_memory(ca).get(), nullptr, nullptr, nullptr));
  require(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) == 1,
          "the CA cannot be used");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

// What is in the memory, taken out of it.
std::string all_of(BIO* memory) {
  std::string bytes(BIO_ctrl_pending(memory), '\0');
  if (!bytes.empty()) BIO_read(memory, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

TlsClient::TlsClient(const Options& options) {
  ERR_clear_error();
  const Handle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
  require(context != nullptr, "it cannot be used");
  if (!options.ca.empty()) trust(context.get(), options.ca);
  if (!options.identity.key.empty()) use(context.get(), options.identity);
  require(SSL_CTX_set_min_proto_version(context.get(), options.least_version) == 1 &&
              SSL_CTX_set_max_proto_version(context.get(), options.most_version) == 1,
          "no such version");
  ssl_ = SSL_new(context.get());
  require(ssl_ != nullptr, "it cannot be used");
  if (options.least_version && options.least_version < TLS1_2_VERSION) {
    SSL_set_security_level(ssl_, 0);
    SSL_set_cipher_list(ssl_, "ALL");
  }
  if (!options.alpn.empty()) {
    const std::string offered = static_cast<char>(options.alpn.size()) + options.alpn;
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(offered.data()),
                        static_cast<unsigned>(offered.size()));
  }
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl_);
}

TlsClient::TlsClient(TlsClient&& other) noexcept : ssl_(std::exchange(other.ssl_, nullptr)) {}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
}

std::string TlsClient::outgoing() {
  return all_of(SSL_get_wbio(ssl_));
}

void TlsClient::incoming(std::string_view bytes) {
  BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
}

bool TlsClient::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return true;
  if (SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) fail("no handshake");
  return false;
}

void TlsClient::write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t size = 0;
  if (!bytes.empty())
    require(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &size) == 1, "nothing can be sent");
}

std::string TlsClient::read() {
  ERR_clear_error();
  std::string all;
  char bytes[16'384];
  std::size_t size = 0;
  int result;
  while ((result = SSL_read_ex(ssl_, bytes, sizeof bytes, &size)) == 1) all.append(bytes, size);
  const int why = SSL_get_error(ssl_, result);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN) fail("nothing can be read");
  return all;
}

bool TlsClient::ended() const {
  return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void TlsClient::end_output() {
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

void TlsClient::update_key() {
  require(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl_) == 1,
          "no key update");
}

bool TlsClient::renegotiate() {
  ERR_clear_error();
  return SSL_renegotiate(ssl_) == 1 && SSL_do_handshake(ssl_) == 1;
}

std::string TlsClient::chosen_protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::server_certificate() const {
  const Memory memory(BIO_new(BIO_s_mem()));
  const Handle<X509, X509_free> certificate(SSL_get1_peer_certificate(ssl_));
  if (!certificate) return {};
  PEM_write_bio_X509(memory.get(), certificate.get());
  return all_of(memory.get());
}

}  // namespace jangbu::test
