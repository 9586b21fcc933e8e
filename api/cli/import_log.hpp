// Fills a log from an export: the same commits at the same positions.
#pragma once

#include <functional>

#include "api/cli/commit_source.hpp"
#include "events/event_log.hpp"

namespace jangbu::cli {

struct Imported {
  std::uint64_t commits = 0;  // appended
  Position end;               // of the log
};

// Appends what the log does not hold yet. The log may hold the beginning of the source, as an
// interrupted import leaves it; every commit of that is compared. Throws Failure, with what was
// done, when the log holds anything else or does not answer; Corrupt from the source. Calls
// `appended` after each commit that it appends.
Imported import_log(EventLog& log, CommitSource& source, const StopSignals& stop,
                    const std::function<void(Position)>& appended);

}  // namespace jangbu::cli
