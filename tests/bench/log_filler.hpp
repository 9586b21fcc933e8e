// Appends events to an empty log as a writer would: in commits of 250, 50 events a second of the
// shop's time.
//
// Threads: one at a time. Errors: std::runtime_error.
#pragma once

#include <cstdint>
#include <optional>

#include "events/commit.hpp"
#include "events/event_log.hpp"

namespace jangbu::bench {

class LogFiller {
 public:
  // The log must outlive it.
  explicit LogFiller(EventLog& log) : log_(log) {}

  // Returns the event's id.
  EventId add(Event event, std::optional<CommandKey> key = std::nullopt);
  // Commits what was added last.
  void append();

  Timestamp now() const { return {1'772'357'400'000 + static_cast<std::int64_t>(events_) * 20}; }
  std::uint64_t events() const { return events_; }
  std::uint64_t commits() const { return commits_; }

 private:
  EventLog& log_;
  Commit commit_;
  std::uint64_t events_ = 0;
  std::uint64_t commits_ = 0;
};

}  // namespace jangbu::bench
