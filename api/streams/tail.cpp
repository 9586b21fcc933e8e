#include "api/streams/tail.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "api/http/limits.hpp"
#include "events/errors.hpp"

namespace jangbu::streams {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t commits_at_once = 64;

// Limits what sending to all subscribers takes from the machine.
constexpr auto rest_per_send = 20us;
constexpr std::int64_t bytes_per_second = 64 * http::mib;

}  // namespace

void Tail::begin_after(EventId id) {
  invariant(!has_listeners(), "nobody misses what is left out");
  reader_.reset();
  batches_.clear();
  sent_ = read_ = id;
}

void Tail::join(const SubscriberPtr& subscriber) {
  if (const auto entity = subscriber->interest().entity)
    to_one_[*entity].push_back(subscriber);
  else
    to_all_.push_back(subscriber);
}

std::chrono::milliseconds Tail::follow(std::chrono::milliseconds patience) {
  const auto now = Clock::now();
  if (now < next_round_) return std::chrono::ceil<std::chrono::milliseconds>(next_round_ - now);
  if (batches_.empty()) read_more(patience);
  if (batches_.empty()) return 0ms;
  if (workers_are_busy()) return 1ms;
  const Batch batch = std::move(batches_.front());
  batches_.pop_front();
  send(batch);
  sent_ = batches_.empty() ? read_ : batch.messages.back().id;
  return 0ms;
}

void Tail::read_more(std::chrono::milliseconds patience) {
  if (!reader_) reader_ = log_.read_from(next_of(sent_));
  const auto wanted = [this](const About& what) {
    return to_one_.contains(what.entity) ||
           std::ranges::any_of(
               to_all_, [&](const SubscriberPtr& subscriber) { return subscriber->wants(what); });
  };
  for (const StoredCommit& stored : reader_->next(commits_at_once, patience)) {
    put_into_words(subject_, stored, wanted, batches_);
    read_ = end_of(stored.position);
  }
  if (batches_.empty()) sent_ = read_;
}

// Until the workers have taken the last batch, a subscriber's backlog says nothing about how fast
// it reads.
bool Tail::workers_are_busy() const {
  return std::ranges::any_of(
      to_all_, [](const SubscriberPtr& subscriber) { return subscriber->waits_for_worker(); });
}

void Tail::send(const Batch& batch) {
  if (!to_all_.empty()) {
    std::string text;
    text.reserve(batch.bytes);
    for (const Message& message : batch.messages) text += message.text;
    const http::StreamPiece whole(text);
    for (const SubscriberPtr& subscriber : to_all_) {
      if (subscriber->interest().all() && subscriber->after() < batch.messages.front().id)
        subscriber->give(whole, batch.messages.back().id);
      else
        subscriber->give(batch);
    }
    const auto sends = static_cast<std::int64_t>(to_all_.size());
    const auto bytes = sends * static_cast<std::int64_t>(text.size());
    next_round_ = Clock::now() + sends * rest_per_send +
                  std::chrono::microseconds(bytes * 1'000'000 / bytes_per_second);
  }
  for (const Message& message : batch.messages) {
    const auto listening = to_one_.find(message.about.entity);
    if (listening == to_one_.end()) continue;
    const http::StreamPiece piece(message.text);
    for (const SubscriberPtr& subscriber : listening->second)
      if (subscriber->lacks(message)) subscriber->give(piece, message.id);
  }
}

void Tail::for_each(const std::function<void(Subscriber&)>& action) const {
  for (const auto& subscriber : to_all_) action(*subscriber);
  for (const auto& [entity, subscribers] : to_one_)
    for (const auto& subscriber : subscribers) action(*subscriber);
}

void Tail::remove_gone() {
  const auto is_gone = [](const SubscriberPtr& subscriber) { return subscriber->gone(); };
  std::erase_if(to_all_, is_gone);
  for (auto listening = to_one_.begin(); listening != to_one_.end();) {
    std::erase_if(listening->second, is_gone);
    listening = listening->second.empty() ? to_one_.erase(listening) : std::next(listening);
  }
  if (!has_listeners()) begin_after(sent_);
}

}  // namespace jangbu::streams
