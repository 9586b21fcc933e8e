// What the tools of the command line have in common: how they end, how they are interrupted, and
// how they come to the event log.
//
// A tool ends with 0, with 1 and one line on stderr ("jangbu: what is wrong and what to do"), or
// with 128 and the signal's number. Wrong usage, 2, is CLI11's. What it logs goes to stderr, too:
// stdout is for what was asked for.
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

// What keeps a tool from its task. The text says what to do.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// SIGINT or SIGTERM came; or SIGPIPE would have come, when nobody reads stdout any more.
struct Interrupted {
  int signal = 0;

  bool is_stop() const;  // the first two
};

// Runs the tool, which returns its exit status. Whatever it throws is reported, and becomes one.
int run_tool(const std::function<int()>& tool);

// Writes to stdout, so that a terminal only shows it (`visible_lines`). Throws Interrupted when
// nobody reads it any more, Failure when it cannot be written. What is left is written at the end
// of run_tool().
void print(std::string_view text);
void flush_output();
// Tells on stderr what was done, for who watches; one line, with everything in it visible.
void tell(const std::string& text);

// While one exists, SIGINT and SIGTERM wait until somebody asks for them. Made before other
// threads, which inherit the mask.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Throws Interrupted when one has come. Threads: from any.
  void check() const;
  // The one that comes within this time, if one does; for who ends by degrees.
  std::optional<int> wait(std::chrono::milliseconds time) const;

 private:
  sigset_t before_;
  mutable std::atomic<int> came_ = 0;
};

// The event log, which must be there. Throws Failure when the server cannot be reached or has no
// such stream; nothing is created.
std::unique_ptr<JetStreamLog> open_existing_log(const JetStreamOptions& options);

}  // namespace jangbu::cli
