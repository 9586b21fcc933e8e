// A commit: everything that one turn of the writer decided, stored as one message in the log, so it
// is there in full or not at all. events/README.md specifies its bytes.
//
// Threads: functions of their arguments only. Errors: decode throws Undecodable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/errors.hpp"
#include "events/event_log.hpp"
#include "events/events.hpp"
#include "events/values.hpp"

namespace jangbu {

// The first 16 bytes of a SHA-256: of an idempotency key, and of the request that carried it.
using KeyHash = Id<struct KeyTag>;
using RequestHash = Id<struct RequestTag>;

struct CommandKey {
  KeyHash key;
  RequestHash request;

  friend bool operator==(const CommandKey&, const CommandKey&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, request);
  }
};

// What is known about an event besides the fact itself.
struct Envelope {
  Timestamp occurred_at;
  std::optional<CommandKey> command_key;
  std::string correlation;  // W3C traceparent or request id of the request that caused it
  std::string causation;    // id of the event that caused it; empty: caused by a request
  std::string actor;        // who asked; empty: unknown

  friend bool operator==(const Envelope&, const Envelope&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(occurred_at, command_key, correlation, causation, actor);
  }
};

struct RecordedEvent {
  Envelope envelope;
  Event event;

  friend bool operator==(const RecordedEvent&, const RecordedEvent&) = default;
};

struct Commit {
  Timestamp committed_at;  // monotonic: the later of the clock and the last commit's time; void: 0
  std::vector<RecordedEvent> events;

  friend bool operator==(const Commit&, const Commit&) = default;
};

// Bytes in the log that this build cannot read. Everything that folds the log must stop here.
class Undecodable : public Corrupt {
 public:
  Undecodable(Position position, std::size_t index, std::string type, unsigned version,
              const std::string& why);

  Position position() const { return position_; }
  std::size_t index() const { return index_; }       // in the commit; 0 also before the first event
  const std::string& type() const { return type_; }  // empty: not known from the bytes
  unsigned version() const { return version_; }

 private:
  Position position_;
  std::size_t index_;
  std::string type_;
  unsigned version_;
};

// The bytes of one event with its envelope, as they appear in a commit. Their total size limits a
// turn.
std::string encode(const RecordedEvent& event);

// The payload of a commit that consists of these encoded events.
std::string encode_commit(Timestamp committed_at, const std::vector<std::string>& encoded_events);
std::string encode_commit(const Commit& commit);

// Decodes the commit in a message of the log, whatever versions its events were written in. A void
// one has no events and no time of its own: its bytes are not looked at, and `committed_at` is 0.
// So whoever keeps the time of the log keeps the latest.
Commit decode(const StoredCommit& stored);
// The same, in the memory of a commit that is not needed any more: most of the work of decoding
// many of them is to allocate their texts. After an error `into` holds anything.
void decode(const StoredCommit& stored, Commit& into);

// An event as stored in its commit, of a type and version that this build may not know.
struct StoredEvent {
  std::string type;
  std::uint16_t version = 0;
  EntityKind kind = EntityKind::account;
  EntityId entity;
  Envelope envelope;
  std::string_view bytes;  // the whole event, from its type on; a view into the payload
};

// Reads what precedes each event's own bytes and skips the bytes themselves. A void commit has
// none.
std::vector<StoredEvent> list_events(const StoredCommit& stored);

}  // namespace jangbu
