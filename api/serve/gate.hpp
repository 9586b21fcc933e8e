// The start-up gate: what must hold before anything is appended to a log. It refuses by throwing,
// with the remedy in the message. Nothing is changed here; JetStreamLog::create_stream() comes
// later.
//
// Threads: any.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu {

class SnapshotFile;
struct PublicStreamOptions;

// Connects, trying for `wait`, and checks that what this server acknowledges can be called durable,
// and that the stream is ours. Logs every finding. Throws Corrupt when one is not acceptable,
// Unavailable when the log cannot be reached.
std::unique_ptr<JetStreamLog> open_log(const JetStreamOptions& options, bool accept_weak_durability,
                                       std::chrono::seconds wait);

// Whatever the read models have seen must be in the log. Tries for `wait` to reach the database
// that this flag names.
void check_database(const std::string& conninfo, const std::string& flag, std::chrono::seconds wait,
                    EventLog& log);

// Likewise for the snapshot.
void check_snapshot(const SnapshotFile& snapshots, EventLog& log);

// Likewise for the public stream, if its server answers: else its publisher will look.
void check_public_stream(const PublicStreamOptions& options, EventLog& log);

}  // namespace jangbu
