// State shared by the log and its readers: the connections, the stream's names, its JSON API,
// and the last commit seen in it. Internal to infra/eventlog.
//
// Threads: every member from any thread. Errors: Unavailable, Corrupt.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "events/errors.hpp"
#include "events/event_log.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/eventlog/nats_connection.hpp"

namespace jangbu {

// Headers of a commit message.
inline constexpr const char* commit_id_header = "Jangbu-Commit-Id";
inline constexpr const char* commit_format_header = "Jangbu-Format";
// The commit's Origin; each may be absent.
inline constexpr const char* author_header = "Jangbu-Writer";  // "<instance id> <name>"
inline constexpr const char* decided_at_header = "Jangbu-Decided-At";
inline constexpr const char* successor_header = "Jangbu-Successor";

class Stream {
 public:
  Stream(JetStreamOptions chosen, std::chrono::milliseconds wait);

  const JetStreamOptions options;
  const std::string subject;
  // For appends and single requests. The bulk data of readers comes over a connection of its own,
  // so that it neither delays an acknowledgement nor, when it exceeds what the server buffers for a
  // connection, ends this one.
  NatsConnection connection;
  NatsConnection bulk;
  JetStreamApi api;

  const std::string& name() const { return options.stream; }
  // "stream SHOP", for people.
  std::string called() const { return "stream " + options.stream; }

  // The answer to STREAM.INFO, of the leader, or of some server if there is none. Throws Corrupt
  // when there is no such stream.
  nlohmann::json info();
  // As the last answer to info() said.
  unsigned replicas() const { return replicas_; }
  // The message at a position, read from the stream's leader. Throws Corrupt when it is not a
  // commit.
  std::optional<StoredCommit> get(Position position);
  // For an answer in which something is not what JetStream says: whoever gave it, nothing follows
  // from it.
  Unavailable not_understood(const std::exception& odd) const;
  // The stream's last sequence, read from its leader, which hears of a majority.
  Position last();

  // Records a commit that is certainly in the stream.
  void saw(Position position, const CommitId& id);
  // Throws Corrupt when a recorded commit is no longer there. Asks the server only after a lost
  // connection: while the connection lives, the server has not lost anything.
  void require_intact();

  // Something that must be in the stream is not at its leader. Of a stream on one server that is
  // final: this returns. Of a replicated one it is final once this has been called with the same
  // `since` for 15 s, always at a leader that hears of a majority; until then it throws
  // Unavailable. `since` begins as, and is to be set back to, nothing: while it is not missing.
  void believe_missing(std::optional<NatsConnection::Clock::time_point>& since,
                       const std::string& what);

 private:
  // The recorded commit is not there; or it is.
  void miss(const std::string& how);
  void found();
  [[noreturn]] void lose(const std::string& how);

  struct Seen {
    Position position;
    CommitId id;
  };

  std::atomic<unsigned> replicas_ = 1;
  std::mutex mutex_;
  Seen seen_;
  std::uint64_t checked_ = 0;  // sum of losses() when the tail was last found intact
  std::string lost_;           // why the log can no longer be trusted

  std::mutex missing_mutex_;  // of the next
  std::optional<NatsConnection::Clock::time_point> seen_missing_;
};

// A commit from a message: `header` gives the value of one of the above, empty when it is absent.
// Throws Corrupt when they are not a commit's.
StoredCommit stored_commit(const Stream& stream, Position position,
                           const std::function<std::string_view(const char*)>& header,
                           std::string_view payload, std::shared_ptr<const void> owner);

}  // namespace jangbu
