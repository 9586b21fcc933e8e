// A port that speaks TLS, and clients that do not keep to it, from the first byte or later: no
// handler gets anything but what came in TLS, the connection ends, and the next client is served.
//
// The first byte of the input says what is done with the rest.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>

#include "api/http/server.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/http/certificates.hpp"
#include "tests/support/tls_client.hpp"

using namespace jangbu;
using namespace jangbu::http;

namespace {

std::atomic<int> handled = 0;

int port_of_server() {
  static const test::CertificateFiles files;
  static Server server("127.0.0.1", 0,
                       Router().add(Method::get, "/",
                                    [](Request&&, const Exchange& exchange) {
                                      ++handled;
                                      exchange.respond({.body = "hello"});
                                    }),
                       {}, 1, {}, {std::make_shared<Tls>(files.paths())});
  static const bool started = [] {
    spdlog::set_level(spdlog::level::off);
    server.start();
    return true;
  }();
  return started ? server.port() : 0;
}

// libFuzzer's clock is a signal, which may interrupt any call.
class Socket {
 public:
  Socket() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_of_server()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connected = TEMP_FAILURE_RETRY(
        ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address));
    invariant(connected == 0, "the server accepts");
  }
  ~Socket() { ::close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t size =
          TEMP_FAILURE_RETRY(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (size < 0) return;  // the server has had enough
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  std::string receive() const {
    char bytes[16'384];
    const ssize_t size = TEMP_FAILURE_RETRY(::recv(socket_, bytes, sizeof bytes, 0));
    return {bytes, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
  void end() const {
    ::shutdown(socket_, SHUT_WR);
    while (!receive().empty()) {
    }
  }

 private:
  const int socket_;
};

void shake_hands(const Socket& socket, test::TlsClient& tls) {
  for (bool done = false; !done;) {
    done = tls.shake_hands();
    socket.send(tls.outgoing());
    if (done) return;
    const std::string bytes = socket.receive();
    invariant(!bytes.empty(), "a good handshake succeeds");
    tls.incoming(bytes);
  }
}

void serve_one() {
  const Socket socket;
  test::TlsClient tls;
  shake_hands(socket, tls);
  tls.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  socket.send(tls.outgoing());
  std::string answer;
  while (!tls.ended()) {
    const std::string bytes = socket.receive();
    invariant(!bytes.empty(), "the end is told");
    tls.incoming(bytes);
    answer += tls.read();
  }
  invariant(answer.ends_with("\r\n\r\nhello"), "the next client is served");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = jangbu::fuzz::text_of(data + 1, size - 1);
  const int before = handled;
  {
    const Socket socket;
    test::TlsClient tls;
    switch (data[0] % 4) {
      case 0:  // from the first byte
        socket.send(bytes);
        break;
      case 1: {  // over a part of a ClientHello
        tls.shake_hands();
        std::string hello = tls.outgoing();
        const std::size_t at = size > 1 ? data[1] % hello.size() : 0;
        const std::size_t count = std::min(bytes.size(), hello.size() - at);
        hello.replace(at, count, bytes.substr(0, count));
        socket.send(hello);
        break;
      }
      case 2:  // in place of the client's second flight
        tls.shake_hands();
        socket.send(tls.outgoing());
        socket.receive();
        socket.send(bytes);
        break;
      default:  // after a handshake
        shake_hands(socket, tls);
        socket.send(bytes);
    }
    socket.end();
  }
  invariant(handled == before, "nothing is handled that did not come in TLS");
  static int turns = 0;
  if (++turns % 16 == 0) serve_one();
  return 0;
}
