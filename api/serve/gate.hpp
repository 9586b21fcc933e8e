// The start-up gate: what must hold before anything is appended to a log. It refuses by throwing,
// with what to do about it; nothing is changed here, JetStreamLog::create_stream() comes later.
//
// Threads: any.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu {

class SnapshotFile;

// Connects, trying for `wait`, and checks that what this server acknowledges may be called durable,
// and that the stream is ours. What speaks against it is logged; throws Unavailable or Corrupt
// then.
std::unique_ptr<JetStreamLog> open_log(const JetStreamOptions& options, bool accept_weak_durability,
                                       std::chrono::seconds wait);

// What the read models saw must be in the log. Tries to reach the database for `wait`.
void check_database(const std::string& conninfo, std::chrono::seconds wait, EventLog& log);

// Likewise what the snapshot saw.
void check_snapshot(const SnapshotFile& snapshots, EventLog& log);

}  // namespace jangbu
