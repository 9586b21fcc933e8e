// The stream that other teams read: messages of many subjects, appended in batches.
//
// Appends are fenced like those of the log: a batch is stored directly behind the sequence it
// expects, or not at all, so of two publishers only one can be right. The server judges the fence
// when a batch is complete, and stores nothing of it before. A server that is killed while it
// stores a batch may keep the batch's beginning: after any doubt the last message tells what is
// there.
//
// Unlike the log, the stream forgets: its oldest messages are purged, by sequence. The last one is
// never, since it is the publisher's checkpoint.
//
// Threads: one at a time. Errors: Unavailable while the server is away (the connection is
// re-established automatically); Corrupt for a stream that was created differently.
//
// Sources: ADR-50 (atomic batch publish) of
// https://github.com/nats-io/nats-architecture-and-design; that the fence holds for a whole batch
// is tested in tests/contract.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_log.hpp"
#include "infra/eventlog/stored_message.hpp"

namespace jangbu {

class JetStreamApi;
class NatsConnection;

struct PublicStreamOptions {
  std::string url = "nats://127.0.0.1:4222";  // as JetStreamOptions'
  std::string stream = "SHOP_PUBLIC";
  std::string subjects = "jangbu.shop.>";
  // The server refuses what would exceed it, and reserves that much of its storage.
  std::uint64_t max_bytes = std::uint64_t{2} << 30;
  unsigned replicas = 1;  // of the stream, if it is created
  std::chrono::milliseconds request_timeout{2'000};
};

class PublicStream {
 public:
  // The server's bound, max_batch_size.
  static constexpr std::size_t most_in_batch = 1'000;
  static constexpr const char* commit_id_header = "Jangbu-Commit-Id";

  struct Message {
    std::string subject;
    std::string cloud_event;  // JSON
    CommitId commit;          // that the event is of

    // About what it takes of the stream, with its headers.
    std::size_t size() const { return subject.size() + cloud_event.size() + 200; }
  };

  struct State {
    std::uint64_t first = 0;  // sequences; there is none unless there are messages
    std::uint64_t last = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::string resume_from;  // as resume() left it; empty: nothing
  };

  // A durable consumer.
  struct Reader {
    std::string name;
    std::uint64_t pending = 0;       // messages it has yet to take or to acknowledge
    std::uint64_t acknowledged = 0;  // the sequence up to which it has everything it wants
  };

  // Tries to connect for `wait`, then throws Unavailable.
  PublicStream(PublicStreamOptions options, std::chrono::milliseconds wait);
  ~PublicStream();
  PublicStream(const PublicStream&) = delete;
  PublicStream& operator=(const PublicStream&) = delete;

  // Nothing when there is no such stream.
  std::optional<State> find();
  // Creates the stream unless it exists; brings its bound to what the options say.
  State open();

  // The message with this sequence, from the stream's leader; nothing when it is not there.
  std::optional<StoredMessage> message(std::uint64_t sequence);
  // The first message with this sequence or a later one.
  std::optional<StoredMessage> message_from(std::uint64_t sequence);

  // REQUIRES: 1 to most_in_batch messages.
  AppendResult append(std::uint64_t expected_last, std::span<const Message> messages,
                      std::chrono::milliseconds timeout);

  // Removes all messages before this sequence.
  void purge_before(std::uint64_t sequence);

  std::vector<Reader> readers();

  // Leaves word in the stream for the publisher, which has lost its place there.
  void resume(const std::string& from);

 private:
  nlohmann::json config() const;
  nlohmann::json checked(const std::string& what, const nlohmann::json& body);
  nlohmann::json create();
  std::optional<StoredMessage> get(const nlohmann::json& which);

  const PublicStreamOptions options_;
  const std::unique_ptr<NatsConnection> connection_;
  const std::unique_ptr<JetStreamApi> api_;
};

}  // namespace jangbu
