// Retry policy for an operation that is repeated until it succeeds: wait longer each time, and log
// each cause once. Every loop that waits for NATS or PostgreSQL has one.
//
//   Trouble trouble("projection");
//   …
//   pause(trouble.failed(error.what()));  // warns, the first time
//   …
//   trouble.over();                       // after real progress: a batch was written
//
// A new connection alone is not progress: if over() were called for it, a failure right after it
// would be logged again and again and retried without a pause.
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
  // `what` is the subject of the log message: "projection waits: …".
  explicit Trouble(std::string what, std::chrono::milliseconds longest_pause = longest)
      : what_(std::move(what)), longest_pause_(longest_pause) {}

  // Reports a failure. Returns how long to wait before the next attempt.
  std::chrono::milliseconds failed(std::string_view why);

  // Reports that what failed before has succeeded.
  void over();

  // True after a failure, until over().
  explicit operator bool() const { return !said_.empty(); }

 private:
  static constexpr std::chrono::milliseconds first_pause{50};
  static constexpr std::chrono::milliseconds longest{1'000};
  // Bounds memory and log when one cause is worded differently each time.
  static constexpr std::size_t most_said = 20;

  const std::string what_;
  const std::chrono::milliseconds longest_pause_;
  std::chrono::milliseconds pause_{0};
  std::set<std::string, std::less<>> said_;
};

}  // namespace jangbu
