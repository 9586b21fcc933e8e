// SIGTERM and SIGINT, the requests to stop.
//
// Threads: one, the first of the process: every thread started later inherits its signal mask.
#pragma once

#include <signal.h>

#include <thread>

namespace jangbu {

class ShutdownSignals {
 public:
  // From here on only this object receives them (and SIGPIPE is ignored). Until begun(), a request
  // to stop ends the process at once: nothing has begun that would have to be finished, and waiting
  // for a server may take long.
  ShutdownSignals();

  // From here on a request is kept for wait().
  void begun();
  void wait() const;

 private:
  sigset_t signals_;
  std::jthread starting_;
};

}  // namespace jangbu
