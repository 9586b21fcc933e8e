// Snapshots in memory, in place of the files of the writer's keeper, and the bytes of a snapshot.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/writer.hpp"

namespace jangbu::test {

inline std::string snapshot_bytes(const Snapshot& snapshot, std::string_view log = "SHOP") {
  std::string bytes;
  write_snapshot(snapshot, log, [&](std::string_view part) { bytes += part; });
  return bytes;
}

class TextSource final : public SnapshotSource {
 public:
  explicit TextSource(std::string_view text) : rest_(text) {}
  std::uint64_t left() const override { return rest_.size(); }
  void read(char* to, std::size_t size) override {
    rest_.copy(to, size);
    rest_.remove_prefix(size);
  }

 private:
  std::string_view rest_;
};

// Takes a snapshot whenever it can and keeps them all. Read only after the writer has ended.
class KeepsAll final : public SnapshotKeeper {
 public:
  std::optional<Snapshot> load(std::size_t) override { return std::exchange(to_load, {}); }
  bool due(std::uint64_t) override { return true; }
  void store(Snapshot snapshot) override { taken.push_back(std::move(snapshot)); }
  void store_last(Snapshot snapshot) override { taken.push_back(std::move(snapshot)); }

  std::optional<Snapshot> to_load;
  std::vector<Snapshot> taken;
};

}  // namespace jangbu::test
