// Reads a stream in order through a consumer of its own. Internal to infra/eventlog; see LogReader
// for what it promises.
//
// The consumer is ephemeral and keeps nothing on disk: where to go on is known here alone, so
// whatever happens to a consumer, or on the way from it, the remedy is a new one. Messages are
// asked for by pulls, bounded in number and in bytes: the next one as soon as all of the last one
// was taken, so that it travels while that is folded. So a reader never has more than one pull on
// its way and in memory, whatever the size of commits, and all readers together stay far below what
// the server keeps for a connection before it cuts it off (64 MiB).
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
  JetStreamReader(Stream& stream, Position from);
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
    std::size_t wanted = 0;       // what the pull under way may still bring; 0: there is none
    bool pull_delivered = false;  // it has brought something
    bool delivered = false;
    bool end_checked = false;  // since the last commit
    Clock::time_point opened = Clock::now();
    Clock::time_point heard = opened;
  };

  void open();
  void pull();
  void wait(Clock::time_point until);
  std::vector<StoredCommit> take(std::size_t max);
  bool take_end_of_pull();
  void take_status(natsMsg& message);
  void require_end();
  void retire(const std::string& why);
  void give_up_consumer() noexcept;

  Stream& stream_;
  Position next_;
  std::size_t pull_messages_;
  std::size_t pull_bytes_;
  std::optional<Consumer> consumer_;
};

}  // namespace jangbu
