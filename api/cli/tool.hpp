// What the command-line tools share: how they end, how they are interrupted, and how they open the
// event log.
//
// A tool exits with 0, with 1 and one line on stderr ("jangbu: what is wrong and what to do"), or
// with 128 plus the signal's number. Wrong usage, 2, is reported by CLI11. Logging goes to stderr
// as well: stdout is for the output that was asked for.
#pragma once

#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu::cli {

// A tool cannot do its work. The text says what to do.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// SIGINT or SIGTERM arrived; or SIGPIPE would have, because nobody reads stdout any more.
struct Interrupted {
  int signal = 0;

  bool is_stop() const;  // SIGINT or SIGTERM
};

// Runs the tool, which returns its exit status. An exception is reported, and gives status 1.
int run_tool(const std::function<int()>& tool);

// Writes to stdout, with control characters made visible (`visible_lines`) so that a terminal does
// not act on them. Throws Interrupted when nobody reads stdout any more, Failure when it cannot be
// written. run_tool() flushes the rest at the end.
void print(std::string_view text);
void flush_output();
// Writes a message for the user to stderr: one line, with control characters made visible.
void tell(const std::string& text);

// While one exists, SIGINT and SIGTERM stay pending until they are asked for. Construct it before
// other threads, which inherit the mask.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Throws Interrupted when one has arrived. Threads: any.
  void check() const;
  // The signal that arrives within this time, if any; for tools that stop in stages.
  std::optional<int> wait(std::chrono::milliseconds time) const;

 private:
  sigset_t before_;
  mutable std::atomic<int> came_ = 0;
};

// Opens the event log, which must exist. Throws Failure when the server cannot be reached or has no
// such stream; nothing is created.
std::unique_ptr<JetStreamLog> open_existing_log(const JetStreamOptions& options);

}  // namespace jangbu::cli
