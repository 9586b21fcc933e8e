#include "api/http/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pistache/reactor.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "api/http/server_state.hpp"
#include "api/http/transport.hpp"
#include "infra/descriptor.hpp"

namespace jangbu::http {
namespace {

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

SocketAddress parse_address(const std::string& text, int port) {
  SocketAddress address;
  const auto network_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = network_port;
    std::memcpy(&address.bytes, &v4, address.size = sizeof v4);
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = network_port;
    std::memcpy(&address.bytes, &v6, address.size = sizeof v6);
  } else {
    errno = EINVAL;
  }
  return address;
}

bool set_option(int descriptor, int level, int option) {
  constexpr int on = 1;
  return ::setsockopt(descriptor, level, option, &on, sizeof on) == 0;
}

Descriptor listen_on(const std::string& host, int port, int backlog) {
  const std::string failed = "cannot listen on " + host + " port " + std::to_string(port);
  const SocketAddress address = parse_address(host, port);
  if (address.size == 0 || port < 0 || port > 65535) {
    errno = EINVAL;
    throw_errno(failed);
  }
  Descriptor listener(
      ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failed);
  const int descriptor = listener.number();
  // The accepted sockets inherit the options set here.
  const bool listens =
      set_option(descriptor, SOL_SOCKET, SO_REUSEADDR) &&
      set_option(descriptor, IPPROTO_TCP, TCP_NODELAY) &&
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address.bytes), address.size) == 0 &&
      ::listen(descriptor, backlog) == 0;
  if (!listens) throw_errno(failed);
  return listener;
}

int port_of(const Descriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw_errno("getsockname");
  // The port is at the same offset in the addresses of both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

// Pistache's Tcp::Listener is not used: it spins when descriptors run out, cannot stop accepting
// without stopping its workers, and loses the reason when it cannot bind. Instead, a reactor runs
// workers that each accept for themselves.
class Server::Impl {
 public:
  Impl(const std::string& address, int port, Router router, Limits limits, int workers,
       OnAccess on_access, TlsUse tls)
      : workers_(workers),
        listener_(listen_on(address, port, limits.backlog)),
        port_(port_of(listener_)),
        state_(std::make_shared<ServerState>(
            std::move(router), limits, address + ":" + std::to_string(port_), listener_.number(),
            std::move(on_access), std::move(tls))) {}

  ~Impl() {
    if (reactor_) reactor_->shutdown();
    reactor_.reset();  // joins the workers, then destroys their transports
  }

  void start() {
    const std::string name = "http-" + std::to_string(port_);
    reactor_ = Pistache::Aio::Reactor::create();
    reactor_->init(Pistache::Aio::AsyncContext(static_cast<std::size_t>(workers_), name));
    // The reactor gives each worker a clone of this transport.
    const auto key = reactor_->addHandler(
        std::make_shared<Transport>(state_, std::make_shared<Protocol>(state_)));
    for (const auto& handler : reactor_->handlers(key))
      mailboxes_.push_back(std::static_pointer_cast<Transport>(handler)->mailbox());
    reactor_->run();
  }

  int port() const { return port_; }
  const ServerState& state() const { return *state_; }

  bool drain(std::chrono::milliseconds deadline) {
    const auto end = Clock::now() + deadline;
    state_->draining = true;
    for (const auto& mailbox : mailboxes_) mailbox->wake();
    std::unique_lock lock(state_->mutex);
    const bool stopped = state_->changed.wait_until(
        lock, end, [&] { return state_->workers_draining == mailboxes_.size(); });
    if (!stopped) return false;
    listener_.close();  // from now on clients are refused instead of left waiting
    return state_->changed.wait_until(lock, end, [&] { return state_->connections == 0; });
  }

 private:
  const int workers_;
  Descriptor listener_;
  const int port_;
  const std::shared_ptr<ServerState> state_;
  std::shared_ptr<Pistache::Aio::Reactor> reactor_;
  std::vector<std::shared_ptr<Mailbox>> mailboxes_;
};

Server::Server(const std::string& address, int port, Router router, Limits limits, int workers,
               OnAccess on_access, TlsUse tls)
    : impl_(std::make_unique<Impl>(address, port, std::move(router), limits, workers,
                                   std::move(on_access), std::move(tls))) {}

Server::~Server() = default;

void Server::start() {
  impl_->start();
}

int Server::port() const {
  return impl_->port();
}

const Traffic& Server::traffic() const {
  return impl_->state().traffic;
}

std::size_t Server::connections() const {
  return impl_->state().connections;
}

bool Server::drain(std::chrono::milliseconds deadline) {
  return impl_->drain(deadline);
}

}  // namespace jangbu::http
