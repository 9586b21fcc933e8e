// What a figure depends on: the machine, its disk, and who else is using it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace jangbu::bench {

struct Machine {
  unsigned processors;
  std::string model;
  std::string kernel;
  std::string file_system;
  double sync_p50_ms;  // of 4 KiB appended to a file, and fdatasync
  double sync_p99_ms;
  double load_average;  // of the last minute, before the benchmark
};

// REQUIRES: `folder` is where the servers will keep their data. Throws std::runtime_error when that
// is in memory: nothing is durable there, and fsync costs nothing.
Machine inspect_machine(const std::filesystem::path& folder);

// Processor time so far, in seconds.
struct CpuTimes {
  double all = 0;                            // of the whole machine
  std::map<std::string, double> by_program;  // of this process and all that it started

  double ours() const;
  CpuTimes since(const CpuTimes& before) const;
};

CpuTimes cpu_times();

}  // namespace jangbu::bench
