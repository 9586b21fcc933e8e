#include "api/load/burst.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/client/certainty.hpp"

namespace jangbu::loadgen {

using namespace std::chrono_literals;

namespace {

// A command is answered within 5 s; the rest is slack for a busy machine.
constexpr auto longest_answer = 10s;
constexpr auto ask_again_after = 250ms;
constexpr auto longest_settling = 60s;
constexpr auto tick_interval = 100ms;
// For purchases that become due just as the time ends.
constexpr auto last_moment = 100ms;

std::string problem_in(const HttpPool::Answer& answer) {
  if (answer.status == 0) return "not-connected";
  const std::string code = code_of(answer.body);
  return code.empty() ? "status-" + std::to_string(answer.status) : code;
}

}  // namespace

Latencies latencies_of(const Histogram& histogram) {
  return {.p50 = histogram.percentile(0.5),
          .p90 = histogram.percentile(0.9),
          .p99 = histogram.percentile(0.99),
          .max = histogram.max()};
}

Burst::Burst(HttpPool& pool, Instances& instances, const Plan& plan, const Stage& stage,
             const std::atomic<Wish>& wish, std::function<void()> on_tick)
    : pool_(pool),
      instances_(instances),
      plan_(plan),
      stage_(stage),
      wish_(wish),
      on_tick_(std::move(on_tick)) {
  attempts_.reserve(static_cast<std::size_t>(plan.size()));
}

void Burst::send(std::chrono::seconds time) {
  begin_ = Clock::now();
  next_tick_ = begin_;
  sending_ = true;
  const auto end = begin_ + time + last_moment;
  while (wish_ == Wish::go_on && attempts_.size() < plan_.size()) {
    const auto now = Clock::now();
    if (now >= end) break;
    send_again(now);
    send_due(now);
    auto until = end;
    if (pool_.free() > 0 && attempts_.size() < plan_.size())
      until = std::min(until, begin_ + plan_.due(attempts_.size()));
    wait(until);
  }
  sending_ = false;
  figures_.not_sent = plan_.due_by(Clock::now() - begin_) - attempts_.size();
}

void Burst::settle() {
  const auto deadline = Clock::now() + longest_settling;
  for (auto now = Clock::now(); pool_.under_way() > 0 || (!again_.empty() && now < deadline);
       now = Clock::now()) {
    if (now < deadline) send_again(now);
    wait(now + tick_interval);
  }
  end_second(Clock::now());
}

Figures Burst::figures() const {
  Figures figures = figures_;
  figures.sent = attempts_.size();
  figures.overall = latencies_of(overall_);
  return figures;
}

void Burst::wait(Clock::time_point until) {
  if (pool_.free() > 0 && !again_.empty()) until = std::min(until, again_.front().at);
  pool_.wait(std::min(until, next_tick_));
  if (wish_ == Wish::abandon) throw Abandoned();
  tick(Clock::now());
}

void Burst::send_due(Clock::time_point now) {
  const std::uint64_t due = plan_.due_by(now - begin_);
  while (attempts_.size() < due && pool_.free() > 0) {
    const std::uint64_t n = attempts_.size();
    attempts_.push_back({.product = static_cast<std::uint32_t>(plan_.product(n))});
    ask(n);
  }
}

void Burst::send_again(Clock::time_point now) {
  while (!again_.empty() && again_.front().at <= now && pool_.free() > 0) {
    const std::uint64_t n = again_.front().n;
    again_.pop_front();
    ask(n);
  }
}

void Burst::ask(std::uint64_t n) {
  const std::string mark = stage_.mark(n);
  instances_.send(
      pool_,
      {.service = Instances::Service::purchase,
       .method = "POST",
       .path = "/purchases",
       .body = R"({"buyerId":")" + stage_.buyers()[plan_.buyer(n)] + R"(","productId":")" +
               stage_.products()[plan_.product(n)].id + R"(","quantity":1})",
       .fields = {"Content-Type: application/json", "Idempotency-Key: " + mark,
                  "X-Request-Id: " + mark},
       .timeout = longest_answer},
      [this, n](const HttpPool::Answer& answer) { answered(n, answer); });
}

void Burst::answered(std::uint64_t n, const HttpPool::Answer& answer) {
  Attempt& attempt = attempts_[static_cast<std::size_t>(n)];
  const bool bought = answer.status == 201;
  const std::string code = bought ? "" : problem_in(answer);
  attempt.times_sent = static_cast<std::uint16_t>(attempt.times_sent + answer.times_sent);
  attempt.outcome = outcome_of(answer.status, code, attempt.times_sent);
  // Nothing was done, by an instance that is away: another one is asked at once.
  const bool turned_away = attempt.outcome == Outcome::refused && Instances::is_away(answer);
  if (turned_away && instances_.has_one_to_ask()) {
    attempt.outcome = Outcome::unknown;
    attempt.times_sent = 0;
    return ask_again(n, Clock::duration::zero());
  }
  const bool settled = attempt.outcome != Outcome::unknown;
  if (!attempt.uncertain && (!settled || attempt.times_sent > 1)) {
    attempt.uncertain = true;
    ++figures_.uncertain;
    ++figures_.repeated;
  }
  if (!settled) return ask_again(n, std::max<Clock::duration>(ask_again_after, answer.retry_after));
  if (attempt.uncertain) --figures_.uncertain;
  if (attempt.outcome == Outcome::purchased) {
    attempt.position = answer.position;
    constexpr std::string_view path = "/purchases/";
    if (answer.location.starts_with(path))
      attempt.purchase = parse_id<PurchaseId>(std::string_view(answer.location).substr(path.size()))
                             .value_or(PurchaseId{});
    ++figures_.purchased;
    ++second_.purchased;
  } else {
    refuse(code);
  }
  // Requests turned away at the door are answered quickly and would flatter the figures.
  if (answer.status == 0 || answer.status == 503 || answer.status == 429) return;
  const auto latency =
      std::chrono::duration_cast<Histogram::Latency>(Clock::now() - begin_ - plan_.due(n));
  latencies_.add(latency);
  overall_.add(latency);
}

// Kept in order of time: some answers ask for a longer wait than others.
void Burst::ask_again(std::uint64_t n, Clock::duration after) {
  const auto at = Clock::now() + after;
  again_.insert(std::ranges::upper_bound(again_, at, {}, &Again::at), {at, n});
}

void Burst::refuse(const std::string& code) {
  ++figures_.refused[code];
  ++second_.refused[code];
}

void Burst::tick(Clock::time_point now) {
  const auto ends_at = [this] { return begin_ + std::chrono::seconds(second_.second); };
  while (now >= ends_at()) end_second(ends_at());
  if (now < next_tick_) return;
  next_tick_ = std::min(now + tick_interval, ends_at());
  on_tick_();
}

void Burst::end_second(Clock::time_point at) {
  second_.latencies = latencies_of(latencies_);
  const std::uint64_t due = sending_ ? plan_.due_by(at - begin_) : 0;
  second_.behind = due - std::min<std::uint64_t>(due, attempts_.size());
  const std::uint64_t second = second_.second;
  if (sending_ || second_.purchased > 0 || !second_.refused.empty())
    figures_.seconds.push_back(std::move(second_));
  second_ = {.second = second + 1};
  latencies_ = {};
}

}  // namespace jangbu::loadgen
