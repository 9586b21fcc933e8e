// How many requests one may make: a token bucket for each principal, or for each address.
//
//   const Limiter::Answer answer = limiter.take(principal.id.bytes, rate, Limiter::Clock::now());
//   if (!answer.allowed) return too_many_requests(answer);
//
// A bucket holds `rate.burst` tokens at most, and gets `rate.per_second` of them every second. It
// is kept as the time at which it will be full again (as the generic cell rate algorithm of ITU-T
// I.371 does), so that nothing has to be done while nobody asks.
//
// Memory: bounded; full buckets are forgotten, and if there is no room even so, those that were
// used longest ago. Threads: any. Time is handed in; a thread may be a moment behind another.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/access/grant.hpp"

namespace jangbu::access {

// Within these bounds all times of a bucket can be told in nanoseconds.
inline constexpr double slowest_rate = 0.001;      // a second
inline constexpr double highest_rate = 1'000'000;  // and the largest burst

// A rate that somebody has set, 0 for no limit. Unless the burst is set, too, it is as much as
// comes in a second, and at least a request. `name` and `burst_name` are what the two are called
// there, for the std::runtime_error that says which of them a limiter cannot keep to.
Rate checked_rate(std::optional<double> per_second, std::optional<double> burst,
                  std::string_view name, std::string_view burst_name);

class Limiter {
 public:
  using Clock = std::chrono::steady_clock;
  using Key = std::array<std::uint8_t, 16>;  // of a principal, or an address

  struct Answer {
    bool allowed = true;
    std::uint64_t limit = 0;              // 0: there is none
    std::chrono::seconds window{0};       // in which an empty bucket fills
    std::uint64_t remaining = 0;          // tokens
    std::chrono::seconds full_in{0};      // rounded up, as all of them
    std::chrono::seconds retry_after{0};  // until there is a token
  };

  static constexpr std::size_t default_buckets = 65'536;  // some 10 MB

  explicit Limiter(std::size_t max_buckets = default_buckets);

  // Takes a token, if there is one; at a rate of 0 there always is. REQUIRES: any other rate is
  // within the bounds above, and its burst, a whole number, is at least 1.
  Answer take(const Key& key, const Rate& rate, Clock::time_point now);
  // What take() would answer: for what is counted only once it is known how it went.
  Answer look(const Key& key, const Rate& rate, Clock::time_point now) const;

  std::size_t buckets() const;

 private:
  using Bucket = std::pair<Key, Clock::time_point>;  // when it is full
  using Buckets = std::list<Bucket>;                 // the one used longest ago first

  // Keys are ordered, not hashed: clients choose some of them.
  struct Shard {
    mutable std::mutex mutex;
    Buckets buckets;
    std::map<Key, Buckets::iterator> by_key;

    void forget_oldest();
  };

  static std::size_t shard_of(const Key& key);

  const std::size_t max_in_shard_;
  std::array<Shard, 16> shards_;
};

// The values of the fields RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers-10): how much in which time, and how much of it is left
// until when. REQUIRES: there is a limit.
std::string ratelimit_policy(const Limiter::Answer& answer);  // "default";q=100;w=10
std::string ratelimit(const Limiter::Answer& answer);         // "default";r=57;t=5

}  // namespace jangbu::access
