// Token buckets: how much they let through, and that they are bounded.
#include "api/access/limiter.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace jangbu::access;
using namespace std::chrono_literals;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::StartsWith;

namespace {

constexpr Limiter::Clock::time_point start{1h};

Limiter::Key key(std::uint32_t number) {
  Limiter::Key key{};
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return key;
}

int allowed(Limiter& limiter, const Rate& rate, Limiter::Clock::time_point now, int tries = 100) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += limiter.take(key(1), rate, now).allowed ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a bucket gives its burst at once, and then what comes in") {
  Limiter limiter;
  const Rate rate{2, 5};
  CHECK(allowed(limiter, rate, start) == 5);
  CHECK(allowed(limiter, rate, start + 499ms) == 0);
  CHECK(allowed(limiter, rate, start + 500ms) == 1);
  CHECK(allowed(limiter, rate, start + 1500ms) == 2);
  CHECK(allowed(limiter, rate, start + 1h) == 5);
}

TEST_CASE("a rate that cannot be kept to is refused, by the names that people gave it") {
  const auto rate_of = [](std::optional<double> per_second, std::optional<double> burst) {
    return checked_rate(per_second, burst, "--rate", "--burst");
  };
  CHECK(rate_of(0, {}) == Rate{});
  CHECK(rate_of({}, {}) == Rate{});
  CHECK(rate_of(7.9, {}) == Rate{7.9, 7});
  CHECK(rate_of(slowest_rate, {}) == Rate{slowest_rate, 1});
  CHECK(rate_of(2, 5) == Rate{2, 5});
  const auto refused = [&](std::optional<double> per_second, std::optional<double> burst,
                           const std::string& words) {
    CHECK_THROWS_MATCHES(rate_of(per_second, burst), std::runtime_error,
                         MessageMatches(StartsWith(words)));
  };
  const double nan = std::nan("");
  for (const double wrong : {-1.0, slowest_rate / 2, 2 * highest_rate, nan})
    refused(wrong, {}, "--rate: must be");
  for (const double wrong : {0.0, 0.5, 1.5, -1.0, 2 * highest_rate, nan})
    refused(2, wrong, "--burst: must be");
  refused({}, 5, "--burst: only comes with --rate");
  refused(0, 5, "--burst: only comes with --rate");
}

TEST_CASE("a slow rate and a fast one are kept to exactly") {
  for (const Rate& rate : {Rate{slowest_rate, 1}, Rate{3, 1}, Rate{highest_rate, highest_rate}}) {
    CAPTURE(rate.per_second);
    Limiter limiter;
    const auto token = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / rate.per_second));
    const auto tries = static_cast<int>(rate.burst) + 1;
    CHECK(allowed(limiter, rate, start, tries) == tries - 1);
    CHECK(allowed(limiter, rate, start + token - 1ns, 1) == 0);
    CHECK(allowed(limiter, rate, start + token, 2) == 1);
  }
}

TEST_CASE("an answer says what is left, and when to come back") {
  Limiter limiter;
  const Rate rate{0.5, 3};
  Limiter::Answer answer = limiter.take(key(1), rate, start);
  CHECK(answer.allowed);
  CHECK(answer.limit == 3);
  CHECK(answer.window == 6s);
  CHECK(answer.remaining == 2);
  CHECK(answer.full_in == 2s);
  CHECK(answer.retry_after == 0s);
  CHECK(ratelimit_policy(answer) == R"("default";q=3;w=6)");
  CHECK(ratelimit(answer) == R"("default";r=2;t=2)");
  limiter.take(key(1), rate, start);
  limiter.take(key(1), rate, start);
  answer = limiter.take(key(1), rate, start + 100ms);
  CHECK_FALSE(answer.allowed);
  CHECK(answer.remaining == 0);
  CHECK(answer.full_in == 6s);
  CHECK(answer.retry_after == 2s);
  CHECK(ratelimit(answer) == R"("default";r=0;t=2)");
  CHECK(limiter.take(key(1), rate, start + answer.retry_after).allowed);
}

TEST_CASE("to look takes nothing, and to be refused neither") {
  Limiter limiter;
  const Rate rate{1, 1};
  for (int i = 0; i < 3; ++i) CHECK(limiter.look(key(1), rate, start).allowed);
  CHECK(limiter.take(key(1), rate, start).allowed);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(limiter.look(key(1), rate, start).allowed);
    CHECK_FALSE(limiter.take(key(1), rate, start).allowed);
  }
  CHECK(limiter.look(key(1), rate, start + 1s).allowed);
  CHECK(limiter.take(key(2), rate, start).allowed);
}

TEST_CASE("without a rate everything is allowed, and nothing kept") {
  Limiter limiter;
  CHECK(allowed(limiter, {}, start) == 100);
  CHECK(limiter.take(key(1), {}, start).limit == 0);
  CHECK(limiter.buckets() == 0);
}

TEST_CASE("another rate holds at once, also for an empty bucket") {
  Limiter limiter;
  CHECK(allowed(limiter, {0.01, 10}, start) == 10);
  CHECK(allowed(limiter, {10, 10}, start) == 0);
  CHECK(allowed(limiter, {10, 10}, start + 1s) == 10);
  CHECK(allowed(limiter, {10, 2}, start + 1s) == 0);
  CHECK(allowed(limiter, {10, 2}, start + 1200ms) == 2);
}

TEST_CASE("a thread that is a moment behind gets nothing for it") {
  Limiter limiter;
  CHECK(allowed(limiter, {1, 5}, start + 1ms) == 5);
  CHECK(allowed(limiter, {1, 5}, start) == 0);
  CHECK(allowed(limiter, {1, 5}, start + 1001ms) == 1);
}

TEST_CASE("full buckets are forgotten, and the oldest when there are too many") {
  constexpr std::uint32_t many = 1'000;
  Limiter limiter(many);
  for (std::uint32_t i = 0; i < 10 * many; ++i) limiter.take(key(i), {0.01, 1}, start);
  CHECK(limiter.buckets() <= many);
  CHECK_FALSE(limiter.look(key(10 * many - 1), {0.01, 1}, start).allowed);
  CHECK(limiter.look(key(0), {0.01, 1}, start).allowed);

  // All of them are full by now.
  for (std::uint32_t i = 0; i < 2 * many; ++i)
    limiter.take(key(10 * many + i % 50), {0.01, 1'000}, start + 1h);
  CHECK(limiter.buckets() == 50);
}

TEST_CASE("who goes on asking is not forgotten for others who come") {
  Limiter limiter(64);
  const Rate rate{0.01, 1};
  CHECK(limiter.take(key(7), rate, start).allowed);
  for (std::uint32_t i = 1'000; i < 2'000; ++i) {
    limiter.take(key(i), rate, start);
    CHECK_FALSE(limiter.take(key(7), rate, start).allowed);
  }
}

TEST_CASE("threads share a bucket without a token too many") {
  Limiter limiter;
  constexpr int burst = 1'000;
  std::atomic<int> got = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] { got += allowed(limiter, {0.01, burst}, start, burst); });
  }
  CHECK(got == burst);
}
