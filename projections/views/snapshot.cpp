#include "projections/views/snapshot.hpp"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <utility>

#include "events/archive.hpp"
#include "projections/views/store/row_archive.hpp"

namespace jangbu {

namespace {

constexpr std::string_view magic = "jangbu snapshot\n";
constexpr std::size_t block_bytes = 256 * 1024;  // plus at most one row
// Far more than any block: the longest rows are purchases with many lines and scans.
constexpr std::size_t largest_block = 16 * 1024 * 1024;

struct Header {
  std::string log;
  SnapshotMark mark;
  std::uint64_t key_budget = 0;
  std::uint64_t accounts = 0, owners = 0, products = 0, stock = 0, purchases = 0, keys = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(log, mark.position.value, mark.commit, mark.committed_at, mark.events, key_budget,
            accounts, owners, products, stock, purchases, keys);
  }
};

struct Key {
  KeyHash key;
  CommandKeys::Remembered command;
  Timestamp committed_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, command.request, command.event.position.value, command.event.index, committed_at);
  }
};

using Checksum = std::array<char, 16>;

// Seeded with the block's number, so that a block in the place of another one is detected.
Checksum checksum(std::uint64_t number, std::string_view bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes.data(), bytes.size(), number));
  Checksum sum;
  static_assert(sizeof canonical.digest == sizeof sum);
  std::memcpy(sum.data(), canonical.digest, sizeof sum);
  return sum;
}

std::string_view bytes_of(const std::uint32_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// --- Writing -------------------------------------------------------------------------------------

class BlockWriter {
 public:
  explicit BlockWriter(const std::function<void(std::string_view)>& out) : out_(out) {}

  void write(std::string_view block) {
    const auto size = static_cast<std::uint32_t>(block.size());
    const Checksum sum = checksum(number_++, block);
    out_(bytes_of(size));
    out_({sum.data(), sum.size()});
    out_(block);
  }

  // Gathers what `put` adds to the output, until it makes a block.
  template <class Put>
  void add(const Put& put) {
    put(gathered_);
    if (gathered_.bytes().size() >= block_bytes) end_kind();
  }
  void end_kind() {
    if (gathered_.bytes().empty()) return;
    write(gathered_.bytes());
    gathered_.clear();
  }

 private:
  const std::function<void(std::string_view)>& out_;
  std::uint64_t number_ = 0;
  RowOutput gathered_;
};

template <class View>
void write_table(BlockWriter& blocks, const Table<View>& table) {
  table.for_each_row(
      [&](std::string_view row) { blocks.add([&](RowOutput& output) { output.write(row); }); });
  blocks.end_kind();
}

// --- Reading -------------------------------------------------------------------------------------

class BlockReader {
 public:
  // Reads what comes before the blocks.
  explicit BlockReader(SnapshotSource& source) : source_(source) {
    std::array<char, magic.size()> found{};
    read(found.data(), found.size());
    if (std::string_view(found.data(), found.size()) != magic)
      throw NoSnapshot("it is not a snapshot");
    if (const auto format = read_number(); format != snapshot_format)
      throw NoSnapshot("it has another format, " + std::to_string(format));
    if (const auto fold = read_number(); fold != fold_version)
      throw NoSnapshot("it was folded by another build (" + std::to_string(fold) + ", here it is " +
                       std::to_string(fold_version) + ")");
  }

  // Valid until the next call.
  std::string_view next() {
    const std::uint32_t size = read_number();
    Checksum expected{};
    read(expected.data(), expected.size());
    require(size);
    if (size > largest_block) throw NoSnapshot("it has a block that is too large to be one");
    block_.resize(size);
    read(block_.data(), size);
    if (checksum(number_++, block_) != expected) throw NoSnapshot("it is damaged");
    return block_;
  }

  // Reads `count` values of one kind; `take` reads each from the input.
  template <class Take>
  void read_kind(std::uint64_t count, const Take& take) {
    while (count > 0) {
      RowInput input(next());
      for (; input.left() > 0; --count) {
        if (count == 0) throw NoSnapshot("it has more than it says");
        take(input);
      }
    }
  }

  void require_end() const {
    if (source_.left() > 0) throw NoSnapshot("it has more than it says");
  }

 private:
  void require(std::uint64_t size) const {
    if (size > source_.left()) throw NoSnapshot("it ends too early");
  }
  void read(char* to, std::size_t size) {
    require(size);
    source_.read(to, size);
  }
  std::uint32_t read_number() {
    std::uint32_t number = 0;
    read(reinterpret_cast<char*>(&number), sizeof number);
    return number;
  }

  SnapshotSource& source_;
  std::uint64_t number_ = 0;
  std::string block_;
};

Header read_header(BlockReader& blocks, std::string_view log) {
  Header header;
  CommitInput input(blocks.next());
  input(header);
  if (header.log != log) throw NoSnapshot("it is of another log, " + header.log);
  return header;
}

template <class View>
void read_table(BlockReader& blocks, std::uint64_t count, Table<View>& table) {
  blocks.read_kind(count, [&](RowInput& input) {
    std::string_view row;
    input.read(row);
    table.load(row);
  });
  table.keep();
  if (table.size() != count) throw NoSnapshot("it has rows twice");
}

// RowInput and CommitInput fail only on bytes of a build that did not raise its fold_version: the
// checksums catch everything else.
template <class Read>
auto reading(const Read& read) {
  try {
    return read();
  } catch (const std::out_of_range& wrong) {
    throw NoSnapshot(wrong.what());
  }
}

}  // namespace

