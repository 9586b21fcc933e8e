// Reads a stream in order through a consumer of its own. Internal to infra/eventlog; LogReader
// documents the guarantees.
//
// The consumer is ephemeral and keeps nothing on disk: only the reader knows its position, so the
// remedy for any trouble with a consumer or its connection is a new consumer. Messages are
// requested in pulls, bounded in number and in bytes; the next pull is sent as soon as all messages
// of the previous one have been taken, so that it travels while those are being folded. A reader
// therefore never has more than one pull in flight and in memory, whatever the size of commits, and
// all readers together stay far below the amount of pending data at which the server drops a
// connection (64 MiB).
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

  // Creating a new consumer, where one is needed, may add up to the stream's request timeout.
  std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) override;

 private:
  using Clock = NatsConnection::Clock;

  struct Consumer {
    explicit Consumer(NatsConnection& connection, const std::string& own_name)
        : name(own_name), mailbox(connection, own_name) {}

    const std::string name;
    NatsConnection::Mailbox mailbox;
    std::deque<NatsMessage> arrived;
    std::size_t wanted = 0;       // messages the current pull may still bring; 0: no pull
    bool pull_delivered = false;  // the current pull has brought something
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
