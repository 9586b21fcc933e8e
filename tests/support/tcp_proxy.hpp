// A TCP proxy on loopback between a client and its server, for tests of what happens when the way
// between them fails: answers that never arrive, connections that break.
//
// Threads: the members from any thread; one thread of its own carries the bytes.
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <string>
#include <thread>

namespace jangbu::test {

class TcpProxy {
 public:
  // Listens on a free port and connects every client to this port.
  explicit TcpProxy(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }

  // While mute, what the server sends is held back; it arrives afterwards, if the connection lives.
  void set_mute(bool mute);
  // Breaks all connections; what was held back is gone. New ones are let in.
  void cut();
  // While closed, new connections are broken at once.
  void set_closed(bool closed);
  // Bytes that servers sent while mute.
  std::size_t held_back() const { return held_back_; }

 private:
  struct Link {
    int client;
    int server;
    std::string held;
  };

  void run();
  void obey();
  void let_in();
  bool carry(Link& link, int from, int to);
  void wake();

  const int server_port_;
  int port_ = 0;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::atomic<bool> mute_ = false;
  std::atomic<bool> closed_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> held_back_ = 0;
  std::list<Link> links_;  // the thread's own
  std::thread thread_;
};

}  // namespace jangbu::test
