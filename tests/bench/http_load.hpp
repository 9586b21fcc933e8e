// Load on an HTTP service, or HTTPS: requests on kept-alive connections of loopback. Each
// connection sends its next request when it has read the answer to the last (a closed loop), or, at
// a given rate, when the next one is due.
//
// It shares the machine with what it measures, so it is light: one thread, one recv, one send and
// one look at the clock a request, and no parsing beyond status and length.
//
// Threads: the caller's alone. Errors: std::runtime_error when a connection fails or an answer does
// not come; what was measured is void then.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace jangbu::bench {

// The latency that this share of all does not exceed; 0 of none. REQUIRES: 0 < share <= 1.
double percentile_ms(const std::vector<std::uint32_t>& latencies_us, double share);

// Answers, or transactions, of one round.
struct Measured {
  double seconds = 0;
  std::vector<std::uint32_t> latencies_us;  // one each
  std::vector<std::uint32_t> refusals_us;   // likewise, of answers 503

  double per_second() const { return static_cast<double>(latencies_us.size()) / seconds; }
  double percentile_ms(double share) const { return bench::percentile_ms(latencies_us, share); }
};

struct HttpLoad {
  int port;
  std::size_t connections;
  // Puts the next request in place of the connection's last one; false when there are no more.
  std::function<bool(std::string& request)> next;
  // Called with every answer, those before and after the measured time, too.
  std::function<void(int status, std::string_view body)> answered;
  std::chrono::nanoseconds warm_up{0};
  std::chrono::nanoseconds time = std::chrono::hours(1);
  // How many requests become due a second; a latency counts from then on. 0: a closed loop.
  double per_second = 0;
  bool tls = false;
};

// Returns when there are no more requests or the time is over, and every request was answered.
Measured run(const HttpLoad& load);

// Full TLS handshakes a second, one connection after the other.
double handshakes_per_second(int port, std::chrono::nanoseconds time);

// A request with a JSON body, and maybe more header fields, each with its line's end.
std::string post_request(std::string_view target, std::string_view body,
                         std::string_view fields = {});
std::string get_request(std::string_view target);

}  // namespace jangbu::bench
