// One worker's sockets: accepts, receives, sends, watches the clock and the mailbox. What the bytes
// mean is the Protocol's business.
//
// It replaces how Pistache's own transport handles peers (writes keyed by descriptor number, a spin
// on EAGAIN and on EMFILE) and keeps what lies underneath: reactor, poller, peer table.
//
// Threads: created by the thread that starts the server, then used only by its worker; mailbox()
// may be called before the worker runs.
#pragma once

#include <pistache/transport.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/connection.hpp"
#include "api/http/mailbox.hpp"
#include "api/http/protocol.hpp"
#include "api/http/server_state.hpp"
#include "infra/descriptor.hpp"

namespace jangbu::http {

class Transport final : public Pistache::Tcp::Transport {
 public:
  Transport(std::shared_ptr<ServerState> server, std::shared_ptr<Protocol> protocol);
  ~Transport() override;

  // Called by Pistache's reactor.
  std::shared_ptr<Pistache::Aio::Handler> clone() const override;
  void registerPoller(Pistache::Polling::Epoll& poller) override;
  void onReady(const Pistache::Aio::FdSet& ready) override;

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  // For the Protocol. Sending may drop the connection: see Connection::gone.
  Clock::time_point now() const { return now_; }  // at the start of this round of the reactor
  void send(const std::shared_ptr<Connection>& connection, std::string bytes);
  void send(const std::shared_ptr<Connection>& connection, std::string_view bytes);
  void end_output(const std::shared_ptr<Connection>& connection);
  void close(const std::shared_ptr<Connection>& connection);  // in order
  void drop(const std::shared_ptr<Connection>& connection);   // without a word

 private:
  void accept_connections();
  void welcome(int descriptor, sockaddr* address);
  void pause_accepting(const char* why);
  void resume_accepting();
  void handle(const std::shared_ptr<Connection>& connection,
              const Pistache::Aio::FdSet::Entry& event);
  // Runs `action`, then watches for what the connection now waits for; an exception drops the
  // connection.
  template <class Action>
  void guarded(const std::shared_ptr<Connection>& connection, Action action);
  bool receive(const std::shared_ptr<Connection>& connection);  // false: nothing has come
  void receive_held(const std::shared_ptr<Connection>& connection);
  void begin_handshake(const std::shared_ptr<Connection>& connection);
  void end_handshake(Connection& connection, bool done);
  void handshake_failed(const std::shared_ptr<Connection>& connection);
  bool wants_input(const Connection& connection) const;
  void flush(const std::shared_ptr<Connection>& connection);
  void watch(Connection& connection);
  std::vector<std::shared_ptr<Connection>> connections() const;
  void tick();
  void start_draining();
  void deliver_mail();

  const std::shared_ptr<ServerState> server_;
  const std::shared_ptr<Protocol> protocol_;
  const std::shared_ptr<Mailbox> mailbox_;
  Descriptor timer_;
  Clock::time_point now_ = Clock::now();
  std::vector<char> received_;
  std::vector<Mail> mail_;
  Handshakes handshakes_;  // under way
  bool accepting_ = true;
  bool draining_ = false;
  Clock::time_point last_warning_;
};

}  // namespace jangbu::http
