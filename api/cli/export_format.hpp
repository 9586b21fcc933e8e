// The format of an exported log: one line of JSON per event, each a CloudEvent 1.0
// (https://github.com/cloudevents/spec, JSON format), in log order. A commit that has no events has
// a line of its own.
//
// A commit's first line has more extension attributes, from which the commit can be restored
// exactly: `commitid`, `commitformat`, `commitbytes` (its payload, base64), those of its origin
// (`commitauthor`, `commitdecidedat`, `commitsuccessor`), and `commitsha256` over all of them.
// Everything else is for people and programs that read the file. See docs/backup.md.
//
// Threads: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/commit.hpp"
#include "infra/json.hpp"

namespace jangbu::cli {

// Upper bounds of an export, so that a reader's memory is bounded for any file, gzip bombs
// included. A commit is a NATS message: every server that passes the start-up gate accepts one of
// this size, and the writer stays at a quarter of it.
inline constexpr std::size_t largest_commit = std::size_t{1024} * 1024;
// Its bytes in base64 (4/3), and its first event as JSON (up to six characters per byte).
inline constexpr std::size_t longest_line = 8 * largest_commit;
// All lines of a commit: even the smallest events take at most 16 bytes of text per byte.
inline constexpr std::size_t longest_commit_text = 16 * largest_commit;

// The CloudEvents' source in exports made before shops had names.
inline constexpr std::string_view nameless_source = "/jangbu";

// The lines of a commit, each with its line feed. REQUIRES: `commit` is what `stored` holds.
std::string export_lines(std::string_view source, const StoredCommit& stored, const Commit& commit);

// What a commit without events tells, in place of an event's type.
inline constexpr std::array<std::string_view, 3> types_without_events{
    "WriterClaimed", "WriterHandedOver", "CommitVoid"};
std::string_view type_without_events(const StoredCommit& stored);
// The CloudEvent that stands for such a commit.
Json commit_event(std::string_view source, const StoredCommit& stored, const Commit& commit);

// How every line of a position begins; a commit's first line has index 0, with or without an event.
std::string line_start(EventId id);

// What a commit's first line tells.
struct FirstLine {
  StoredCommit commit;
  std::string source;  // empty when it is none of a shop
};

// Nothing when the line (no line feed) is not a commit's first. Throws Corrupt when it is one but
// damaged; the message does not name the line.
std::optional<FirstLine> parse_first_line(std::string_view line);

// Whether both lines tell of the same event: their id, type, subject and time agree. Other versions
// of jangbu may write the rest differently.
bool tell_the_same(std::string_view line, std::string_view expected);

}  // namespace jangbu::cli
