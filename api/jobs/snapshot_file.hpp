// The file in the data folder from which the writer's shop is loaded at the next start. A separate
// thread writes a new file next to the old one, fsyncs and renames it, so that there is always a
// complete one or none: after a kill or with a full disk, the previous one remains.
//
// Two processes may share a data folder. The one that holds the lock on the file being written
// writes; the other tries again later. The last one renamed counts.
//
// Threads: the members of SnapshotKeeper on the writer's; the others from any. Errors: a snapshot
// that cannot be read or written is logged; the shop goes on without it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "commands/writer.hpp"

namespace jangbu {

class SnapshotFile final : public SnapshotKeeper {
 public:
  struct Options {
    std::filesystem::path file;
    std::string log;                   // the name of the log
    std::uint64_t events = 1'000'000;  // between two snapshots; 0: none is written
  };

  struct Status {
    Position position;              // of the last snapshot written or loaded
    double written_at_seconds = 0;  // since 1970; 0: there is none
    double duration_seconds = 0;    // of writing it; 0: it was loaded
    std::uint64_t bytes = 0;
    std::uint64_t failures = 0;  // failed attempts to write one
  };

  explicit SnapshotFile(Options options);
  ~SnapshotFile() override;
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;

  const std::filesystem::path& path() const { return options_.file; }
  // The mark of the existing snapshot, if it can be read. Logs nothing: load() does.
  std::optional<SnapshotMark> mark() const;

  std::optional<Snapshot> load(std::size_t key_budget) override;
  // True after `Options::events` more events, but writing takes at most a tenth of the time.
  bool due(std::uint64_t events) override;
  void store(Snapshot snapshot) override;
  // Skipped unless a tenth of those events have been added.
  void store_last(Snapshot snapshot) override;

  Status status() const;

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void try_to_write(Snapshot snapshot);
  std::uint64_t write(const Snapshot& snapshot);  // returns its size

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Snapshot> job_;  // handed over
  bool busy_ = false;            // writing one
  std::uint64_t events_ = 0;     // in the log up to the last snapshot
  Clock::time_point not_before_;
  Status status_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace jangbu
