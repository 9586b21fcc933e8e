#include "tests/http/client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "tests/support/process.hpp"

namespace jangbu::test {
namespace {

// A sanitizer makes a busy server slower by far.
constexpr auto patience = 60s;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool wait_for(int descriptor, short events, std::chrono::milliseconds time) {
  pollfd watched{descriptor, events, 0};
  return ::poll(&watched, 1, static_cast<int>(time.count())) > 0;
}

}  // namespace

bool over_tls() {
  static const bool told = std::getenv("JANGBU_HTTP_TLS") != nullptr;
  return told;
}

Client Client::unconnected() {
  Client client;
  if (over_tls()) client.tls_.emplace();
  client.descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client.descriptor_ < 0) fail("socket");
  // Or a request waits for the end of the handshake to be acknowledged, which the kernel delays.
  constexpr int on = 1;
  ::setsockopt(client.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

Client::Client(int port) : Client(unconnected()) {
  connect(port);
}

Client::Client(int port, const TlsClient::Options& tls) : Client(without_tls(port)) {
  tls_.emplace(tls);
}

Client Client::without_tls(int port) {
  Client client = unconnected();
  client.tls_.reset();
  client.connect(port);
  return client;
}

Client::Client(Client&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      received_(std::move(other.received_)),
      tls_(std::move(other.tls_)),
      shaken_hands_(other.shaken_hands_),
      unsent_(std::move(other.unsent_)) {}

Client::~Client() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Client::connect(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
}

void Client::shake_hands() {
  if (std::exchange(shaken_hands_, true)) return;
  while (!tls_->shake_hands()) {
    send_raw(tls_->outgoing());
    const std::string bytes = receive_raw();
    if (bytes.empty()) throw std::runtime_error("the connection ended in the handshake");
    tls_->incoming(bytes);
  }
  send_raw(tls_->outgoing());
}

std::size_t Client::send(std::string_view bytes, bool wait) {
  if (!tls_) return send_raw(bytes, wait);
  shake_hands();
  constexpr std::size_t record = 16'384;
  std::size_t sent = 0;
  unsent_.erase(0, send_raw(unsent_, wait));
  while (sent < bytes.size() && unsent_.empty()) {
    const std::string_view piece = bytes.substr(sent, record);
    tls_->write(piece);
    unsent_ += tls_->outgoing();
    unsent_.erase(0, send_raw(unsent_, wait));
    sent += piece.size();
  }
  return sent;
}

std::size_t Client::send_raw(std::string_view bytes, bool wait) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t size =
        ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size >= 0) {
      sent += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN && wait) {
      if (!wait_for(descriptor_, POLLOUT, patience)) throw std::runtime_error("send timed out");
    } else if (errno == EAGAIN) {
      break;
    } else {
      fail("send");
    }
  }
  return sent;
}

void Client::end_sending() {
  if (tls_) {
    shake_hands();
    tls_->end_output();
    send_raw(tls_->outgoing());
  }
  ::shutdown(descriptor_, SHUT_WR);
}

void Client::abort() {
  const linger reset{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::close(std::exchange(descriptor_, -1));
}

bool Client::readable_within(std::chrono::milliseconds time) {
  return !received_.empty() || wait_for(descriptor_, POLLIN, time);
}

std::string Client::receive_raw() {
  if (!wait_for(descriptor_, POLLIN, patience)) throw std::runtime_error("receive timed out");
  char bytes[65536];
  const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
  if (size < 0) fail("recv");
  return {bytes, static_cast<std::size_t>(size)};
}

bool Client::receive() {
  if (!tls_) {
    const std::string bytes = receive_raw();
    received_ += bytes;
    return !bytes.empty();
  }
  shake_hands();
  for (const std::size_t before = received_.size();;) {
    received_ += tls_->read();
    send_raw(tls_->outgoing());  // an answer to a key update
    if (received_.size() > before) return true;
    const std::string bytes = receive_raw();
    if (bytes.empty()) return false;
    tls_->incoming(bytes);
  }
}

std::string Client::read_until(std::string_view mark) {
  std::size_t at;
  while ((at = received_.find(mark)) == std::string::npos)
    if (!receive()) throw std::runtime_error("the connection ended early: " + received_);
  return read_exactly(at + mark.size());
}

std::string Client::read_exactly(std::size_t size) {
  while (received_.size() < size)
    if (!receive()) throw std::runtime_error("the connection ended early: " + received_);
  if (received_.size() == size) return std::exchange(received_, {});
  std::string bytes = received_.substr(0, size);
  received_.erase(0, size);
  return bytes;
}

std::string Client::read_some() {
  if (received_.empty()) receive();
  return std::exchange(received_, {});
}

std::string Client::read_to_end() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

Answer Client::read_answer(bool of_head) {
  const std::string head = read_until("\r\n\r\n");
  Answer answer;
  answer.status = std::stoi(head.substr(9, 3));
  for (std::size_t at = head.find("\r\n") + 2; at < head.size() - 2;) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(": ", at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer.headers[name] = head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  if (of_head) return answer;
  if (answer.headers.contains("content-length")) {
    answer.body = read_exactly(std::stoul(answer.headers["content-length"]));
  } else if (answer.headers.contains("transfer-encoding")) {
    for (;;) {
      const std::size_t size = std::stoul(read_until("\r\n"), nullptr, 16);
      answer.body += read_exactly(size);
      if (read_exactly(2) != "\r\n") throw std::runtime_error("a chunk has no end");
      if (size == 0) break;
    }
  }
  return answer;
}

Answer Client::get(std::string_view target) {
  send(get_request(target));
  return read_answer();
}

std::string get_request(std::string_view target, std::string_view fields) {
  std::string request = "GET ";
  return request.append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(fields) + "\r\n";
}

std::string post_request(std::string_view target, std::string_view body) {
  std::string request = "POST ";
  return request.append(target)
      .append(" HTTP/1.1\r\nHost: localhost\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

}  // namespace jangbu::test
