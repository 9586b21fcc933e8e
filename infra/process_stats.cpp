#include "infra/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace jangbu {

namespace {

// When the machine started, in seconds since 1970.
double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word)
    if (word == "btime" && file >> seconds) break;
  return seconds;
}

std::size_t count_entries(const char* folder) {
  std::error_code error;
  const std::filesystem::directory_iterator entries(folder, error);
  return error ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

ProcessStats process_stats() {
  ProcessStats stats;
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field, the program's name, may contain blanks and parentheses.
  std::istringstream from_third(line.substr(line.rfind(')') + 1));
  const std::vector<std::string> values(std::istream_iterator<std::string>(from_third), {});
  const auto field = [&](std::size_t number) {
    return values.size() > number - 3 ? std::stod(values[number - 3]) : 0.0;
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  stats.cpu_seconds = (field(14) + field(15)) / ticks;
  stats.threads = static_cast<std::size_t>(field(20));
  stats.start_time_seconds = boot_time() + field(22) / ticks;
  stats.virtual_bytes = static_cast<std::size_t>(field(23));
  stats.resident_bytes =
      static_cast<std::size_t>(field(24)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  stats.open_fds = count_entries("/proc/self/fd");
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace jangbu
