// What the kernel reports about this process, for metrics. Source: proc(5).
//
// Threads: any. Errors: values that cannot be read are 0.
#pragma once

#include <cstddef>

namespace jangbu {

struct ProcessStats {
  double cpu_seconds = 0;         // user and system time of all threads
  double start_time_seconds = 0;  // since 1970
  std::size_t resident_bytes = 0;
  std::size_t virtual_bytes = 0;
  std::size_t threads = 0;
  std::size_t open_fds = 0;
  std::size_t max_fds = 0;
};

ProcessStats process_stats();

}  // namespace jangbu
