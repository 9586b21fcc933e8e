#include "api/streams/catch_up.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <utility>

#include "api/http/limits.hpp"

namespace jangbu::streams {

namespace {

constexpr std::size_t most_commits = 256;  // in one round
constexpr std::chrono::milliseconds patience{500};
// A subscriber with at least this much unread gets no more of the past for now; during a round, one
// with `most_unread` drops out. Both are far below the limit at which a client is cut off.
constexpr std::size_t unread = 64 * http::kib;
constexpr std::size_t most_unread = 128 * http::kib;

}  // namespace

std::vector<SubscriberPtr> CatchUp::take() {
  return std::exchange(behind_, {});
}

bool CatchUp::give(Position end) {
  std::vector<SubscriberPtr> ready;
  for (const SubscriberPtr& subscriber : behind_)
    if (!subscriber->gone() && !subscriber->left() && subscriber->backlog() < unread)
      ready.push_back(subscriber);
  if (ready.empty()) {
    if (behind_.empty()) reader_.reset();
    return false;
  }
  const Position from =
      next_of((*std::ranges::min_element(ready, {}, [](const SubscriberPtr& subscriber) {
                return subscriber->after();
              }))->after());
  if (!reader_ || next_ != from) {
    reader_ = log_.read_from(from);
    next_ = from;
  }

  const auto wanted = [&](const About& what) {
    return std::ranges::any_of(
        ready, [&](const SubscriberPtr& subscriber) { return subscriber->wants(what); });
  };
  std::deque<Batch> batches;
  for (std::size_t commits = 0; commits < most_commits && next_ <= end; ++commits) {
    const auto read = reader_->next(1, patience);
    if (read.empty()) break;
    put_into_words(subject_, read.front(), wanted, batches);
    next_ = read.front().position.next();
    if (!batches.empty() && batches.front().bytes >= batch_bytes) break;
  }
  for (const Batch& batch : batches) {
    // A subscriber with too much left to read gets this batch in a later round.
    std::erase_if(ready, [](const SubscriberPtr& subscriber) {
      return subscriber->backlog() >= most_unread;
    });
    for (const SubscriberPtr& subscriber : ready) subscriber->give(batch);
  }
  const EventId reached = end_of({next_.value - 1});
  for (const SubscriberPtr& subscriber : ready) subscriber->advance(reached);
  return true;
}

void CatchUp::for_each(const std::function<void(Subscriber&)>& action) const {
  for (const auto& subscriber : behind_) action(*subscriber);
}

void CatchUp::remove_gone() {
  std::erase_if(behind_, [](const SubscriberPtr& subscriber) { return subscriber->gone(); });
}

}  // namespace jangbu::streams
