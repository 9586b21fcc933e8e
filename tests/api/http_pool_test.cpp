// What the pool of `jangbu load` says of requests whose connection breaks: only what was not sent
// is said not to have been.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "api/client/http_pool.hpp"

using namespace jangbu;
using namespace std::chrono_literals;

namespace {

// A server that one connection comes to.
class OneConnection {
 public:
  OneConnection() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listening_, any, size) == 0);
    REQUIRE(::listen(listening_, 5) == 0);
    REQUIRE(::getsockname(listening_, any, &size) == 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  ~OneConnection() { close(); }
  OneConnection(const OneConnection&) = delete;
  OneConnection& operator=(const OneConnection&) = delete;

  const std::string& url() const { return url_; }

  std::string read_request() {
    if (connection_ < 0) connection_ = ::accept(listening_, nullptr, nullptr);
    std::string text;
    char bytes[4096];
    while (text.find("\r\n\r\n") == text.npos) {
      const ssize_t size = ::recv(connection_, bytes, sizeof bytes, 0);
      if (size <= 0) break;
      text.append(bytes, static_cast<std::size_t>(size));
    }
    return text;
  }
  void answer(std::string_view text) const {
    ::send(connection_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Nobody can come any more, and who is here is cut off.
  void close() {
    for (int* const descriptor : {&listening_, &connection_}) {
      if (*descriptor < 0) continue;
      const linger reset{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(*descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      ::close(*descriptor);
      *descriptor = -1;
    }
  }

 private:
  int listening_ = -1;
  int connection_ = -1;
  std::string url_;
};

HttpPool::Answer ask(HttpPool& pool, const std::string& url) {
  std::optional<HttpPool::Answer> answer;
  pool.send({.url = url, .timeout = 10s}, [&](HttpPool::Answer came) { answer = std::move(came); });
  while (!answer) pool.wait(HttpPool::Clock::now() + 1s);
  return *answer;
}

}  // namespace

TEST_CASE("A request on a connection that dies is not said to be unsent") {
  OneConnection server;
  HttpPool pool(1);
  {
    const std::jthread serving([&] {
      server.read_request();
      server.answer(
          "HTTP/1.1 200 OK\r\nevent-position: 42\r\nLocation: /purchases/7\r\n"
          "Content-Length: 2\r\n\r\nok");
      server.read_request();
      server.close();
    });
    const auto first = ask(pool, server.url());
    CHECK(first.status == 200);
    CHECK(first.times_sent == 1);
    CHECK(first.body == "ok");
    CHECK(first.position == 42);
    CHECK(first.location == "/purchases/7");

    // libcurl tries once more on a new connection, which cannot be had.
    const auto second = ask(pool, server.url());
    CHECK(second.status == 0);
    CHECK(second.times_sent == 1);
    CHECK_FALSE(second.error.empty());
  }
  const auto third = ask(pool, server.url());
  CHECK(third.status == 0);
  CHECK(third.times_sent == 0);
}

TEST_CASE("A pool can be woken, waits no longer than it is told, and drops what is under way") {
  OneConnection server;
  HttpPool pool(1);
  bool answered = false;
  pool.send({.url = server.url()}, [&](const HttpPool::Answer&) { answered = true; });
  CHECK(pool.free() == 0);
  CHECK(pool.under_way() == 1);
  const auto begun = HttpPool::Clock::now();
  const auto until = begun + 50ms;
  while (HttpPool::Clock::now() < until) pool.wait(until);
  {
    const std::jthread waking([&] { pool.wake(); });
    for (int times = 0; times < 3; ++times) pool.wait(HttpPool::Clock::now() + 10ms);
  }
  pool.wake();
  pool.wait(begun + 1h);
  CHECK(HttpPool::Clock::now() - begun < 30s);
  pool.drop();
  CHECK(pool.free() == 1);
  CHECK_FALSE(answered);
}

TEST_CASE("A pool says who asks with every request, from the first on") {
  OneConnection server;
  HttpPool pool(1, {.credential = "jbk_till-3_x"});
  std::string first, second;
  {
    const std::jthread serving([&] {
      first = server.read_request();
      server.answer(
          "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"jangbu\"\r\n"
          "Content-Length: 2\r\n\r\nno");
      second = server.read_request();
      server.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    CHECK(ask(pool, server.url()).status == 401);
    CHECK(ask(pool, server.url()).status == 200);
  }
  CHECK(first.find("Authorization: Bearer jbk_till-3_x\r\n") != first.npos);
  CHECK(second.find("Authorization: Bearer jbk_till-3_x\r\n") != second.npos);
}
