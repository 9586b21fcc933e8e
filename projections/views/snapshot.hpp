// The bytes of a snapshot: the whole shop as it was after a commit, so that a start need not replay
// the log from its beginning. A snapshot is never the truth. It is of one build: another format, or
// another fold_version, and it is of no use.
//
//   magic (16 bytes) | format | fold version      numbers of 32 bits, little-endian
//   blocks: size (32 bits) | XXH3-128 of its number and bytes | bytes
//     the first: a SnapshotHeader, by cereal
//     then rows of accounts, products, stock, purchases, then command keys, oldest first, as many
//     in all as the header says; a block holds those of one kind
//
// Threads: pure functions of their arguments; a writer's Shop may go on, see Shop. Memory: a block
// at a time. Errors: NoSnapshot when the bytes are not a whole snapshot of this build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "events/event_log.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

inline constexpr std::uint32_t snapshot_format = 1;

// Where in the log a snapshot was taken.
struct SnapshotMark {
  Position position;
  CommitId commit;           // the one at that position
  Timestamp committed_at;    // its time
  std::uint64_t events = 0;  // in the log up to there

  friend bool operator==(const SnapshotMark&, const SnapshotMark&) = default;
};

struct Snapshot {
  SnapshotMark mark;
  Shop shop;
};

// Says why.
class NoSnapshot : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  virtual std::uint64_t left() const = 0;
  // The next bytes. REQUIRES: there are so many left. Throws NoSnapshot when they cannot be read.
  virtual void read(char* to, std::size_t size) = 0;
};

// `log` is the name of the log that it is of. Nothing is staged in the shop.
void write_snapshot(const Snapshot& snapshot, std::string_view log,
                    const std::function<void(std::string_view)>& out);

// What stands at its beginning.
SnapshotMark read_snapshot_mark(SnapshotSource& source, std::string_view log);

// All of it. A snapshot that was taken with a smaller budget of command keys may have forgotten
// some that are to be remembered now.
Snapshot read_snapshot(SnapshotSource& source, std::string_view log, std::size_t key_budget);

// What is wrong between the snapshot and the log, in one sentence, or nothing. As for checkpoints:
// where the log ends before it, or has another commit there, its end was lost. Throws Unavailable.
std::optional<std::string> contradiction(const SnapshotMark& mark, EventLog& log);

}  // namespace jangbu
