#include "api/streams/subscriber.hpp"

#include <algorithm>
#include <utility>

namespace jangbu::streams {

namespace {

http::Response stream_head(std::string body) {
  return {.status = 200,
          .content_type = "text/event-stream",
          .body = std::move(body),
          .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}};
}

}  // namespace

void turn_away(const http::Exchange& exchange, std::string_view why) {
  exchange.stream_start(stream_head("retry: 10000\n: " + std::string(why) + "\n\n"));
  exchange.stream_end();
}

Subscriber::Subscriber(http::Exchange exchange, Interest interest, std::optional<EventId> asked,
                       std::function<bool()> may_go_on, Places::Place place)
    : exchange_(std::move(exchange)),
      interest_(std::move(interest)),
      asked_(asked),
      may_go_on_(std::move(may_go_on)),
      place_(std::move(place)) {}

// NothingChanged is not part of an entity's history, from which its past is read.
bool Subscriber::wants(const About& what) const {
  if (interest_.entity && what.type == NothingChanged::wire.name) return false;
  const auto is_of = [&](const std::vector<AccountId>& buyers) {
    return what.buyer && std::ranges::find(buyers, *what.buyer) != buyers.end();
  };
  return (!interest_.entity || *interest_.entity == what.entity) &&
         (interest_.type.empty() || interest_.type == what.type) &&
         (!interest_.buyers || is_of(*interest_.buyers));
}

bool Subscriber::lacks(const Message& message) const {
  return message.id > after_ && wants(message.about);
}

void Subscriber::place_after(EventId id) {
  if (!begun_) after_ = id;
}

// The stream begins with the id of its starting point, so that a client that loses it before the
// first event resumes at the same place.
void Subscriber::begin() {
  if (std::exchange(begun_, true)) return;
  http::Response head = stream_head("retry: 2000\nid: " + to_string(after_) + "\n\n");
  head.headers.emplace_back("Event-Position", std::to_string(after_.position.value));
  exchange_.stream_start(std::move(head));
  written_ = Clock::now();
  if (!exchange_.head_only()) return;
  exchange_.stream_end();
  gone_ = true;
}

void Subscriber::give(const Batch& batch) {
  std::string text;
  for (const Message& message : batch.messages)
    if (lacks(message)) text += message.text;
  if (!text.empty()) write(http::StreamPiece(text));
  advance(batch.messages.back().id);
}

void Subscriber::give(const http::StreamPiece& piece, EventId last) {
  write(piece);
  advance(last);
}

void Subscriber::advance(EventId to) {
  after_ = std::max(after_, to);
}

void Subscriber::beat(std::chrono::milliseconds interval) {
  static const http::StreamPiece heartbeat(":\n\n");
  if (begun_ && Clock::now() >= written_ + interval) write(heartbeat);
}

std::size_t Subscriber::backlog() const {
  const auto backlog = exchange_.stream_backlog();
  return backlog.posted + backlog.unread;
}

bool Subscriber::waits_for_worker() const {
  return !gone_ && !exchange_.client_gone() && exchange_.stream_backlog().posted > 0;
}

void Subscriber::end(std::string_view why) {
  if (begun_)
    exchange_.stream_end();
  else
    turn_away(exchange_, why);
  gone_ = true;
}

void Subscriber::refuse(http::Response why) {
  if (begun_)
    exchange_.stream_end();
  else
    exchange_.respond(std::move(why));
}

void Subscriber::write(const http::StreamPiece& piece) {
  gone_ = gone_ || !exchange_.stream_write(piece);
  written_ = Clock::now();
}

}  // namespace jangbu::streams