void write_snapshot(const Snapshot& snapshot, std::string_view log,
                    const std::function<void(std::string_view)>& out) {
  const Shop& shop = snapshot.shop;
  out(magic);
  out(bytes_of(snapshot_format));
  out(bytes_of(fold_version));
  CommitOutput header;
  header(Header{.log = std::string(log),
                .mark = snapshot.mark,
                .key_budget = shop.keys.budget(),
                .accounts = shop.accounts.size(),
                .owners = shop.owners.size(),
                .products = shop.products.size(),
                .stock = shop.stock.size(),
                .purchases = shop.purchases.size(),
                .keys = shop.keys.size()});
  BlockWriter blocks(out);
  blocks.write(header.take());
  write_table(blocks, shop.accounts);
  write_table(blocks, shop.owners);
  write_table(blocks, shop.products);
  write_table(blocks, shop.stock);
  write_table(blocks, shop.purchases);
  shop.keys.for_each(
      [&](const KeyHash& key, const CommandKeys::Remembered& command, Timestamp committed_at) {
        blocks.add([&](RowOutput& output) { output(Key{key, command, committed_at}); });
      });
  blocks.end_kind();
}

SnapshotMark read_snapshot_mark(SnapshotSource& source, std::string_view log) {
  return reading([&] {
    BlockReader blocks(source);
    return read_header(blocks, log).mark;
  });
}

Snapshot read_snapshot(SnapshotSource& source, std::string_view log, std::size_t key_budget) {
  return reading([&] {
    BlockReader blocks(source);
    const Header header = read_header(blocks, log);
    if (header.key_budget < key_budget)
      throw NoSnapshot("it was taken with a budget of " + std::to_string(header.key_budget) +
                       " idempotency keys, and now more are to be remembered");
    Snapshot snapshot;
    snapshot.mark = header.mark;
    Shop& shop = snapshot.shop;
    read_table(blocks, header.accounts, shop.accounts);
    read_table(blocks, header.owners, shop.owners);
    read_table(blocks, header.products, shop.products);
    read_table(blocks, header.stock, shop.stock);
    read_table(blocks, header.purchases, shop.purchases);
    shop.keys = CommandKeys(key_budget);
    blocks.read_kind(header.keys, [&](RowInput& input) {
      Key key;
      input(key);
      shop.keys.remember(key.key, key.command, key.committed_at);
    });
    shop.keys.keep(header.mark.committed_at);
    blocks.require_end();
    return snapshot;
  });
}

std::optional<std::string> contradiction(const SnapshotMark& mark, EventLog& log) {
  const auto commit = log.read(mark.position);
  const std::string place = "the snapshot has seen position " + std::to_string(mark.position.value);
  if (!commit) return place + ", where the log has no commit: the log's end was lost";
  if (commit->id != mark.commit)
    return place + ", where the log has another commit now: it is not the log that it was taken of";
  return std::nullopt;
}

}  // namespace jangbu
