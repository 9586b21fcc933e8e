#include "api/cluster/forwarder_machine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"

namespace jangbu::cluster {

namespace {

// What a waiting request takes besides its item.
constexpr std::size_t request_overhead = 256;

Problem nobody_active() {
  return {.type = problems::not_ready,
          .detail =
              "No instance that takes commands was found in time; nothing was done. "
              "GET /health/ready of operations says why.",
          .retry_after_s = 1};
}

Problem no_answer() {
  return {.type = problems::outcome_unknown,
          .detail =
              "The active instance did not answer in time, so it may or may not have been done. "
              "Repeat it with the same Idempotency-Key.",
          .retry_after_s = 1};
}

}  // namespace

// --- What happens --------------------------------------------------------------------------------

void ForwarderMachine::submit(Request request, Time now) {
  Waiting waiting{std::move(request), now, now + options_.deadline};
  const std::size_t size = waiting.request.item.size() + request_overhead;
  bytes_ += size;
  if (bytes_ > options_.most_bytes)
    return finish(waiting, Outcome::overloaded, problem_of(NotDecided::overloaded), now);
  first_deadline_ = std::min(first_deadline_, waiting.deadline);
  queue_.push_back(std::move(waiting));
}

// Whoever was active in an earlier term answers at once, if at all: its clients need not wait for
// their deadlines to ask again.
void ForwarderMachine::set_standing(const Standing& standing, Time now) {
  standing_ = standing;
  if (standing_.term == Position{}) return;
  for (auto& [number, sent] : sent_)
    if (sent.term != standing_.term)
      sent.deadline = std::min(sent.deadline, now + options_.after_its_term);
}

// The message has come to somebody.
void ForwarderMachine::arrived(std::uint64_t number) {
  if (number == last_number_) on_its_way_until_ = Time{};
}

void ForwarderMachine::answered(std::uint64_t number, const Message& answer, Time now) {
  const auto found = sent_.find(number);
  if (found == sent_.end()) return;
  arrived(number);
  Sent& sent = found->second;
  for (const Item& item : answer.items) {
    if (item.number >= sent.requests.size() || !sent.requests[item.number]) continue;
    auto response = read_answer(item);
    if (!response) continue;
    finish(*sent.requests[item.number], Outcome::answered, std::move(*response), now);
    sent.requests[item.number].reset();
    --sent.unanswered;
  }
  if (sent.unanswered == 0) sent_.erase(found);
}

void ForwarderMachine::not_taken(std::uint64_t number, Time now) {
  const auto found = sent_.find(number);
  if (found == sent_.end()) return;
  arrived(number);
  not_active_in_ = found->second.term;
  hold_until_ = now + options_.pause;
  std::deque<Waiting> back;
  for (auto& waiting : found->second.requests)
    if (waiting) {
      first_deadline_ = std::min(first_deadline_, waiting->deadline);
      back.push_back(std::move(*waiting));
    }
  std::ranges::move(queue_, std::back_inserter(back));
  queue_ = std::move(back);
  sent_.erase(found);
}

void ForwarderMachine::refused(std::uint64_t number, const http::Response& why, Time now) {
  const auto found = sent_.find(number);
  if (found == sent_.end()) return;
  arrived(number);
  for (auto& waiting : found->second.requests)
    if (waiting) finish(*waiting, Outcome::refused, why, now);
  sent_.erase(found);
}

void ForwarderMachine::tick(Time now) {
  // Messages were sent in the order of their numbers, so their deadlines have it, too.
  while (!sent_.empty() && sent_.begin()->second.deadline <= now) {
    for (auto& waiting : sent_.begin()->second.requests)
      if (waiting) finish(*waiting, Outcome::unknown, no_answer(), now);
    sent_.erase(sent_.begin());
  }
  if (now < first_deadline_) return;
  first_deadline_ = Time::max();
  const bool nobody = standing_.term == Position{} || standing_.term == not_active_in_;
  std::erase_if(queue_, [&](Waiting& waiting) {
    if (now < waiting.deadline) {
      first_deadline_ = std::min(first_deadline_, waiting.deadline);
      return false;
    }
    if (nobody)
      finish(waiting, Outcome::not_active, nobody_active(), now);
    else
      finish(waiting, Outcome::overloaded, problem_of(NotDecided::overloaded), now);
    return true;
  });
}

void ForwarderMachine::finish(Waiting& waiting, Outcome outcome, http::Response response,
                              Time now) {
  bytes_ -= waiting.request.item.size() + request_overhead;
  done_.push_back(
      {std::move(waiting.request.answer), std::move(response), outcome, now - waiting.since});
}

// --- What to do ----------------------------------------------------------------------------------

// When there may be a message, if there are requests for it; max(): not while nobody is active.
ForwarderMachine::Time ForwarderMachine::can_send_at() const {
  if (standing_.term == Position{}) return Time::max();
  if (standing_.term == not_active_in_) return std::max(on_its_way_until_, hold_until_);
  return on_its_way_until_;
}

std::optional<ForwarderMachine::Outgoing> ForwarderMachine::next(Time now, Timestamp at) {
  if (queue_.empty() || now < can_send_at()) return std::nullopt;

  MessageWriter writer({{":at", std::to_string(at.ms)}});
  Sent sent{standing_.term, now + options_.answer_deadline, {}, 0};
  while (!queue_.empty()) {
    Waiting& waiting = queue_.front();
    if (now >= waiting.deadline) break;  // tick() tells its client
    if (!waiting.request.wanted()) {
      finish(waiting, Outcome::abandoned, {}, now);
    } else if (sent.unanswered > 0 &&
               writer.size() + waiting.request.item.size() > options_.message_bytes) {
      break;
    } else {
      writer.add(static_cast<std::uint32_t>(sent.unanswered++), waiting.request.item);
      sent.requests.emplace_back(std::move(waiting));
    }
    queue_.pop_front();
  }
  if (sent.unanswered == 0) return std::nullopt;
  const std::uint64_t number = ++last_number_;
  const Position term = sent.term;
  sent_.emplace(number, std::move(sent));
  on_its_way_until_ = now + options_.turn;
  return Outgoing{term, number, std::move(writer).take()};
}

std::vector<ForwarderMachine::Done> ForwarderMachine::take_done() {
  return std::exchange(done_, {});
}

ForwarderMachine::Time ForwarderMachine::wake_at() const {
  if (!done_.empty()) return Time{};
  Time at = first_deadline_;
  if (!sent_.empty()) at = std::min(at, sent_.begin()->second.deadline);
  return queue_.empty() ? at : std::min(at, can_send_at());
}

}  // namespace jangbu::cluster
