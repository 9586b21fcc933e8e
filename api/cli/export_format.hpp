// What an export of the log looks like: a line of JSON per event, each a CloudEvent 1.0
// (https://github.com/cloudevents/spec, JSON format), in the order of the log.
//
// A commit's first event has four more extension attributes, from which the commit can be restored
// exactly: `commitid`, `commitformat`, `commitbytes` (its payload, base64) and `commitsha256`
// (base64; of the text "<position> <commitid> <commitformat>", a line feed and the payload).
// Everything else is for whoever reads the file. See docs/backup.md.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/commit.hpp"

namespace jangbu::cli {

// What an export is at most, so that whoever reads one needs no more memory for any file, a gzip
// bomb included. A commit is a message of NATS: every server that the start-up gate lets pass takes
// one of this size, and the writer stays at a quarter of it.
inline constexpr std::size_t largest_commit = std::size_t{1024} * 1024;
// Its bytes in base64 (4/3), and its first event as JSON (up to six characters a byte).
inline constexpr std::size_t longest_line = 8 * largest_commit;
// All lines of a commit, of which even the smallest events have no more than 16 bytes a byte.
inline constexpr std::size_t longest_commit_text = 16 * largest_commit;

// The lines of a commit, each with its line feed. REQUIRES: `commit` is what `stored` holds, and
// has events.
std::string export_lines(const StoredCommit& stored, const Commit& commit);

// How every line of a position begins; a commit's first line has index 0.
std::string line_start(EventId id);

// The commit whose first event is on this line, without a line feed. Nothing when it is not a
// commit's first line. Throws Corrupt when it is one and damaged; the text does not name the line.
std::optional<StoredCommit> parse_first_line(std::string_view line);

// Whether the line says about this event what restoring relies on: its id, type, subject and time.
// The rest may be written otherwise by other versions of jangbu.
bool tells_of(std::string_view line, EventId id, const RecordedEvent& recorded);

}  // namespace jangbu::cli
