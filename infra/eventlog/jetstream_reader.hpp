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
//
// A consumer reads the copy of the server it lives on, which may be one that has fallen behind or
// is damaged. So whenever nothing comes the reader asks the leader where the log ends: what is
// there and has not come for 2 s is read through another consumer, the next time by requests to the
// leader; and what a copy lacks is asked of the leader before it counts as missing.
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
  // `server`: reads the copy on this one and no other; empty: any.
  JetStreamReader(Stream& stream, Position from, std::string server = {});
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
    Clock::time_point opened = Clock::now();
    Clock::time_point heard = opened;
  };

  std::vector<StoredCommit> next_until(Clock::time_point deadline, std::size_t max);
  void open();
  bool open_one();
  bool is_placed(const nlohmann::json& created) const;
  void pull();
  void wait(Clock::time_point until);
  std::vector<StoredCommit> take(std::size_t max);
  std::vector<StoredCommit> take_from_leader(std::size_t max);
  bool take_end_of_pull();
  void take_status(natsMsg& message);
  void compare_with_end();
  void lack(Position found);
  [[noreturn]] void miss(const std::string& how);
  void advance_to(Position last);
  void retire(const std::string& why);
  void give_up_consumer() noexcept;

  Stream& stream_;
  const std::string server_;
  Position next_;
  std::size_t pull_messages_;
  std::size_t pull_bytes_;
  std::optional<Consumer> consumer_;

  // Of the next commit, while it does not come:
  std::optional<Clock::time_point> passed_;   // since when the leader has had it, as is known
  unsigned consumers_passed_ = 0;             // that did not bring it
  std::optional<Clock::time_point> missing_;  // since when the leader has not had it, though more
  bool from_leader_ = false;                  // until all that is there has been read
};

}  // namespace jangbu
