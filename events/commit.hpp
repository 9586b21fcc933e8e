// A commit: all that one turn of the writer decided, and one message in the log. It is there whole
// or not at all. events/README.md specifies its bytes.
//
// Threads: pure functions of their arguments. Errors: decode throws Undecodable.
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

// The first 16 bytes of a SHA-256: of an idempotency key, and of the request it came with.
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

// What is known about an event beside the fact itself.
struct Envelope {
  Timestamp occurred_at;
  std::optional<CommandKey> command_key;
  std::string correlation;  // W3C traceparent or request id of the request that caused it
  std::string causation;    // event id of the event that caused it; empty: a request did
  std::string actor;        // who asked; empty: not known

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
  Timestamp committed_at;  // never goes back: the later of the clock and the last commit's
  std::vector<RecordedEvent> events;

  friend bool operator==(const Commit&, const Commit&) = default;
};

// Bytes in the log that this build cannot read. Everything that folds them must stop here.
class Undecodable : public Corrupt {
 public:
  Undecodable(Position position, std::size_t index, std::string type, unsigned version,
              const std::string& why);

  Position position() const { return position_; }
  std::size_t index() const { return index_; }  // place in the commit; 0 too when before the first
  const std::string& type() const { return type_; }  // empty: the bytes do not tell
  unsigned version() const { return version_; }

 private:
  Position position_;
  std::size_t index_;
  std::string type_;
  unsigned version_;
};

// The bytes of one event with its envelope, as a commit carries them. What they weigh bounds a
// turn.
std::string encode(const RecordedEvent& event);

// The payload of a commit of such bytes.
std::string encode_commit(Timestamp committed_at, const std::vector<std::string>& encoded_events);
std::string encode_commit(const Commit& commit);

// The commit that a message of the log carries, whatever versions its events were written in.
Commit decode(const StoredCommit& stored);

// An event as it lies in its commit, of a type and version that this build need not know.
struct StoredEvent {
  std::string type;
  std::uint16_t version = 0;
  EntityKind kind = EntityKind::account;
  EntityId entity;
  Envelope envelope;
  std::string_view bytes;  // all of them, from the type on; they belong to the commit
};

// What stands in front of each event's own bytes, which are not looked at.
std::vector<StoredEvent> list_events(const StoredCommit& stored);

}  // namespace jangbu
