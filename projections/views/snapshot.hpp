// The bytes of a snapshot: the whole shop as it was after a commit, so that a start need not replay
// the log from its beginning. A snapshot is never the truth. It belongs to one build: with another
// format, or another fold_version, it is of no use.
//
//   magic (16 bytes) | format | fold version      numbers of 32 bits, little-endian
//   blocks: size (32 bits) | XXH3-128 of its number and bytes | bytes
//     the first: a Header, by cereal
//     then rows of accounts, owners, products, stock, purchases, then command keys, oldest first,
//     as many of each as the header says; a block holds values of one kind
//
// Threads: pure functions of their arguments; a writer's Shop may go on, see Shop. Memory: one
// block at a time. Errors: NoSnapshot if the bytes are not a whole snapshot of this build.
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

// There is no usable snapshot; what() says why.
class NoSnapshot : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  virtual std::uint64_t left() const = 0;
  // Reads the next bytes. REQUIRES: that many are left. Throws NoSnapshot if they cannot be read.
  virtual void read(char* to, std::size_t size) = 0;
};

// `log` is the name of the log that the snapshot is of. REQUIRES: nothing is staged in the shop.
void write_snapshot(const Snapshot& snapshot, std::string_view log,
                    const std::function<void(std::string_view)>& out);

// Reads only the mark at its beginning.
SnapshotMark read_snapshot_mark(SnapshotSource& source, std::string_view log);

// Reads all of it. Throws NoSnapshot, too, if it was taken with a smaller budget of command keys:
// it may have forgotten some that must be remembered now.
Snapshot read_snapshot(SnapshotSource& source, std::string_view log, std::size_t key_budget);

// What is wrong between the snapshot and the log, in one sentence, or nothing. As for checkpoints:
// if the log ends before the snapshot, or has another commit there, its end was lost. Throws
// Unavailable.
std::optional<std::string> contradiction(const SnapshotMark& mark, EventLog& log);

}  // namespace jangbu
