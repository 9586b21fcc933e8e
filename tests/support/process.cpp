#include "tests/support/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace jangbu::test {

namespace {

using Clock = std::chrono::steady_clock;

// Between two looks at a condition. poll(2) without descriptors is the pause.
void pause_briefly() {
  ::poll(nullptr, 0, 5);
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::vector<gid_t> groups_of(const passwd& user) {
  int count = 0;
  ::getgrouplist(user.pw_name, user.pw_gid, nullptr, &count);
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  ::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count);
  return groups;
}

// This process's environment, where `variables` ("NAME=value") come in or take another's place.
std::vector<char*> environment_with(std::vector<std::string>& variables) {
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  for (char** inherited = environ; *inherited; ++inherited) {
    const std::string_view name(*inherited, std::strcspn(*inherited, "=") + 1);
    if (std::none_of(variables.begin(), variables.end(),
                     [&](const std::string& variable) { return variable.starts_with(name); }))
      environment.push_back(*inherited);
  }
  environment.push_back(nullptr);
  return environment;
}

constexpr int ports = 5;  // in a row

bool is_free(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  constexpr int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = loopback(port);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return bound;
}

// For as long as this process lives, among those that ask. The mark is a name in the abstract
// namespace, which is no file and goes with its process: unix(7).
bool reserve(int base) {
  const std::string name = "jangbu-test-ports-" + std::to_string(base);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
  ::close(fd);
  return false;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "jangbu-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
  // PostgreSQL runs as another user when the tests run as root, and must be able to enter.
  std::filesystem::permissions(path_, std::filesystem::perms{0755});
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(Options options) : options_(std::move(options)) {
  std::vector<char*> argv;
  for (auto& word : options_.command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const passwd* user =
      options_.user.empty() || ::geteuid() != 0 ? nullptr : ::getpwnam(options_.user.c_str());
  if (!options_.user.empty() && ::geteuid() == 0 && !user)
    throw std::runtime_error("no such user: " + options_.user);
  const int log = ::open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) throw std::system_error(errno, std::generic_category(), options_.log.string());

  const int errors =
      options_.errors.empty()
          ? ::fcntl(log, F_DUPFD_CLOEXEC, 0)
          : ::open(options_.errors.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (errors < 0) throw std::system_error(errno, std::generic_category(), options_.errors.string());

  const std::vector<gid_t> groups = user ? groups_of(*user) : std::vector<gid_t>{};
  const std::vector<char*> environment = environment_with(options_.environment);

  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    // Another thread may have held any lock at that moment, the allocator's too, and here nobody
    // gives it back: system calls only (fork(2), NOTES).
    ::dup2(log, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    if (user && (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(user->pw_gid) != 0 ||
                 ::setuid(user->pw_uid) != 0))
      ::_exit(126);
    // A test that dies takes its servers with it. (A change of user forgets this, so it comes
    // last.)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvpe(argv[0], argv.data(), environment.data());
    ::_exit(127);
  }
  ::close(log);
  ::close(errors);
}

Process::~Process() {
  try {
    if (running()) stop(SIGTERM);
  } catch (const std::exception&) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
}

bool Process::running() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Process::pause() {
  signal(SIGSTOP);
  // All threads are stopped once one of them has taken the signal.
  wait_until(options_.command.front() + " to be stopped", [this] {
    siginfo_t stopped{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WNOHANG) == 0 &&
           stopped.si_pid != 0;
  });
}

int Process::stop(int number, std::chrono::milliseconds deadline) {
  signal(number);
  return wait(deadline);
}

int Process::wait(std::chrono::milliseconds deadline) {
  wait_until(
      "the end of " + options_.command.front() + ", see " + options_.log.string(),
      [this] { return !running(); }, deadline);
  return status_;
}

std::string Process::log_text() const {
  std::ifstream file(options_.log);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void wait_until(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  for (;;) {
    // Looked at once more after the deadline: this process may have stood still meanwhile.
    const bool last = Clock::now() > end;
    if (condition()) return;
    if (last) throw std::runtime_error("timed out waiting for " + what);
    pause_briefly();
  }
}

// The system gives ports from 32768 on to connections. Tests that run at the same time begin to
// look at places of their own.
int free_port_base() {
  constexpr int first = 12'000, count = 4'000;
  static std::atomic<int> next{::getpid() * 7 % count};
  for (int tries = 0; tries < count; ++tries) {
    const int base = first + next++ % count * ports;
    bool all_free = true;
    for (int port = base; port < base + ports; ++port) all_free = all_free && is_free(port);
    if (all_free && reserve(base)) return base;
  }
  throw std::runtime_error("no five free ports in a row");
}

bool accepts_connections(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

}  // namespace jangbu::test
