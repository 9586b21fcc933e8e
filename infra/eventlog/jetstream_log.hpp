// The event log on NATS JetStream: one stream, one subject, one message a commit.
//
// A commit is published with `Nats-Expected-Last-Sequence`, so it is stored at the position it was
// decided for or not at all; with `sync_interval: always` the server acknowledges it only after
// fsync. Its id and format travel as headers, `Jangbu-Commit-Id` and `Jangbu-Format`.
//
//   auto log = JetStreamLog::connect(options, 30s);
//   const auto findings = log->inspect();   // the log's side of the start-up gate
//   if (findings.empty()) log->create_stream();
//
// A lost tail. The log remembers the last commit that it has seen acknowledged or read. When the
// stream ends before it, or has another commit in its place (looked up after every lost
// connection), read(), last() and the readers throw Corrupt from then on, and append() answers
// WrongSequence, whose reader looks and finds that out.
//
// Threads: every member from any thread, but one append at a time. Ownership: readers end before
// their log. Errors: Unavailable while the server is away (the connection comes back by itself),
// Corrupt for a stream that is not ours or lost something.
//
// Sources: https://docs.nats.io/reference/reference-protocols/nats_api_reference,
// ADR-4 (headers), ADR-15 (JetStream subjects) and ADR-37 (pull consumers) of
// https://github.com/nats-io/nats-architecture-and-design.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_log.hpp"

namespace jangbu {

struct JetStreamOptions {
  std::string url = "nats://127.0.0.1:4222";  // several with commas; may hold user:password@
  // Where that server answers its monitoring requests. It alone tells the version and whether
  // fsync comes before the acknowledgement. Empty: not asked, which is a finding.
  std::string monitor_url = "http://127.0.0.1:8222";
  std::string stream = "SHOP";  // see is_stream_name; commits go to the subject shop.commits
  unsigned replicas = 1;        // of a stream that is created
  std::chrono::milliseconds request_timeout{2'000};  // for reads and set-up
};

// One thing that keeps the log from being used. Weak durability is what `--accept-weak-durability`
// lets pass; everything else stands.
struct GateFinding {
  enum class Code {
    monitor_unreachable,  // weak: neither version nor fsync mode can be told
    server_too_old,       // weak
    fsync_not_always,     // weak
    payload_too_small,    // the server takes no messages of our size
    jetstream_off,
    stream_differs,    // the stream's configuration is not what ours would be
    subject_taken,     // another stream has our subject
    commits_missing,   // messages were deleted from the stream
    foreign_messages,  // the stream's first message is not a commit
  };
  Code code;
  std::string text;  // what is wrong, and what to do
  bool weak_durability = false;

  friend bool operator==(const GateFinding&, const GateFinding&) = default;
};

std::string_view to_string(GateFinding::Code code);  // "fsync-not-always"

class Stream;

class JetStreamLog final : public EventLog {
 public:
  // The oldest server whose fsync errors stop the stream instead of being dropped.
  static constexpr std::string_view minimum_version = "2.14.5";

  // Letters, digits, '-' and '_', at most 64.
  static bool is_stream_name(std::string_view name);

  // Connects, trying for `wait` and logging once a second what it waits for; then throws
  // Unavailable. Wrong credentials are not waited for. REQUIRES is_stream_name(options.stream).
  static std::unique_ptr<JetStreamLog> connect(JetStreamOptions options,
                                               std::chrono::milliseconds wait);
  ~JetStreamLog() override;
  JetStreamLog(const JetStreamLog&) = delete;
  JetStreamLog& operator=(const JetStreamLog&) = delete;

  // What speaks against using this server and stream. Changes nothing. Throws Unavailable.
  std::vector<GateFinding> inspect();

  // Makes the stream where there is none. Throws Corrupt when the server made something else of it.
  void create_stream();

  // May take longer than `timeout` where the connection has just come back (a look at the tail, up
  // to the request timeout) or the server stopped reading (2 s, then the connection is given up).
  AppendResult append(Position expected, const CommitId& id, std::string_view payload,
                      std::chrono::milliseconds timeout) override;
  std::optional<StoredCommit> read(Position position) override;
  Position last() override;
  std::unique_ptr<LogReader> read_from(Position from) override;

  // Why the server cannot be used right now, for readiness; empty while there is a connection.
  std::string why_away() const;

 private:
  explicit JetStreamLog(std::unique_ptr<Stream> stream);

  const std::unique_ptr<Stream> stream_;
};

}  // namespace jangbu
