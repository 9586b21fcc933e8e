#include "api/http/tls.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "infra/descriptor.hpp"
#include "infra/handle.hpp"
#include "infra/log.hpp"

namespace jangbu::http {

// OpenSSL's view of a socket. Its own one would raise SIGPIPE.
struct SocketBio {
  static TlsSession& session(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int receive(BIO* bio, char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t got =
        ::recv(session(bio).socket_, bytes, static_cast<std::size_t>(size), MSG_DONTWAIT);
    if (got > 0) session(bio).heard_ = true;
    if (got == 0) session(bio).ended_ = true;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }

  static int send(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(session(bio).socket_, bytes, static_cast<std::size_t>(size),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }

  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const Handle<BIO_METHOD, BIO_meth_free> made = [] {
      Handle<BIO_METHOD, BIO_meth_free> method(
          BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket"));
      if (!method) throw std::bad_alloc();
      BIO_meth_set_read(method.get(), receive);
      BIO_meth_set_write(method.get(), send);
      BIO_meth_set_ctrl(method.get(), control);
      return method;
    }();
    return made.get();
  }
};

namespace {

using File = Handle<BIO, BIO_free_all>;
using Certificate = Handle<X509, X509_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;

// The first of OpenSSL's errors, which the others follow from. Empties their queue.
std::string openssl_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason ? reason : "error " + std::to_string(error);
}

std::string named(const char* flag, const std::filesystem::path& file) {
  return std::string(flag) + " " + file.string();
}

std::string read_file(const std::string& name, const std::filesystem::path& path, bool is_secret) {
  constexpr std::size_t longest = 1024 * 1024;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw std::runtime_error(name + " cannot be read: " + std::strerror(errno));
  struct stat info {};
  if (::fstat(file.number(), &info) != 0) throw_errno(name);
  if (is_secret && (info.st_mode & S_IRWXO) != 0)
    throw std::runtime_error(
        name + " may be read by everybody on this machine: chmod o= " + path.string());
  std::string bytes(longest + 1, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + size, bytes.size() - size);
    if (got < 0) throw std::runtime_error(name + " cannot be read: " + std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > longest) throw std::runtime_error(name + " is too large to be PEM");
  bytes.resize(size);
  return bytes;
}

File in_memory(const std::string& bytes) {
  File file(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (!file) throw std::bad_alloc();
  return file;
}

// The certificates in a file, at least one.
std::vector<Certificate> read_certificates(const char* flag, const std::filesystem::path& path) {
  const std::string name = named(flag, path);
  const std::string bytes = read_file(name, path, false);
  const File file = in_memory(bytes);
  std::vector<Certificate> found;
  ERR_clear_error();
  while (Certificate one{PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr)})
    found.push_back(std::move(one));
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = openssl_error();
  if (found.empty() && at_end)
    throw std::runtime_error(name + " has no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  if (!at_end) throw std::runtime_error(name + " has a certificate that is damaged: " + error);
  return found;
}

Key read_key(const std::filesystem::path& path) {
  const std::string name = named("--tls-key", path);
  std::string bytes = read_file(name, path, true);
  bool is_encrypted = false;
  const auto no_password = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  Key key;
  {
    const File file = in_memory(bytes);
    key.reset(PEM_read_bio_PrivateKey(file.get(), nullptr, no_password, &is_encrypted));
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (key) return key;
  const std::string error = openssl_error();
  if (is_encrypted)
    throw std::runtime_error(name + " is encrypted, and nobody is there to ask for its password: " +
                             "decrypt it with openssl pkey, into a file that only jangbu can read");
  throw std::runtime_error(name + " has no private key in PEM that can be read: " + error);
}

void warn_of_time(const std::string& name, const X509* certificate) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    log::warn("{} has expired: clients will refuse it. Renew it, and send SIGHUP", name);
  else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
    log::warn("{} is not valid yet: clients will refuse it", name);
}

// Takes http/1.1 if the client offers anything at all (RFC 7301).
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, ours, sizeof ours - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

void trust_clients_of(SSL_CTX* context, const std::filesystem::path& path) {
  X509_STORE* trusted = SSL_CTX_get_cert_store(context);
  for (const Certificate& ca : read_certificates("--tls-client-ca", path)) {
    if (X509_check_ca(ca.get()) == 0)
      throw std::runtime_error(named("--tls-client-ca", path) +
                               " has a certificate that is not of an authority (CA:TRUE)");
    if (X509_STORE_add_cert(trusted, ca.get()) != 1 ||
        SSL_CTX_add_client_CA(context, ca.get()) != 1)
      throw std::runtime_error(named("--tls-client-ca", path) + ": " + openssl_error());
  }
}

std::shared_ptr<SSL_CTX> read_all(const TlsFiles& files) {
  ERR_clear_error();
  const std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!made) throw std::runtime_error("OpenSSL cannot be used: " + openssl_error());
  SSL_CTX* context = made.get();
  // For TLS 1.2 what RFC 9325 recommends. 1.3 has nothing else.
  constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, ciphers) != 1)
    throw std::runtime_error("OpenSSL cannot be used: " + openssl_error());
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // Bytes left over come again as part of a string that may have grown, and so moved.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);  // one recv a request, not one for each part of a record
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);

