// A client made of a plain socket, so that it can misbehave in every way a real one can; with TLS
// on top if it is told so.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/tls_client.hpp"

namespace jangbu::test {

using namespace std::chrono_literals;

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Whether servers and clients of these tests speak TLS where nothing else is said: JANGBU_HTTP_TLS.
bool over_tls();

// Everything that waits throws std::runtime_error after 60 s. Not thread-safe.
class Client {
 public:
  explicit Client(int port);
  Client(int port, const TlsClient::Options& tls);
  static Client without_tls(int port);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // A socket that connects later: connect() needs no further descriptor.
  static Client unconnected();
  void connect(int port);

  // Stops at what the kernel takes when `wait` is false; how much that was.
  std::size_t send(std::string_view bytes, bool wait = true);
  std::size_t send_raw(std::string_view bytes, bool wait = true);  // past TLS
  // Done by whatever sends or receives first.
  void shake_hands();
  TlsClient& tls() { return *tls_; }
  void end_sending();
  void abort();  // resets the connection

  // The next answer; of a HEAD request without a body whatever the length says.
  Answer read_answer(bool of_head = false);
  // Bytes up to the end of the connection.
  std::string read_to_end();
  std::string read_some();  // "" at the end
  // True when there is something to read, or the end, within the time.
  bool readable_within(std::chrono::milliseconds time);

  Answer get(std::string_view target);

  int descriptor() const { return descriptor_; }  // for poll

 private:
  Client() = default;
  std::string read_until(std::string_view mark);
  std::string read_exactly(std::size_t size);
  bool receive();  // false at the end
  std::string receive_raw();

  int descriptor_ = -1;
  std::string received_;
  std::optional<TlsClient> tls_;
  bool shaken_hands_ = false;
  std::string unsent_;  // of what TLS has made of the bytes
};

// "GET <target> HTTP/1.1" with Host, and more header fields ("Name: value\r\n"…).
std::string get_request(std::string_view target, std::string_view fields = {});
std::string post_request(std::string_view target, std::string_view body);

}  // namespace jangbu::test
