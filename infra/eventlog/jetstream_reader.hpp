// Reads a stream in order through a consumer of its own. Internal to infra/eventlog; see LogReader
// for what it promises.
//
// The consumer is ephemeral and keeps nothing on disk: where to go on is known here alone, so
// whatever happens to a consumer, or on the way from it, the remedy is a new one. Messages are
// asked for in batches, two of them under way, so that the next one travels while the last is
// folded.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "events/event_log.hpp"
#include "infra/eventlog/stream.hpp"

namespace jangbu {

class JetStreamReader final : public LogReader {
 public:
  JetStreamReader(Stream& stream, Position from) : stream_(stream), next_(from) {}
  ~JetStreamReader() override;

  // A new consumer, where one is needed, may take the stream's request timeout on top.
  std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) override;

 private:
  using Clock = NatsConnection::Clock;

  struct Consumer {
    explicit Consumer(NatsConnection& connection, const std::string& own_name)
        : name(own_name), mailbox(connection, own_name) {}

    const std::string name;
    NatsConnection::Mailbox mailbox;
    std::deque<NatsMessage> arrived;
    std::size_t requested = 0;  // messages that were asked for and not taken yet
    bool delivered = false;
    bool end_checked = false;  // since the last commit
    Clock::time_point opened = Clock::now();
    Clock::time_point heard = opened;
  };

  void open();
  void request_more();
  void wait(Clock::time_point until);
  std::vector<StoredCommit> take(std::size_t max);
  void take_status(natsMsg& message);
  void require_end();
  void retire(const std::string& why);
  void give_up_consumer() noexcept;

  Stream& stream_;
  Position next_;
  std::size_t batch_ = 100;
  std::optional<Consumer> consumer_;
};

}  // namespace jangbu
