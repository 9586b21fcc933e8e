// What to do when something fails that is tried again and again: wait longer each time, and say
// each thing once. Every loop that waits for NATS or PostgreSQL has one.
//
//   Trouble trouble("projection");
//   …
//   pause(trouble.failed(error.what()));  // warns, the first time
//   …
//   trouble.over();                       // after real progress: a batch was written
//
// That a connection could be made is no progress: what fails after it would be said again and
// again, and tried as fast as can be.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>

namespace jangbu {

class Trouble {
 public:
  // `what` waits, in the log: "projection waits: …".
  explicit Trouble(std::string what, std::chrono::milliseconds longest_pause = longest)
      : what_(std::move(what)), longest_pause_(longest_pause) {}

  // It failed. How long to wait before it is tried again.
  std::chrono::milliseconds failed(std::string_view why);

  // What failed before has been done.
  void over();

  // Something failed, and it is not over.
  explicit operator bool() const { return !said_.empty(); }

 private:
  static constexpr std::chrono::milliseconds first_pause{50};
  static constexpr std::chrono::milliseconds longest{1'000};
  // One thing that is worded anew each time must not fill the memory, nor the log.
  static constexpr std::size_t most_said = 20;

  const std::string what_;
  const std::chrono::milliseconds longest_pause_;
  std::chrono::milliseconds pause_{0};
  std::set<std::string, std::less<>> said_;
};

}  // namespace jangbu
