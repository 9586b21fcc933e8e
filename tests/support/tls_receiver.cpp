#include "tests/support/tls_receiver.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace jangbu::test {

namespace {

using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Handle<X509, X509_free>;
using Extension = Handle<X509_EXTENSION, X509_EXTENSION_free>;
using Tls = Handle<SSL, SSL_free>;

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL does not do as it should");
}

}  // namespace

TlsReceiver::TlsReceiver(const std::string& name)
    : context_(SSL_CTX_new(TLS_server_method())),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket") {
  // OpenSSL writes with write(2), here and in libcurl: who has gone must not end the test.
  ::signal(SIGPIPE, SIG_IGN);
  make_certificate(name);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  require(::bind(listener_.number(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
          ::listen(listener_.number(), 8) == 0 &&
          ::getsockname(listener_.number(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

TlsReceiver::~TlsReceiver() {
  ::shutdown(listener_.number(), SHUT_RDWR);
  thread_.join();
}

void TlsReceiver::make_certificate(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509* x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3'600);
  X509_set_pubkey(x509, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  const Extension names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str()));
  require(X509_add_ext(x509, names.get(), -1) == 1 && X509_sign(x509, key.get(), EVP_sha256()) > 0);
  require(SSL_CTX_use_certificate(context_.get(), x509) == 1 &&
          SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
  const Handle<FILE, std::fclose> file(std::fopen(certificate_file().c_str(), "w"));
  require(file && PEM_write_X509(file.get(), x509) == 1);
}

void TlsReceiver::serve() {
  for (;;) {
    const Descriptor client(::accept(listener_.number(), nullptr, nullptr));
    if (!client) return;
    const Tls tls(SSL_new(context_.get()));
    SSL_set_fd(tls.get(), client.number());
    if (SSL_accept(tls.get()) != 1) continue;
    std::array<char, 4096> bytes;
    if (SSL_read(tls.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) continue;
    ++requests_;
    constexpr std::string_view answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    SSL_write(tls.get(), answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(tls.get());
  }
}

}  // namespace jangbu::test
