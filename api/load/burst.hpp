// The purchases themselves. Each is sent when it is due, or as soon as a connection is free, and
// its latency counts from when it was due, so that a stalled shop is not measured less often. A
// purchase with an uncertain outcome is retried under the same key until it is settled.
//
// Threads: the run's. Ownership: all arguments must outlive the burst, and the pool must not be
// waited on after it. Errors: Abandoned once the run is abandoned.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/client/http_pool.hpp"
#include "api/load/attempt.hpp"
#include "api/load/histogram.hpp"
#include "api/load/instances.hpp"
#include "api/load/plan.hpp"
#include "api/load/shop_calls.hpp"
#include "api/load/stage.hpp"

namespace jangbu::loadgen {

struct Latencies {
  std::chrono::microseconds p50{0}, p90{0}, p99{0}, max{0};
};

Latencies latencies_of(const Histogram& histogram);

// What was answered within one second of the run.
struct Second {
  std::uint64_t second = 0;  // from 1
  std::uint64_t purchased = 0;
  std::map<std::string, std::uint64_t> refused = {};  // by the problem's code
  Latencies latencies = {};
  std::uint64_t behind = 0;  // at its end: due, but not sent yet
};

struct Figures {
  std::uint64_t sent = 0;
  std::uint64_t purchased = 0;
  std::map<std::string, std::uint64_t> refused = {};
  std::uint64_t uncertain = 0;  // sent, and not settled yet
  std::uint64_t repeated = 0;   // were uncertain, and sent again
  std::uint64_t not_sent = 0;   // when the time was up
  Latencies overall = {};
  std::vector<Second> seconds = {};  // the last ones: answers to retries
};

class Burst {
 public:
  // `on_tick` is called several times a second.
  Burst(HttpPool& pool, Instances& instances, const Plan& plan, const Stage& stage,
        const std::atomic<Wish>& wish, std::function<void()> on_tick);

  // Sends until the time is up or a stop is requested.
  void send(std::chrono::seconds time);
  // Waits for outstanding answers, and retries what is uncertain.
  void settle();

  const std::vector<Attempt>& attempts() const { return attempts_; }
  Figures figures() const;

 private:
  using Clock = HttpPool::Clock;

  struct Again {
    Clock::time_point at;
    std::uint64_t n;
  };

  void send_due(Clock::time_point now);
  void send_again(Clock::time_point now);
  void ask(std::uint64_t n);
  void answered(std::uint64_t n, const HttpPool::Answer& answer);
  void ask_again(std::uint64_t n, Clock::duration after);
  void refuse(const std::string& code);
  void tick(Clock::time_point now);
  void end_second(Clock::time_point at);
  void wait(Clock::time_point until);

  HttpPool& pool_;
  Instances& instances_;
  const Plan& plan_;
  const Stage& stage_;
  const std::atomic<Wish>& wish_;
  const std::function<void()> on_tick_;

  std::vector<Attempt> attempts_;
  std::deque<Again> again_;
  Clock::time_point begin_;
  Clock::time_point next_tick_;
  bool sending_ = false;
  Figures figures_;
  Histogram overall_;
  Second second_{.second = 1};  // the current one
  Histogram latencies_;         // of the current second
};

}  // namespace jangbu::loadgen