  const std::string name = named("--tls-certificate", files.certificate);
  const auto chain = read_certificates("--tls-certificate", files.certificate);
  const Key key = read_key(files.key);
  if (X509_check_private_key(chain.front().get(), key.get()) != 1)
    throw std::runtime_error(named("--tls-key", files.key) + " is not the key of the (first) " +
                             "certificate in " + files.certificate.string());
  bool taken = SSL_CTX_use_certificate(context, chain.front().get()) == 1 &&
               SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  for (std::size_t i = 1; taken && i < chain.size(); ++i)
    taken = SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  if (!taken) throw std::runtime_error(name + " cannot be used: " + openssl_error());
  warn_of_time(name, chain.front().get());
  if (!files.client_ca.empty()) trust_clients_of(context, files.client_ca);
  return made;
}

}  // namespace

TlsSession::TlsSession(SSL_CTX* certificates, int socket, bool demand_certificate)
    : socket_(socket), ssl_(SSL_new(certificates)) {
  BIO* bio = ssl_ ? BIO_new(SocketBio::method()) : nullptr;
  if (!bio) {
    SSL_free(ssl_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
  if (demand_certificate)
    SSL_set_verify(ssl_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

bool TlsSession::hears_plain_http() const {
  char first = 0;  // of a method; of a TLS record it is the type, which is no letter
  return !heard_ && ::recv(socket_, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
         ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z'));
}

ssize_t TlsSession::receive(char* bytes, std::size_t size) {
  ERR_clear_error();
  std::size_t got = 0;
  const int result = SSL_read_ex(ssl_, bytes, size, &got);
  waits_for_room_ = result != 1 && SSL_want_write(ssl_);
  if (result == 1) return static_cast<ssize_t>(got);
  const int error = errno;
  const int why = SSL_get_error(ssl_, result);
  if (why == SSL_ERROR_ZERO_RETURN || (why == SSL_ERROR_SYSCALL && ended_)) return 0;
  return failed(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN
                : why == SSL_ERROR_SYSCALL                                ? error
                                                                          : EPROTO);
}

ssize_t TlsSession::send(std::string_view bytes) {
  ERR_clear_error();
  std::size_t sent = 0;
  const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent);
  if (result == 1) return static_cast<ssize_t>(sent);
  const int error = errno;
  const int why = SSL_get_error(ssl_, result);
  // It would have to read first only if half of a key update had come, which nobody sends.
  return failed(why == SSL_ERROR_WANT_WRITE ? EAGAIN : why == SSL_ERROR_SYSCALL ? error : EPROTO);
}

ssize_t TlsSession::failed(int error) {
  if (error == EPROTO) why_ = openssl_error();
  errno = error;
  return -1;
}

// If the socket has no room for it, the client does without: HTTP has told it that all is there.
void TlsSession::end_output() {
  ERR_clear_error();
  if (is_established()) SSL_shutdown(ssl_);
}

bool TlsSession::is_established() const {
  return SSL_is_init_finished(ssl_) == 1;
}

bool TlsSession::holds_input() const {
  return SSL_has_pending(ssl_) == 1;
}

Tls::Tls(TlsFiles files) : files_(std::move(files)), certificates_(read_all(files_)) {}

Tls::~Tls() = default;

void Tls::reload() {
  auto read = read_all(files_);
  const std::lock_guard lock(mutex_);
  certificates_.swap(read);
}

std::unique_ptr<TlsSession> Tls::session(int socket, bool demand_certificate) const {
  const std::lock_guard lock(mutex_);
  return std::make_unique<TlsSession>(certificates_.get(), socket, demand_certificate);
}

}  // namespace jangbu::http
