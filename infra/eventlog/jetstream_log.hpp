// The event log on NATS JetStream: one stream, one subject, one message per commit.
//
// A commit is published with `Nats-Expected-Last-Sequence`, so it is stored at the position it was
// decided for or not at all; with `sync_interval: always` the server acknowledges it only after
// fsync. Its id and format travel as the headers `Jangbu-Commit-Id` and `Jangbu-Format`.
//
//   auto log = JetStreamLog::connect(options, 30s);
//   const auto findings = log->inspect();   // the log's side of the start-up gate
//   if (findings.empty()) log->create_stream();
//
// Lost commits. The log remembers the last commit it has seen acknowledged or has read. When the
// stream ends before that commit, or holds another one in its place (checked after every lost
// connection), read(), last() and the readers throw Corrupt from then on, and append() returns
// WrongSequence, upon which the caller reads the log and gets the Corrupt. Of a replicated stream
// this is believed only once its leader has said so for 15 s, while hearing of a majority: until
// then they throw Unavailable, since another leader may have all of it.
//
// Threads: every member from any thread, but one append at a time. Ownership: readers are destroyed
// before their log. Errors: Unavailable while the server is away (the connection is re-established
// automatically), Corrupt for a stream that is not Jangbu's or has lost commits.
//
// Sources: https://docs.nats.io/reference/reference-protocols/nats_api_reference, ADR-4 (headers),
// ADR-15 (JetStream subjects) and ADR-37 (pull consumers) of
// https://github.com/nats-io/nats-architecture-and-design.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_log.hpp"
#include "infra/eventlog/replicas.hpp"

namespace jangbu {

struct JetStreamOptions {
  std::string url = "nats://127.0.0.1:4222";  // or several with commas; may hold user:password@
  // The URLs of the servers' monitoring ports, separated by commas: of all that keep the stream, or
  // may. They are the only source of a server's version and of whether fsync precedes the
  // acknowledgement. Empty: not queried, which is itself a finding.
  std::string monitor_url = "http://127.0.0.1:8222";
  std::string stream = "SHOP";  // see is_stream_name; commits go to the subject shop.commits
  unsigned replicas = 1;        // of the stream, if it is created: 1, 3 or 5
  std::chrono::milliseconds request_timeout{2'000};  // for reads and setup
};

// A reason why the log must not be used, unless it is only a warning.
struct GateFinding {
  enum class Weight {
    fatal,
    weak_durability,  // fatal, unless overridden by `--accept-weak-durability`
    warning,
  };
  enum class Code {
    monitor_unreachable,  // weak: version and fsync mode are unknown
    server_not_asked,     // weak: those of a server that keeps the stream
    server_away,          // a warning: of several servers that keep it
    server_too_old,       // weak
    fsync_not_always,     // weak
    payload_too_small,    // the server refuses messages as large as commits
    jetstream_off,
    stream_differs,    // the stream's configuration is not Jangbu's
    subject_taken,     // another stream has the subject
    commits_missing,   // messages were deleted from the stream
    foreign_messages,  // the stream's first message is not a commit
  };
  Code code;
  std::string text;  // what is wrong, and how to fix it
  Weight weight = Weight::fatal;

  friend bool operator==(const GateFinding&, const GateFinding&) = default;
};

std::string_view to_string(GateFinding::Code code);  // "fsync-not-always"

class Stream;

class JetStreamLog final : public EventLog {
 public:
  // The first server version that stops a stream on an fsync error instead of ignoring the error.
  static constexpr std::string_view minimum_version = "2.14.5";

  // Letters, digits, '-' and '_', at most 64.
  static bool is_stream_name(std::string_view name);

  // Connects, retrying for `wait` and logging once a second what it is waiting for; then throws
  // Unavailable. Wrong credentials fail at once. REQUIRES: is_stream_name(options.stream).
  static std::unique_ptr<JetStreamLog> connect(JetStreamOptions options,
                                               std::chrono::milliseconds wait);
  ~JetStreamLog() override;
  JetStreamLog(const JetStreamLog&) = delete;
  JetStreamLog& operator=(const JetStreamLog&) = delete;

  // The reasons not to use this server and stream. Changes nothing. Throws Unavailable.
  std::vector<GateFinding> inspect();

  // Creates the stream unless it exists, whatever its number of replicas. Throws Corrupt when the
  // server rejects the configuration or changes it.
  void create_stream();

  // The copies of the log, asked of its leader and of each server. Throws Unavailable.
  Replicas ask_replicas();
  // Reads the copy on one server, from a position to its end and on, whatever the others have.
  // Throws Corrupt for what that copy lacks, and for good: the next reader begins behind it.
  std::unique_ptr<LogReader> read_copy(const std::string& server, Position from);

  // May take longer than `timeout` right after a reconnection (the tail is checked, which takes up
  // to the request timeout) or when the server stopped reading (the connection is dropped after
  // 2 s).
  AppendResult append(Position expected, const NewCommit& commit,
                      std::chrono::milliseconds timeout) override;
  std::optional<StoredCommit> read(Position position) override;
  Position last() override;
  std::unique_ptr<LogReader> read_from(Position from) override;
  unsigned replicas() const override;
  void use_another_server() override;

  // Why the server cannot be used right now, for readiness checks; empty while connected.
  std::string why_away() const;

 private:
  explicit JetStreamLog(std::unique_ptr<Stream> stream);

  const std::unique_ptr<Stream> stream_;
};

}  // namespace jangbu
