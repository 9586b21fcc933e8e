#include "api/webhooks/sender.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "api/webhooks/signature.hpp"
#include "infra/descriptor.hpp"
#include "infra/version.hpp"
#include "tests/support/files.hpp"
#include "tests/support/tls_receiver.hpp"
#include "tests/support/webhook_receiver.hpp"

// --- A name server of our own --------------------------------------------------------------------

namespace {

std::atomic<int> asked_for_rebinding_name = 0;
std::atomic<const char*> address_of_rebinding_name = "127.0.0.1";
constexpr const char* public_address = "8.8.8.8";  // which is 127.0.0.1 for connect()

}  // namespace

// libcurl's, and everybody else's in this program. Names that the machine's
// own might be asked for are answered here.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string asked = name ? name : "";
  if (asked == "rebinding.test") {
    ++asked_for_rebinding_name;
    return real(address_of_rebinding_name, service, hints, found);
  }
  if (asked == "localhost.") return real("127.0.0.1", service, hints, found);
  if (asked == "127.0.0.1." || asked == "nobody.invalid") return EAI_NONAME;
  if (asked == "several.test") {
    addrinfo any{};
    any.ai_socktype = SOCK_STREAM;
    any.ai_flags = AI_NUMERICHOST;
    if (const int failed = real("::1", service, &any, found)) return failed;
    return real("127.0.0.1", service, &any, &(*found)->ai_next);
  }
  return real(name, service, hints, found);
}

