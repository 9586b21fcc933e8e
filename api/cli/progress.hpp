// A progress line on stderr for a long task: shown after the first second, updated ten times a
// second, gone when the task ends. Nothing is written if stderr is not a terminal.
//
//   Progress progress("verifying", "commits", log.last().value);
//   for (…) progress.show(done);
//
// Threads: one at a time. show() is cheap enough for an inner loop over commits: it reads a clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace jangbu::cli {

// "verifying 40,000 of 100,000 commits (40 %), 20,000/s, 0:03 left". A total of 0: unknown.
std::string progress_text(const std::string& label, const std::string& unit, std::uint64_t done,
                          std::uint64_t total, std::chrono::nanoseconds elapsed);

// With a comma between thousands: "2,000,000".
std::string grouped(std::uint64_t number);

class Progress {
 public:
  // `begun_at`: how much was done before this process began; it does not count towards the rate.
  Progress(std::string label, std::string unit, std::uint64_t total, std::uint64_t begun_at = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t done);
  // Removes the line, so that something else can be written; the next show() restores it.
  void erase();

 private:
  using Clock = std::chrono::steady_clock;

  const std::string label_;
  const std::string unit_;
  const std::uint64_t total_;
  const std::uint64_t begun_at_;
  const bool on_terminal_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace jangbu::cli
