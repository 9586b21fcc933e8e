#include "tests/bench/http_load.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>

#include "infra/descriptor.hpp"
#include "tests/support/tls_client.hpp"

namespace jangbu::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds patience{30'000};

struct Answer {
  int status = 0;
  std::string_view body;
};

// True when the whole answer is there.
bool read_answer(std::string_view bytes, Answer& answer) {
  constexpr std::string_view version = "HTTP/1.1 ", length = "\r\nContent-Length: ";
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == bytes.npos) return false;
  const std::size_t field = bytes.substr(0, head).find(length);
  if (!bytes.starts_with(version) || field == bytes.npos)
    throw std::runtime_error("not an answer with a length: " + std::string(bytes.substr(0, head)));
  std::size_t size = 0;
  std::from_chars(bytes.data() + field + length.size(), bytes.data() + head, size);
  if (bytes.size() < head + 4 + size) return false;
  std::from_chars(bytes.data() + version.size(), bytes.data() + version.size() + 3, answer.status);
  answer.body = bytes.substr(head + 4, size);
  return true;
}

class Connection {
 public:
  Connection(int port, bool tls)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket") {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw_errno("connect");
    constexpr int on = 1;
    ::setsockopt(descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls) shake_hands();
  }

  int descriptor() const { return socket_.number(); }

  // Sends the next request, which was due then; false when there is none.
  bool ask(const std::function<bool(std::string&)>& next, Clock::time_point due) {
    if (!next(request_)) return false;
    received_ = 0;
    asked_at_ = due;
    // The buffer of a connection without anything in flight takes a whole request.
    if (tls_) tls_->write(request_);
    send(tls_ ? tls_->outgoing() : request_);
    return true;
  }

  bool receive(Answer& answer) {
    if (tls_) return receive_in_tls(answer);
    if (received_ == input_.size()) input_.resize(2 * received_);
    const ssize_t size =
        ::recv(descriptor(), input_.data() + received_, input_.size() - received_, 0);
    if (size < 0) throw_errno("recv");
    if (size == 0) throw std::runtime_error("the server ended a connection");
    received_ += static_cast<std::size_t>(size);
    return read_answer({input_.data(), received_}, answer);
  }

  Clock::time_point asked_at() const { return asked_at_; }

 private:
  void send(const std::string& bytes) const {
    const ssize_t sent = ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) throw_errno("send");
  }

  void receive_for_tls() {
    std::array<char, 16 * 1024> bytes;
    const ssize_t size = ::recv(descriptor(), bytes.data(), bytes.size(), 0);
    if (size < 0) throw_errno("recv");
    if (size == 0) throw std::runtime_error("the server ended a connection");
    tls_->incoming({bytes.data(), static_cast<std::size_t>(size)});
  }

  bool receive_in_tls(Answer& answer) {
    receive_for_tls();
    const std::string text = tls_->read();
    if (received_ + text.size() > input_.size()) input_.resize(2 * (received_ + text.size()));
    std::ranges::copy(text, input_.begin() + static_cast<std::ptrdiff_t>(received_));
    received_ += text.size();
    return read_answer({input_.data(), received_}, answer);
  }

  void shake_hands() {
    tls_.emplace();
    for (bool done = false; !done;) {
      done = tls_->shake_hands();
      send(tls_->outgoing());
      if (!done) receive_for_tls();
    }
  }

  Descriptor socket_;
  std::optional<test::TlsClient> tls_;
  std::string request_;
  std::vector<char> input_ = std::vector<char>(8192);
  std::size_t received_ = 0;
  Clock::time_point asked_at_;
};

std::uint32_t microseconds(Clock::duration time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

}  // namespace

double percentile_ms(const std::vector<std::uint32_t>& latencies_us, double share) {
  if (latencies_us.empty()) return 0;
  auto sorted = latencies_us;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at / 1000.0;
}

Measured run(const HttpLoad& load) {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  const Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC), "epoll");
  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<Connection*> idle;
  for (std::size_t i = 0; i < load.connections; ++i) {
    connections.push_back(std::make_unique<Connection>(load.port, load.tls));
    idle.push_back(connections.back().get());
    epoll_event event{.events = EPOLLIN, .data = {.ptr = idle.back()}};
    if (::epoll_ctl(epoll.number(), EPOLL_CTL_ADD, connections.back()->descriptor(), &event) != 0)
      throw_errno("epoll_ctl");
  }

  Measured measured;
  const auto start = Clock::now();
  const auto begin = start + load.warm_up;
  const auto end = begin + load.time;
  const bool paced = load.per_second > 0;
  bool more = true;
  std::uint64_t asked = 0;
  const auto due = [&] {
    const double seconds = paced ? static_cast<double>(asked) / load.per_second : 0;
    return start + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  };
  const auto ask_all = [&](Clock::time_point now) {
    while (more && now < end && !idle.empty() && due() <= now) {
      more = idle.back()->ask(load.next, paced ? due() : now);
      ++asked;
      if (more) idle.pop_back();
    }
  };

  std::array<epoll_event, 256> ready;
  auto now = start, heard = start;
  for (ask_all(now); idle.size() < connections.size() || (more && now < end); ask_all(now)) {
    // Finer than a request's turn, and long enough for the wait not to be the load.
    const auto wait = paced ? std::chrono::milliseconds(1) : patience;
    const int count = ::epoll_wait(epoll.number(), ready.data(), static_cast<int>(ready.size()),
                                   static_cast<int>(wait.count()));
    if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
    now = Clock::now();
    if (count > 0) heard = now;
    if (idle.size() < connections.size() && now - heard >= patience)
      throw std::runtime_error("no answer came for 30 s");
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr);
      Answer answer;
      if (!connection.receive(answer)) continue;
      now = Clock::now();
      load.answered(answer.status, answer.body);
      if (now >= begin && now < end)
        (answer.status == 503 ? measured.refusals_us : measured.latencies_us)
            .push_back(microseconds(now - connection.asked_at()));
      idle.push_back(&connection);
      if (!paced) ask_all(now);
    }
  }
  measured.seconds = std::chrono::duration<double>(std::min(now, end) - begin).count();
  return measured;
}

double handshakes_per_second(int port, std::chrono::nanoseconds time) {
  const auto begin = Clock::now();
  std::uint64_t done = 0;
  for (; Clock::now() - begin < time; ++done) Connection(port, true);
  return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string post_request(std::string_view target, std::string_view body, std::string_view fields) {
  std::string request = "POST ";
  return request.append(target)
      .append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n")
      .append(fields)
      .append("Content-Type: application/json\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

std::string get_request(std::string_view target) {
  return std::string("GET ").append(target).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
}

}  // namespace jangbu::bench
