// Child processes of the tests: real servers with private ports and folders, ended by pid.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace jangbu::test {

using namespace std::chrono_literals;

// A new folder under the system's temporary folder, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A running program. Its output goes to a log file, which a failing test can show. The destructor
// asks it to stop (SIGTERM), waits 10 s and then kills it. Not thread-safe.
class Process {
 public:
  struct Options {
    std::vector<std::string> command;   // program and arguments; the program is looked up in PATH
    std::filesystem::path log;          // stdout and stderr are appended here
    std::filesystem::path errors = {};  // stderr goes here instead, if set
    std::vector<std::string> environment = {};  // additional "NAME=value"
    std::string user = {};                      // run as this user when the caller is root
  };

  explicit Process(Options options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;
  // SIGSTOP. Returns once the process has stopped.
  void pause();
  // Sends the signal, waits until the process has ended and returns its wait status (see
  // waitpid(2)).
  int stop(int number, std::chrono::milliseconds deadline = 60s);
  // Waits until the process ends by itself and returns its wait status. Throws at the deadline.
  int wait(std::chrono::milliseconds deadline);
  std::string log_text() const;

 private:
  Options options_;
  pid_t pid_ = -1;
  int status_ = 0;
};

// With a sanitizer a process uses far more memory, and everything takes several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool has_sanitizer = true;
#else
inline constexpr bool has_sanitizer = false;
#endif

// Polls until the condition holds; at the deadline it throws std::runtime_error naming `what`. The
// deadline must be long enough for a busy machine.
void wait_until(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds deadline = 60s);

// A free TCP port on loopback followed by four more free ports, outside the range from which the
// system picks ephemeral ports. No other test gets them while this process lives, so a server can
// be restarted on its ports.
int free_port_base();

// True when something accepts connections on that loopback port.
bool accepts_connections(int port);

}  // namespace jangbu::test
