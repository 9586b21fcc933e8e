#include "tests/support/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <vector>

namespace jangbu::test {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

TcpProxy::TcpProxy(int server_port) : server_port_(server_port), listener_(tcp_socket()) {
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe2(wake_, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "TcpProxy");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  wake();
  thread_.join();
  for (const int fd : {listener_, wake_[0], wake_[1]}) ::close(fd);
}

void TcpProxy::set_mute(bool mute) {
  held_back_ = 0;
  mute_ = mute;
  wake();
}

void TcpProxy::cut() {
  cut_ = true;
  wake();
  cut_.wait(true);
}

void TcpProxy::set_closed(bool closed) {
  closed_ = closed;
}

void TcpProxy::wake() {
  const char byte = 0;
  if (::write(wake_[1], &byte, 1) != 1)
    throw std::system_error(errno, std::generic_category(), "TcpProxy");
}

void TcpProxy::run() {
  const auto end = [](const Link& link) {
    ::close(link.client);
    ::close(link.server);
  };
  while (!stop_) {
    std::vector<pollfd> fds = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Link& link : links_) {
      fds.push_back({link.client, POLLIN, 0});
      fds.push_back({link.server, POLLIN, 0});
    }
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    std::size_t i = 2;
    for (auto link = links_.begin(); link != links_.end(); i += 2) {
      const bool alive = (fds[i].revents == 0 || carry(*link, link->client, link->server)) &&
                         (fds[i + 1].revents == 0 || carry(*link, link->server, link->client));
      if (!alive) end(*link);
      link = alive ? std::next(link) : links_.erase(link);
    }
    if (fds[1].revents != 0) let_in();
    if (fds[0].revents != 0) obey();
  }
  for (const Link& link : links_) end(link);
}

void TcpProxy::obey() {
  std::array<char, 64> bytes;
  if (::read(wake_[0], bytes.data(), bytes.size()) <= 0) return;
  if (cut_) {
    for (const Link& link : links_) {
      ::close(link.client);
      ::close(link.server);
    }
    links_.clear();
    cut_ = false;
    cut_.notify_all();
  }
  if (mute_) return;
  for (Link& link : links_) {
    send_all(link.client, link.held);
    link.held.clear();
  }
}

void TcpProxy::let_in() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = tcp_socket();
  const auto address = loopback(server_port_);
  if (closed_ ||
      ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(client);
    ::close(server);
    return;
  }
  const int on = 1;
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  links_.push_back({client, server, {}});
}

// False when one of the two sides has gone.
bool TcpProxy::carry(Link& link, int from, int to) {
  std::array<char, 64 * 1024> bytes;
  const auto size = ::recv(from, bytes.data(), bytes.size(), 0);
  if (size <= 0) return false;
  const std::string_view received(bytes.data(), static_cast<std::size_t>(size));
  if (from == link.client || !mute_) return send_all(to, received);
  link.held += received;
  held_back_ += received.size();
  return true;
}

}  // namespace jangbu::test
