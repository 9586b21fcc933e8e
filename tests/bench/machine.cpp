#include "tests/bench/machine.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "tests/bench/http_load.hpp"

namespace jangbu::bench {

namespace {

namespace fs = std::filesystem;

std::string processor_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

std::string file_system_of(const fs::path& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0)
    throw std::system_error(errno, std::generic_category(), folder.string());
  switch (info.f_type) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      throw std::runtime_error(folder.string() +
                               " is in memory, where fsync costs nothing: set TMPDIR to a folder "
                               "on a disk");
    case EXT4_SUPER_MAGIC:
      return "ext4";
    case XFS_SUPER_MAGIC:
      return "xfs";
    case BTRFS_SUPER_MAGIC:
      return "btrfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlayfs";
  }
  std::ostringstream text;
  text << "file system " << std::hex << info.f_type;
  return text.str();
}

// One after the other, as the server of the event log does it.
Measured sync_latencies(const fs::path& folder) {
  constexpr int times = 300;
  const fs::path path = folder / "sync-probe";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  constexpr std::array<char, 4096> block{};
  Measured measured;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (::write(file, block.data(), block.size()) != static_cast<ssize_t>(block.size()) ||
        ::fdatasync(file) != 0)
      throw std::system_error(errno, std::generic_category(), path.string());
    const auto time = std::chrono::steady_clock::now() - start;
    measured.latencies_us.push_back(static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
  }
  ::close(file);
  fs::remove(path);
  return measured;
}

double seconds(std::uint64_t ticks) {
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// The time of a process, with that of its children that have ended (proc(5)).
void add_process(const std::string& pid, std::map<std::string, double>& by_program) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t open = line.find('('), close = line.rfind(')');
  if (close == line.npos) return;  // it has just ended
  std::istringstream rest(line.substr(close + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  std::uint64_t total = 0;
  for (std::uint64_t ticks = 0, field = 14; field <= 17 && rest >> ticks; ++field) total += ticks;
  by_program[line.substr(open + 1, close - open - 1)] += seconds(total);
}

void add_tree(const std::string& pid, std::map<std::string, double>& by_program) {
  add_process(pid, by_program);
  std::error_code gone;
  for (const auto& task : fs::directory_iterator("/proc/" + pid + "/task", gone)) {
    std::ifstream children(task.path() / "children");
    for (std::string child; children >> child;) add_tree(child, by_program);
  }
}

}  // namespace

Machine inspect_machine(const fs::path& folder) {
  utsname kernel{};
  ::uname(&kernel);
  std::array<double, 1> load{};
  ::getloadavg(load.data(), 1);
  const std::string file_system = file_system_of(folder);
  const Measured syncs = sync_latencies(folder);
  return {.processors = std::thread::hardware_concurrency(),
          .model = processor_model(),
          .kernel = std::string(kernel.sysname) + " " + kernel.release,
          .file_system = file_system,
          .sync_p50_ms = syncs.percentile_ms(0.5),
          .sync_p99_ms = syncs.percentile_ms(0.99),
          .load_average = load[0]};
}

double CpuTimes::ours() const {
  double sum = 0;
  for (const auto& [program, time] : by_program) sum += time;
  return sum;
}

CpuTimes CpuTimes::since(const CpuTimes& before) const {
  CpuTimes difference{all - before.all, by_program};
  for (auto& [program, time] : difference.by_program)
    if (const auto found = before.by_program.find(program); found != before.by_program.end())
      time -= found->second;
  return difference;
}

CpuTimes cpu_times() {
  CpuTimes times;
  add_tree(std::to_string(::getpid()), times.by_program);
  // The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  std::array<std::uint64_t, 8> ticks{};
  for (std::uint64_t& value : ticks) file >> value;
  times.all = seconds(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]);
  return times;
}

}  // namespace jangbu::bench