// Likewise. No test leaves this machine.
extern "C" int connect(int socket, const sockaddr* address, socklen_t size) {
  static const auto real = reinterpret_cast<decltype(&connect)>(::dlsym(RTLD_NEXT, "connect"));
  if (address->sa_family != AF_INET) return real(socket, address, size);
  sockaddr_in to = *reinterpret_cast<const sockaddr_in*>(address);
  if (to.sin_addr.s_addr == ::inet_addr(public_address))
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return real(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

namespace jangbu::webhook {
namespace {

using test::WebhookReceiver;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

const std::string secret(32, 's');
const std::string event = R"({"specversion":"1.0","id":"17.0","data":{"name":"한지 노트"}})";

Endpoint endpoint(const std::string& url, bool allow_private = true) {
  return {.name = "erp", .url = url, .secrets = {secret}, .allow_private = allow_private};
}

Outcome post(const Endpoint& to, Sender::Options options = {}) {
  return Sender(to, options).post("17.0", event, {});
}

// Listens on IPv4's and IPv6's loopback, and knows whether anybody has come.
class Listener {
 public:
  Listener() {
    for (const bool v6 : {true, false}) {
      auto& socket = sockets_[v6 ? 0 : 1];
      socket = Descriptor(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      sockaddr_in a4{};
      a4.sin_family = AF_INET;
      a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      a4.sin_port = htons(static_cast<std::uint16_t>(port_));
      sockaddr_in6 a6{};
      a6.sin6_family = AF_INET6;
      a6.sin6_addr = in6addr_loopback;
      const auto* address =
          v6 ? reinterpret_cast<sockaddr*>(&a6) : reinterpret_cast<sockaddr*>(&a4);
      const socklen_t size = v6 ? sizeof a6 : sizeof a4;
      // Where there is no IPv6, nobody can come that way.
      if (::bind(socket.number(), address, size) != 0 || ::listen(socket.number(), 8) != 0) {
        if (v6) continue;
        throw std::runtime_error("cannot listen");
      }
      if (v6) {
        socklen_t length = sizeof a6;
        ::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&a6), &length);
        port_ = ntohs(a6.sin6_port);
      } else if (port_ == 0) {
        socklen_t length = sizeof a4;
        ::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&a4), &length);
        port_ = ntohs(a4.sin_port);
      }
    }
  }

  std::string port() const { return std::to_string(port_); }
  // Somebody who comes by IPv4.
  Descriptor next() const {
    pollfd waiting{.fd = sockets_[1].number(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 60'000) != 1) throw std::runtime_error("nobody came");
    return Descriptor(::accept(sockets_[1].number(), nullptr, nullptr), "accept");
  }
  // The kernel has taken whoever came, before their connect() returned.
  bool somebody_came() const {
    for (const Descriptor& socket : sockets_)
      if (Descriptor(::accept(socket.number(), nullptr, nullptr))) return true;
    return false;
  }

 private:
  Descriptor sockets_[2];
  int port_ = 0;
};

// There are machines without IPv6.
bool has_v6() {
  return static_cast<bool>(Descriptor(::socket(AF_INET6, SOCK_STREAM, 0)));
}

// Where a receiver at 127.0.0.1 can be reached.
std::vector<std::string> loopbacks() {
  std::vector<std::string> hosts{"127.0.0.1",    "127.1",
                                 "2130706433",   "0x7f000001",
                                 "0x7f.1",       "0177.0.0.1",
                                 "017700000001", "localhost",
                                 "LOCALHOST",    "%6c%6f%63%61%6c%68%6f%73%74",
                                 "0.0.0.0",      "0",
                                 "several.test"};
  if (has_v6()) hosts.insert(hosts.end(), {"[::ffff:127.0.0.1]", "[::ffff:7f00:1]"});
  return hosts;
}

}  // namespace

TEST_CASE("a message is sent as it is, signed, and the answer's status is told") {
  WebhookReceiver receiver(WebhookReceiver::status(202));
  const Outcome outcome = post(endpoint(receiver.url("/hook?token=1")));
  CHECK(outcome.kind == Kind::answered);
  CHECK(outcome.status == 202);
  CHECK(outcome.delivered());
  const auto received = receiver.received();
  REQUIRE(received.size() == 1);
  const auto& headers = received.front().headers;
  CHECK(received.front().target == "/hook?token=1");
  CHECK(received.front().body == event);
  CHECK(headers.at("content-type") == "application/cloudevents+json");
  CHECK(headers.at("user-agent") == "jangbu/" + std::string(version()));
  CHECK(headers.at("webhook-id") == "17.0");
  CHECK(headers.at("webhook-signature") ==
        sign({secret}, "17.0", std::stoll(headers.at("webhook-timestamp")), event));
}

TEST_CASE("of an answer only the status and Retry-After matter, and its end is not waited for") {
  Listener listener;
  std::thread receiver([&] {
    const Descriptor client = listener.next();
    write_all(client, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 1000000\r\n\r\n" +
                          std::string(5'000, 'x'));
    std::string request(4'096, '\0');
    while (::read(client.number(), request.data(), request.size()) > 0) continue;
  });
  const Outcome outcome =
      post(endpoint("http://127.0.0.1:" + listener.port() + "/"), {.timeout = 1h});
  receiver.join();
  CHECK(outcome.status == 503);
  CHECK(outcome.retry_after == 7s);
  CHECK_FALSE(outcome.delivered());
  CHECK(describe(outcome) == "it answered 503");
}

TEST_CASE("a redirect is not followed") {
  WebhookReceiver elsewhere;
  for (const int status : {301, 302, 303, 307, 308}) {
    WebhookReceiver receiver([&](const WebhookReceiver::Received&) {
      return http::Response{.status = status, .headers = {{"Location", elsewhere.url()}}};
    });
    const Outcome outcome = post(endpoint(receiver.url()));
    CHECK(outcome.status == status);
    CHECK_FALSE(outcome.delivered());
  }
  CHECK(elsewhere.received().empty());
}

TEST_CASE("nothing goes to a private address, however it is written") {
  Listener listener;
  for (const std::string& host : loopbacks()) {
    INFO(host);
    const Outcome outcome = post(endpoint("https://" + host + ":" + listener.port() + "/", false));
    CHECK(outcome.kind == Kind::private_address);
    CHECK(outcome.status == 0);
  }
  std::vector<std::string> others{"127.0.0.2", "10.0.0.1", "192.168.0.1", "169.254.169.254"};
  if (has_v6())
    others.insert(others.end(), {"[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"});
  for (const std::string& host : others) {
    INFO(host);
    CHECK(post(endpoint("https://" + host + "/", false)).kind == Kind::private_address);
  }
  for (const std::string host : {"localhost.", "127.0.0.1.", "public@127.0.0.1",
                                 "public:443@127.0.0.1", "8.8.8.8@localhost"}) {
    INFO(host);
    CHECK(post(endpoint("https://" + host + ":" + listener.port() + "/", false)).status == 0);
  }
  CHECK_FALSE(listener.somebody_came());
}

TEST_CASE("with allow_private the same addresses are called") {
  WebhookReceiver receiver;
  for (const std::string& host : loopbacks()) {
    INFO(host);
    CHECK(
        post(endpoint("http://" + host + ":" + std::to_string(receiver.port()) + "/")).delivered());
  }
  CHECK(receiver.received().size() == loopbacks().size());
}

TEST_CASE("without allow_private nothing goes out without TLS") {
  Listener listener;
  for (const std::string scheme : {"http", "ftp", "gopher", "telnet"}) {
    INFO(scheme);
    // Not even the address is looked at.
    CHECK(post(endpoint(scheme + "://127.0.0.1:" + listener.port() + "/", false)).kind ==
          Kind::unreachable);
  }
  CHECK_FALSE(listener.somebody_came());
}

// What a name means cannot change between a check and its use, since what is checked is the address
// that is about to be connected to.
TEST_CASE("a name is resolved once, and where it leads is judged by that") {
  Listener listener;
  asked_for_rebinding_name = 0;
  const Outcome outcome = post(endpoint("https://rebinding.test:" + listener.port() + "/", false));
  CHECK(outcome.kind == Kind::private_address);
  CHECK(asked_for_rebinding_name == 1);
  CHECK_FALSE(listener.somebody_came());
}

TEST_CASE("a name that leads elsewhere for the next connection is judged again") {
  test::TlsReceiver receiver("rebinding.test");
  Endpoint to = endpoint("https://rebinding.test:" + std::to_string(receiver.port()) + "/", false);
  to.authorities = test::read_text(receiver.certificate_file());
  Sender sender(to);
  address_of_rebinding_name = public_address;
  CHECK(sender.post("17.0", event, {}).delivered());  // and the receiver closes the connection
  address_of_rebinding_name = "127.0.0.1";
  CHECK(sender.post("17.1", event, {}).kind == Kind::private_address);
  CHECK(receiver.requests() == 1);
}

TEST_CASE("the environment's proxies are not used") {
  Listener proxy;
  WebhookReceiver receiver;
  test::TlsReceiver tls_receiver("localhost");
  const std::string url = "http://127.0.0.1:" + proxy.port();
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"})
    ::setenv(name, url.c_str(), 1);
  CHECK(post(endpoint(receiver.url())).delivered());
  Endpoint to = endpoint("https://localhost:" + std::to_string(tls_receiver.port()) + "/");
  to.authorities = test::read_text(tls_receiver.certificate_file());
  CHECK(post(to).delivered());
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  CHECK_FALSE(proxy.somebody_came());
}

TEST_CASE("a receiver that does not answer is given up, at once if a stop is requested") {
  WebhookReceiver receiver([](const auto&) { return std::nullopt; });
  CHECK(post(endpoint(receiver.url()), {.timeout = 50ms}).kind == Kind::timed_out);
  std::stop_source stop;
  Sender sender(endpoint(receiver.url()), {.timeout = 1h});
  auto outcome =
      std::async(std::launch::async, [&] { return sender.post("17.0", event, stop.get_token()); });
  receiver.wait_for(2);
  stop.request_stop();
  CHECK(outcome.get().kind == Kind::stopped);
  receiver.answer_with(WebhookReceiver::status(204));
  CHECK(sender.post("17.0", event, {}).delivered());
}

TEST_CASE("where nobody listens, or a name has no address, nothing is delivered") {
  Listener listener;
  const std::string port = listener.port();
  listener = Listener();
  CHECK(post(endpoint("http://127.0.0.1:" + port + "/")).kind == Kind::unreachable);
  CHECK(post(endpoint("http://nobody.invalid/")).kind == Kind::unknown_host);
}

TEST_CASE("a receiver shows a certificate that is trusted, for its name") {
  test::TlsReceiver receiver("localhost");
  Endpoint to = endpoint("https://localhost:" + std::to_string(receiver.port()) + "/");
  CHECK(post(to).kind == Kind::bad_certificate);
  to.authorities = test::read_text(receiver.certificate_file());
  CHECK(post(to).delivered());
  to.url = "https://127.0.0.1:" + std::to_string(receiver.port()) + "/";
  CHECK(post(to).kind == Kind::bad_certificate);
  CHECK(receiver.requests() == 1);
}

}  // namespace jangbu::webhook
