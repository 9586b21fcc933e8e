#include "tests/support/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <string_view>
#include <system_error>
#include <utility>
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

void do_not_wait(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void close_if_open(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

bool would_wait() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

TcpProxy::TcpProxy(int server_port) : server_port_(server_port), listener_(tcp_socket()) {
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0)
    throw std::system_error(errno, std::generic_category(), "TcpProxy");
  do_not_wait(listener_);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  ask([this] { stop_ = true; });
  thread_.join();
  for (const int fd : {listener_, wake_[0], wake_[1]}) ::close(fd);
}

// --- What is asked of it -------------------------------------------------------------------------

void TcpProxy::ask(std::function<void()> what) {
  std::promise<void> done;
  {
    std::lock_guard lock(mutex_);
    asked_.push_back([&] {
      what();
      done.set_value();
    });
  }
  const char byte = 0;
  if (::write(wake_[1], &byte, 1) != 1 && !would_wait())
    throw std::system_error(errno, std::generic_category(), "TcpProxy");
  done.get_future().wait();
}

void TcpProxy::set_mute(bool mute) {
  ask([&] {
    held_back_ = 0;
    mute_ = mute;
  });
}

void TcpProxy::set_delay(std::chrono::milliseconds delay) {
  ask([&] { delay_ = delay; });
}

void TcpProxy::set_closed(bool closed) {
  ask([&] { closed_ = closed; });
}

void TcpProxy::cut() {
  ask([&] {
    for (Link& link : links_) {
      close_if_open(link.client);
      close_if_open(link.server);
    }
    links_.clear();
  });
}

void TcpProxy::hold_requests() {
  ask([&] {
    held_back_ = 0;
    for (Link& link : links_) link.requests_held = true;
  });
}

void TcpProxy::strand() {
  ask([&] {
    for (Link& link : links_)
      if (link.requests_held) close_if_open(link.client);
  });
}

void TcpProxy::deliver() {
  ask([&] {
    for (Link& link : links_) link.requests_held = false;
  });
}

void TcpProxy::obey() {
  std::array<char, 64> bytes;
  while (::read(wake_[0], bytes.data(), bytes.size()) > 0) continue;
  std::vector<std::function<void()>> asked;
  {
    std::lock_guard lock(mutex_);
    asked.swap(asked_);
  }
  for (const auto& one : asked) one();
}

// --- The thread ----------------------------------------------------------------------------------

bool TcpProxy::may_send_to_server(const Link& link, Clock::time_point now) const {
  return !link.requests_held && !link.to_server.empty() && link.to_server.front().due <= now;
}

bool TcpProxy::may_send_to_client(const Link& link, Clock::time_point now) const {
  return !mute_ && !link.to_client.empty() && link.to_client.front().due <= now;
}

namespace {

// Sends what is due, as far as the socket takes it. False when the other side has gone.
template <class Pieces, class Time>
bool send_due(int fd, Pieces& pieces, Time now) {
  while (!pieces.empty() && pieces.front().due <= now) {
    std::string& bytes = pieces.front().bytes;
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return would_wait();
    bytes.erase(0, static_cast<std::size_t>(sent));
    if (!bytes.empty()) return true;
    pieces.pop_front();
  }
  return true;
}

}  // namespace

void TcpProxy::receive(Link& link, bool from_client) {
  std::array<char, 64 * 1024> bytes;
  int& from = from_client ? link.client : link.server;
  const auto size = ::recv(from, bytes.data(), bytes.size(), 0);
  if (size < 0 && would_wait()) return;
  if (size <= 0) return close_if_open(from);
  const auto count = static_cast<std::size_t>(size);
  if (from_client ? link.requests_held : mute_) held_back_ += count;
  (from_client ? link.to_server : link.to_client)
      .push_back({Clock::now() + delay_, std::string(bytes.data(), count)});
}

// What a side sent before it went still arrives, when it is not held back for ever.
void TcpProxy::end_where_done(Link& link) const {
  if (link.client < 0 && link.to_server.empty()) close_if_open(link.server);
  if (link.server < 0 && link.to_client.empty()) close_if_open(link.client);
}

void TcpProxy::run() {
  constexpr int longest_ms = 1'000;
  while (!stop_) {
    auto now = Clock::now();
    auto next = now + std::chrono::milliseconds(longest_ms);
    std::vector<pollfd> fds = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Link& link : links_) {
      const auto watch = [&](int fd, bool sends) {
        fds.push_back({fd, static_cast<short>(sends ? POLLIN | POLLOUT : POLLIN), 0});
      };
      watch(link.client, may_send_to_client(link, now));
      watch(link.server, may_send_to_server(link, now));
      for (const auto* pieces : {&link.to_client, &link.to_server})
        if (!pieces->empty() && pieces->front().due > now)
          next = std::min(next, pieces->front().due);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    if (::poll(fds.data(), fds.size(), static_cast<int>(wait)) < 0) continue;

    now = Clock::now();
    std::size_t i = 2;
    for (auto link = links_.begin(); link != links_.end(); i += 2) {
      if (link->client >= 0 && fds[i].revents != 0) receive(*link, true);
      if (link->server >= 0 && fds[i + 1].revents != 0) receive(*link, false);
      if (link->client >= 0 && may_send_to_client(*link, now) &&
          !send_due(link->client, link->to_client, now))
        close_if_open(link->client);
      if (link->server >= 0 && may_send_to_server(*link, now) &&
          !send_due(link->server, link->to_server, now))
        close_if_open(link->server);
      // What is for somebody who has gone goes nowhere.
      if (link->client < 0) link->to_client.clear();
      if (link->server < 0) link->to_server.clear();
      end_where_done(*link);
      link = link->client < 0 && link->server < 0 ? links_.erase(link) : std::next(link);
    }
    if (fds[1].revents != 0) let_in();
    if (fds[0].revents != 0) obey();
  }
  for (Link& link : links_) {
    close_if_open(link.client);
    close_if_open(link.server);
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
  do_not_wait(client);
  do_not_wait(server);
  links_.push_back({.client = client, .server = server});
}

}  // namespace jangbu::test
