// The log's side of the start-up gate, for who is going to append.
#pragma once

#include <chrono>
#include <memory>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu {

// Connects, trying for `wait`, and looks whether what this server acknowledges may be called
// durable, and whether the stream is ours. Nothing is changed: JetStreamLog::create_stream() comes
// after all other checks. What speaks against it is logged; throws Unavailable or Corrupt then.
std::unique_ptr<JetStreamLog> open_log(const JetStreamOptions& options, bool accept_weak_durability,
                                       std::chrono::seconds wait);

}  // namespace jangbu
