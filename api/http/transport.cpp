#include "api/http/transport.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "infra/log.hpp"

namespace jangbu::http {
namespace {

using Pistache::Polling::Mode;
using Pistache::Polling::NotifyOn;
using Pistache::Polling::Tag;
using Interest = Pistache::Flags<NotifyOn>;

constexpr std::chrono::milliseconds tick_interval{250};
constexpr std::chrono::seconds warning_interval{60};
constexpr std::size_t receive_bytes = 64 * kib;
constexpr std::size_t forget_bytes = 64 * kib;
constexpr int accepts_per_round = 64;
constexpr int mail_rounds = 16;  // before the sockets get a turn again

Tag tag_of(int descriptor) {
  return Tag(static_cast<std::uint64_t>(descriptor));
}

Descriptor make_timer() {
  Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd");
  constexpr timespec interval{
      0, std::chrono::duration_cast<std::chrono::nanoseconds>(tick_interval).count()};
  constexpr itimerspec periodic{interval, interval};
  if (::timerfd_settime(timer.number(), 0, &periodic, nullptr) != 0) throw_errno("timerfd");
  return timer;
}

// As recv(2) and send(2), in TLS or without.
ssize_t receive_from(const Connection& c, char* bytes, std::size_t size) {
  return c.tls ? c.tls->receive(bytes, size) : ::recv(c.fd(), bytes, size, MSG_DONTWAIT);
}

ssize_t send_to(const Connection& c, std::string_view bytes) {
  return c.tls ? c.tls->send(bytes)
               : ::send(c.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

Transport::Transport(std::shared_ptr<ServerState> server, std::shared_ptr<Protocol> protocol)
    : Pistache::Tcp::Transport(protocol),
      server_(std::move(server)),
      protocol_(std::move(protocol)),
      mailbox_(std::make_shared<Mailbox>()),
      received_(receive_bytes) {}

Transport::~Transport() {
  mailbox_->close();
  for (const auto& [descriptor, peer] : peers) {
    const auto connection = std::static_pointer_cast<Connection>(peer);
    connection->gone = true;
    connection->body.reset();  // the callback waiting for a piece of it holds the connection
    ::close(descriptor);
  }
}

std::shared_ptr<Pistache::Aio::Handler> Transport::clone() const {
  return std::make_shared<Transport>(server_, std::make_shared<Protocol>(server_));
}

void Transport::registerPoller(Pistache::Polling::Epoll& poller) {
  Pistache::Tcp::Transport::registerPoller(poller);
  timer_ = make_timer();
  poller.addFd(timer_.number(), Interest(NotifyOn::Read), tag_of(timer_.number()));
  poller.addFd(mailbox_->descriptor(), Interest(NotifyOn::Read), tag_of(mailbox_->descriptor()),
               Mode::Edge);
  poller.addFd(server_->listener, Interest(NotifyOn::Read), tag_of(server_->listener));
}

// No exception may leave this function: the thread is Pistache's, and nothing there would catch it.
void Transport::onReady(const Pistache::Aio::FdSet& ready) {
  mailbox_->worker_runs();
  now_ = Clock::now();
  bool clients_wait = false, time_passed = false;
  for (std::size_t i = 0; i < ready.size(); ++i) {
    const auto descriptor = static_cast<int>(ready[i].getTag().value());
    if (descriptor == server_->listener) {
      clients_wait = true;
    } else if (descriptor == timer_.number()) {
      time_passed = true;
    } else if (const auto found = peers.find(descriptor); found != peers.end()) {
      handle(std::static_pointer_cast<Connection>(found->second), ready[i]);
    }
  }
  // After the input of clients, so that none is late only because this thread was.
  if (time_passed) tick();
  if (server_->draining && !draining_) start_draining();
  // After the events, so that none of this round is taken for one of a new client whose descriptor
  // has the number of one dropped in this round.
  if (clients_wait && accepting_) accept_connections();
  deliver_mail();
}

void Transport::handle(const std::shared_ptr<Connection>& connection,
                       const Pistache::Aio::FdSet::Entry& event) {
  const bool broken = event.isHangup() || !(event.isReadable() || event.isWritable());
  guarded(connection, [&] {
    if (event.isWritable()) flush(connection);
    if (event.isReadable() || (connection->tls && connection->tls->waits_for_room()))
      receive(connection);
    else if (broken)
      drop(connection);
  });
}

template <class Action>
void Transport::guarded(const std::shared_ptr<Connection>& connection, Action action) {
  try {
    action();
    if (connection->tls) receive_held(connection);
    watch(*connection);
  } catch (const std::exception& bug) {
    log::error("http: {}: a connection failed: {}", server_->name, bug.what());
    drop(connection);
  }
}

bool Transport::receive(const std::shared_ptr<Connection>& connection) {
  Connection& c = *connection;
  if (c.gone) return false;
  if (c.handshake && c.tls->hears_plain_http()) {
    end_handshake(c, false);
    c.tls.reset();
    c.lacks_tls = true;
  }
  const ssize_t size = receive_from(c, received_.data(), received_.size());
  const int error = errno;
  if (c.handshake && c.tls->is_established()) {
    end_handshake(c, true);
    protocol_->onConnection(connection);
  }
  if (size > 0)
    protocol_->onInput(received_.data(), static_cast<std::size_t>(size), connection);
  else if (size == 0)
    protocol_->input_ended(connection);
  else if (error == EPROTO && c.handshake)
    handshake_failed(connection);
  else if (error != EAGAIN && error != EINTR)
    drop(connection);
  return size > 0;
}

// What TLS has taken from the socket, epoll does not tell of.
void Transport::receive_held(const std::shared_ptr<Connection>& connection) {
  const Connection& c = *connection;
  while (!c.gone && c.tls && c.tls->holds_input() && wants_input(c) && receive(connection)) {
  }
}

void Transport::begin_handshake(const std::shared_ptr<Connection>& connection) {
  Connection& c = *connection;
  const auto& [tls, demand_certificate] = server_->tls;
  c.tls = tls->session(c.fd(), demand_certificate);
  c.deadline = now_ + server_->limits.handshake_timeout;
  if (handshakes_.size() >= server_->limits.max_handshakes) {
    const auto longest = handshakes_.front();
    drop(longest);
  }
  c.handshake = handshakes_.insert(handshakes_.end(), connection);
}

void Transport::end_handshake(Connection& c, bool done) {
  handshakes_.erase(*std::exchange(c.handshake, std::nullopt));
  server_->traffic.count_handshake(done);
}

// TLS has told the client why. That is lost if the connection is reset, which a close with unread
// bytes does; so what it still sends is discarded first.
void Transport::handshake_failed(const std::shared_ptr<Connection>& connection) {
  log::debug("http: {}: a TLS handshake failed: {}", server_->name, connection->tls->why());
  end_handshake(*connection, false);
  connection->tls.reset();
  connection->lacks_tls = true;
  protocol_->close_if_idle(connection);
}

void Transport::send(const std::shared_ptr<Connection>& connection, std::string bytes) {
  if (connection->output.empty())
    connection->output = std::move(bytes);
  else
    connection->output += bytes;
  flush(connection);
}

// For bytes that other streams send too: only what the socket has no room for is copied.
void Transport::send(const std::shared_ptr<Connection>& connection, std::string_view bytes) {
  if (connection->gone) return;
  if (connection->output.empty()) {
    const ssize_t size = send_to(*connection, bytes);
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
    // flush() deals with any error.
  }
  connection->output += bytes;
  flush(connection);
}

void Transport::flush(const std::shared_ptr<Connection>& connection) {
  Connection& c = *connection;
  if (c.gone) return;
  const std::size_t before = c.sent;
  while (c.sent < c.output.size()) {
    const ssize_t size = send_to(c, std::string_view(c.output).substr(c.sent));
    if (size >= 0) {
      c.sent += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return drop(connection);
    }
  }
  const std::size_t moved = c.sent - before;
  if (c.sent == c.output.size()) {
    c.output.clear();
    c.sent = 0;
    c.give_back_room();
  } else if (moved == 0) {
    return;
  } else if (c.sent >= forget_bytes && c.sent >= c.output.size() / 2) {
    // Otherwise a stream whose output is never empty would keep everything ever sent.
    c.output.erase(0, std::exchange(c.sent, 0));
  }
  protocol_->output_moved(connection, moved);
}

void Transport::end_output(const std::shared_ptr<Connection>& connection) {
  if (connection->tls) connection->tls->end_output();
  ::shutdown(connection->fd(), SHUT_WR);
}

void Transport::close(const std::shared_ptr<Connection>& connection) {
  if (connection->tls) connection->tls->end_output();
  drop(connection);
}

void Transport::drop(const std::shared_ptr<Connection>& connection) {
  if (connection->gone.exchange(true)) return;
  if (connection->handshake) end_handshake(*connection, false);
  connection->tls.reset();
  removePeer(connection);  // closes the descriptor
  protocol_->dropped(connection);
  const std::size_t left = --server_->connections;
  if (draining_ && left == 0) {
    const std::lock_guard lock(server_->mutex);
    server_->changed.notify_all();
  }
  if (!accepting_ && !draining_) resume_accepting();
}

// Input is left where it is while as much as a head and a body of it is waiting to be handled;
// after the client has closed its side there is none.
bool Transport::wants_input(const Connection& c) const {
  return !c.input_ended && c.input.size() < server_->limits.head_bytes + server_->limits.body_bytes;
}

// Tells epoll what the connection waits for.
void Transport::watch(Connection& c) {
  if (c.gone) return;
  const bool input = wants_input(c);
  const bool output = !c.output.empty() || (c.tls && c.tls->waits_for_room());
  if (input == c.watches_input && output == c.watches_output) return;
  c.watches_input = input;
  c.watches_output = output;
  Interest interest(NotifyOn::None);
  if (input) interest.setFlag(NotifyOn::Read);
  if (output) interest.setFlag(NotifyOn::Write);
  reactor()->modifyFd(key(), c.fd(), interest, Mode::Level);
}

void Transport::accept_connections() {
  const std::size_t most = server_->limits.max_connections + server_->limits.max_turned_away;
  for (int i = 0; i < accepts_per_round; ++i) {
    if (server_->connections >= most)
      return pause_accepting("all connections that are allowed are in use");
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int descriptor = ::accept4(server_->listener, reinterpret_cast<sockaddr*>(&address),
                                     &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      welcome(descriptor, reinterpret_cast<sockaddr*>(&address));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return pause_accepting(std::strerror(errno));
    }
    // Any other error concerns only the client that was to be accepted: see accept(2).
  }
}

void Transport::welcome(int descriptor, sockaddr* address) {
  const auto connection = std::make_shared<Connection>(descriptor, address);
  connection->turned_away = ++server_->connections > server_->limits.max_connections;
  guarded(connection, [&] {
    handleNewPeer(connection);
    if (server_->tls.tls) begin_handshake(connection);
    // Pistache registers it edge-triggered. Level-triggered, one recv per request is enough, and no
    // input is missed when reading is put off.
    reactor()->modifyFd(key(), descriptor, NotifyOn::Read, Mode::Level);
  });
}

// A level-triggered listener that cannot be accepted from would wake the worker for ever. It is not
// watched until a connection closes or the timer ticks; meanwhile clients wait in the kernel's
// queue.
void Transport::pause_accepting(const char* why) {
  accepting_ = false;
  reactor()->removeFd(key(), server_->listener);
  if (now_ - last_warning_ < warning_interval) return;
  last_warning_ = now_;
  log::warn("http: {}: new clients have to wait, {} connections are open: {}", server_->name,
            server_->connections.load(), why);
}

void Transport::resume_accepting() {
  accepting_ = true;
  reactor()->registerFd(key(), server_->listener, NotifyOn::Read, Mode::Level);
}

std::vector<std::shared_ptr<Connection>> Transport::connections() const {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(peers.size());
  for (const auto& [descriptor, peer] : peers)
    all.push_back(std::static_pointer_cast<Connection>(peer));
  return all;
}

void Transport::tick() {
  std::uint64_t ticks = 0;
  if (::read(timer_.number(), &ticks, sizeof ticks) < 0) return;
  if (!accepting_ && !draining_) resume_accepting();
  for (const auto& connection : connections())
    if (connection->is_late(now_)) guarded(connection, [&] { protocol_->expired(connection); });
}

void Transport::start_draining() {
  while (accepting_) {
    const std::size_t before = peers.size();
    accept_connections();
    if (peers.size() == before) break;
  }
  draining_ = true;
  if (accepting_) reactor()->removeFd(key(), server_->listener);
  accepting_ = false;
  // A request that has arrived but has not been read yet is in flight, too.
  for (const auto& connection : connections())
    guarded(connection, [&] {
      receive(connection);
      if (connection->handshake)
        drop(connection);
      else
        protocol_->close_if_idle(connection);
    });
  const std::lock_guard lock(server_->mutex);
  ++server_->workers_draining;
  server_->changed.notify_all();
}

void Transport::deliver_mail() {
  for (int round = 0; round < mail_rounds; ++round) {
    if (!mailbox_->collect(mail_)) return;
    for (Mail& mail : mail_) {
      const auto connection = mail.to;
      if (connection->gone)
        protocol_->undeliverable(std::move(mail));
      else
        guarded(connection, [&] { protocol_->deliver(std::move(mail)); });
    }
    mail_.clear();
  }
  mailbox_->wake();
}

}  // namespace jangbu::http
