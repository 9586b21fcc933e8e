#include "api/access/limiter.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace jangbu::access {

namespace {

using Duration = Limiter::Clock::duration;

// A rate as times: in which a token comes, and in which an empty bucket fills.
struct Pace {
  explicit Pace(const Rate& rate)
      : limit(static_cast<std::uint64_t>(rate.burst)),
        token(std::llround(Duration::period::den / rate.per_second)),
        capacity(token * static_cast<Duration::rep>(limit)) {}

  // How long until a bucket is full. After a change of its rate it may be no longer than that takes
  // to fill it.
  Duration lacking(Limiter::Clock::time_point full_at, Limiter::Clock::time_point now) const {
    return std::clamp(full_at - now, Duration::zero(), capacity);
  }

  std::uint64_t limit;
  Duration token;
  Duration capacity;
};

// What a bucket answers that is full in this time, which is longer by a token then if it had one.
Limiter::Answer take_from(Duration& lacking, const Pace& pace) {
  const auto rounded = [](Duration time) { return std::chrono::ceil<std::chrono::seconds>(time); };
  Limiter::Answer answer{.limit = pace.limit, .window = rounded(pace.capacity)};
  const Duration missing = lacking + pace.token - pace.capacity;
  answer.allowed = missing <= Duration::zero();
  if (answer.allowed)
    lacking += pace.token;
  else
    answer.retry_after = rounded(missing);
  answer.remaining = static_cast<std::uint64_t>((pace.capacity - lacking) / pace.token);
  answer.full_in = rounded(lacking);
  return answer;
}

}  // namespace

// The comparisons are such that NaN is within no bounds.
Rate checked_rate(std::optional<double> per_second, std::optional<double> burst,
                  std::string_view name, std::string_view burst_name) {
  const auto fail = [](std::string_view which, const std::string& what) {
    throw std::runtime_error(std::string(which) + ": " + what);
  };
  const double rate = per_second.value_or(0);
  if (rate != 0 && !(rate >= slowest_rate && rate <= highest_rate))
    fail(name, "must be 0, for no limit, or 0.001 to 1000000");
  if (!burst) return {.per_second = rate, .burst = rate == 0 ? 0 : std::max(1.0, std::floor(rate))};
  if (rate == 0) fail(burst_name, "only comes with " + std::string(name));
  if (!(*burst >= 1 && *burst <= highest_rate) || *burst != std::floor(*burst))
    fail(burst_name, "must be a whole number, 1 to 1000000");
  return {.per_second = rate, .burst = *burst};
}

Limiter::Limiter(std::size_t max_buckets)
    : max_in_shard_(std::max<std::size_t>(1, max_buckets / shards_.size())) {}

Limiter::Answer Limiter::take(const Key& key, const Rate& rate, Clock::time_point now) {
  if (rate.per_second <= 0) return {};
  const Pace pace(rate);
  Shard& shard = shards_[shard_of(key)];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  Duration lacking{0};
  if (found != shard.by_key.end()) lacking = pace.lacking(found->second->second, now);
  const Answer answer = take_from(lacking, pace);
  const auto full_at = now + lacking;
  if (found != shard.by_key.end()) {
    found->second->second = full_at;
    shard.buckets.splice(shard.buckets.end(), shard.buckets, found->second);
  } else {
    shard.by_key.emplace(key, shard.buckets.emplace(shard.buckets.end(), key, full_at));
  }
  // Two at most, so that it takes no time and yet there are ever fewer of them.
  for (int i = 0; i < 2 && shard.buckets.front().second <= now; ++i) shard.forget_oldest();
  if (shard.buckets.size() > max_in_shard_) shard.forget_oldest();
  return answer;
}

Limiter::Answer Limiter::look(const Key& key, const Rate& rate, Clock::time_point now) const {
  if (rate.per_second <= 0) return {};
  const Pace pace(rate);
  const Shard& shard = shards_[shard_of(key)];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  Duration lacking{0};
  if (found != shard.by_key.end()) lacking = pace.lacking(found->second->second, now);
  return take_from(lacking, pace);
}

std::size_t Limiter::buckets() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.buckets.size();
  }
  return count;
}

std::size_t Limiter::shard_of(const Key& key) {
  std::uint8_t mixed = 0;
  for (const std::uint8_t byte : key) mixed = static_cast<std::uint8_t>(mixed * 31 + byte);
  return mixed % std::tuple_size_v<decltype(shards_)>;
}

void Limiter::Shard::forget_oldest() {
  by_key.erase(buckets.front().first);
  buckets.pop_front();
}

std::string ratelimit_policy(const Limiter::Answer& answer) {
  return "\"default\";q=" + std::to_string(answer.limit) +
         ";w=" + std::to_string(answer.window.count());
}

std::string ratelimit(const Limiter::Answer& answer) {
  return "\"default\";r=" + std::to_string(answer.remaining) +
         ";t=" + std::to_string((answer.allowed ? answer.full_in : answer.retry_after).count());
}

}  // namespace jangbu::access
