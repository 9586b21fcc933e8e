// Figures, not tests: run the program with `[bench]`.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>
#include <future>

#include "tests/contract/logs.hpp"

namespace jangbu::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// In microseconds.
double percentile(std::vector<double>& seconds, double part) {
  std::ranges::sort(seconds);
  return 1e6 * seconds[static_cast<std::size_t>(part * static_cast<double>(seconds.size() - 1))];
}

std::unique_ptr<JetStreamLog> fresh_log(const NatsServer& server) {
  auto log = JetStreamLog::connect({.url = server.url()}, 10s);
  log->create_stream();
  return log;
}

TEST_CASE("latency of an append", "[.bench]") {
  NatsServer server;
  const auto log = fresh_log(server);
  Position last;
  std::puts("append, fsync before the ack     p50 us   p99 us");
  for (const std::size_t size : {300u, 25'000u, 250'000u}) {
    std::vector<double> taken;
    for (unsigned i = 0; i < 1'000; ++i) {
      const auto start = Clock::now();
      const auto result =
          log->append(last, {commit_id(unsigned(last.value) + 1), std::string(size, 'x')}, 10s);
      taken.push_back(seconds_since(start));
      last = std::get<Appended>(result).position;
    }
    std::printf("%8zu bytes                %10.0f %8.0f\n", size, percentile(taken, 0.5),
                percentile(taken, 0.99));
  }
}

TEST_CASE("time from an acknowledgement to the reader", "[.bench]") {
  NatsServer server;
  const auto log = fresh_log(server);
  const auto writer = fresh_log(server);
  const auto reader = log->read_from({1});
  std::vector<double> taken;
  for (unsigned i = 1; i <= 1'000; ++i) {
    auto arrived = std::async(std::launch::async, [&] {
      invariant(reader->next(10, 10s).size() == 1, "one at a time");
      return Clock::now();
    });
    append_next(*writer, commit_id(i), std::string(300, 'x'));
    const auto acknowledged = Clock::now();
    taken.push_back(std::chrono::duration<double>(arrived.get() - acknowledged).count());
  }
  std::printf("ack to reader: p50 %.0f us, p99 %.0f us\n", percentile(taken, 0.5),
              percentile(taken, 0.99));
}

TEST_CASE("speed of a replay", "[.bench]") {
  NatsServer server({.sync_always = false});
  std::puts("replay                    commits/s     MB/s");
  unsigned stream = 0;
  for (const std::size_t size : {300u, 5'000u, 25'000u, 250'000u}) {
    const auto log =
        JetStreamLog::connect({.url = server.url(), .stream = std::to_string(++stream)}, 10s);
    log->create_stream();
    const unsigned count =
        static_cast<unsigned>(std::min<std::size_t>(50'000, 1'000'000'000 / size));
    Position last;
    for (unsigned i = 1; i <= count; ++i)
      last = std::get<Appended>(log->append(last, {commit_id(i), std::string(size, 'x')}, 10s))
                 .position;
    const auto reader = log->read_from({1});
    const auto start = Clock::now();
    for (unsigned read = 0; read < count;)
      read += static_cast<unsigned>(reader->next(500, 10s).size());
    const double seconds = seconds_since(start);
    std::printf("%8zu bytes         %12.0f %8.0f\n", size, count / seconds,
                static_cast<double>(size) * count / seconds / 1e6);
  }
}

}  // namespace
}  // namespace jangbu::test
