// A client's side of TLS without a socket: bytes in, bytes out. So a test can send them as it
// likes, and any client of a test can speak TLS.
//
// Threads: one at a time. Errors: std::runtime_error with OpenSSL's reason, an alert of the server
// included.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tests/support/certificates.hpp"

struct ssl_st;  // of OpenSSL: SSL

namespace jangbu::test {

class TlsClient {
 public:
  struct Options {
    std::string ca = {};     // PEM, that the server's certificate must be of; empty: any server
    Identity identity = {};  // its own; empty: none
    int least_version = 0;   // TLS1_2_VERSION; 0: OpenSSL's
    int most_version = 0;
    std::string alpn = "http/1.1";  // empty: none
  };

  explicit TlsClient(const Options& options);
  TlsClient() : TlsClient(Options{}) {}
  ~TlsClient();
  TlsClient(TlsClient&& other) noexcept;
  TlsClient& operator=(TlsClient&&) = delete;
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // What is to be sent to the server now.
  std::string outgoing();
  // What the server has sent.
  void incoming(std::string_view bytes);

  bool shake_hands();                  // as far as it can; true when it is done
  void write(std::string_view bytes);  // REQUIRES: shaken hands
  std::string read();                  // all that is there
  bool ended() const;                  // the server has said that no more comes
  void end_output();
  void update_key();   // asks the server to do the same (TLS 1.3)
  bool renegotiate();  // whether OpenSSL begins it (TLS 1.2)

  std::string chosen_protocol() const;     // of ALPN
  std::string server_certificate() const;  // PEM

 private:
  ssl_st* ssl_;
};

}  // namespace jangbu::test
