// TLS for a server's connections: OpenSSL on sockets that never block.
//
// TLS 1.2 and later, ALPN http/1.1, no renegotiation. Sessions are not resumed: with TLS 1.3 that
// saves little more than a signature, and it costs a key that has to be rotated, and client
// certificates that are not looked at again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

struct ssl_ctx_st;  // of OpenSSL: SSL_CTX
struct ssl_st;      // SSL

namespace jangbu::http {

// All of them PEM.
struct TlsFiles {
  std::filesystem::path certificate;  // the server's, then those between it and a root
  std::filesystem::path key;          // not encrypted
  std::filesystem::path client_ca;    // who may vouch for clients; empty: nobody
};

// One connection's TLS.
//
// Threads: its connection's worker.
class TlsSession {
 public:
  TlsSession(ssl_ctx_st* certificates, int socket, bool demand_certificate);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Whether the first that the client has sent is plain HTTP, or looks like it. To be asked before
  // the first receive().
  bool hears_plain_http() const;

  // As recv(2) and send(2); EPROTO when the client does not keep to the protocol, or we refuse it.
  // receive() shakes hands first. A client that just closes its side, without saying so in TLS, has
  // closed it all the same: HTTP itself says where a request ends.
  ssize_t receive(char* bytes, std::size_t size);
  // REQUIRES: is_established(). After EAGAIN the same bytes come again, perhaps with more behind.
  ssize_t send(std::string_view bytes);
  void end_output();  // tells the client that no more will come

  bool is_established() const;  // the handshake is done
  bool holds_input() const;     // taken from the socket, but not received yet
  bool waits_for_room() const { return waits_for_room_; }  // receive() has to send something first
  const std::string& why() const { return why_; }          // of the last EPROTO

 private:
  friend struct SocketBio;
  ssize_t failed(int error);

  const int socket_;
  bool heard_ = false;  // anything
  bool ended_ = false;  // the client has closed its side
  bool waits_for_room_ = false;
  std::string why_;
  ssl_st* const ssl_;
};

// The certificates in use, the same for all servers that they are given to.
//
// Threads: any.
class Tls {
 public:
  // Reads the files. Throws std::runtime_error that says what to do; warns of a certificate that
  // clients will not accept today.
  explicit Tls(TlsFiles files);
  ~Tls();

  // Reads them again, for the connections to come. If that throws, nothing has changed.
  void reload();

  // For a socket that a client has just opened. Without a certificate that `client_ca` vouches for
  // its handshake fails if one is demanded.
  std::unique_ptr<TlsSession> session(int socket, bool demand_certificate) const;

 private:
  const TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> certificates_;  // guarded by mutex_
};

// How a server speaks TLS.
struct TlsUse {
  std::shared_ptr<const Tls> tls;   // null: it does not
  bool demand_certificate = false;  // of each client
};

}  // namespace jangbu::http
