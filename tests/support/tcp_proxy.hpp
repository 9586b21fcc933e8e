// A TCP proxy on loopback between a client and its server, for tests of network failures: answers
// that never arrive, requests that arrive late, slow links, connections that break.
//
// Threads: the members from any thread; one internal thread carries the bytes and never blocks on
// either side. A member returns when its request has been carried out.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace jangbu::test {

class TcpProxy {
 public:
  // Listens on a free port and connects every client to this port.
  explicit TcpProxy(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }

  // While muted, what the server sends is held back; it arrives afterwards if the connection
  // survives.
  void set_mute(bool mute);
  // Delays everything by this much, in both directions.
  void set_delay(std::chrono::milliseconds delay);
  // Breaks all connections and discards what was held back. New connections are accepted.
  void cut();
  // While closed, new connections are broken at once.
  void set_closed(bool closed);

  // A request that arrives after its client has given it up, in three steps. hold_requests() holds
  // back what clients send on the current connections;
  void hold_requests();
  // strand() ends those connections for the clients, which can connect again;
  void strand();
  // deliver() passes what was held back to the server on the old connections, which then end.
  void deliver();

  // Bytes that servers sent while muted, plus bytes that clients sent while held back.
  std::size_t held_back() const { return held_back_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  struct Link {
    int client = -1;  // -1: that side has gone
    int server = -1;
    bool requests_held = false;
    std::deque<Piece> to_server = {};
    std::deque<Piece> to_client = {};
  };

  void run();
  void obey();
  void let_in();
  // True when some of the link's bytes may be sent now.
  bool may_send_to_server(const Link& link, Clock::time_point now) const;
  bool may_send_to_client(const Link& link, Clock::time_point now) const;
  void receive(Link& link, bool from_client);
  void end_where_done(Link& link) const;
  void ask(std::function<void()> what);

  const int server_port_;
  int port_ = 0;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::atomic<std::size_t> held_back_ = 0;

  std::mutex mutex_;
  std::vector<std::function<void()>> asked_;

  // Used by the thread only.
  bool mute_ = false;
  bool closed_ = false;
  bool stop_ = false;
  std::chrono::milliseconds delay_{0};
  std::list<Link> links_;
  std::thread thread_;
};

}  // namespace jangbu::test
