// SIGTERM and SIGINT, the orders to stop.
//
// Threads: one, the first of the process: every thread that is started later inherits its mask.
#pragma once

#include <signal.h>

#include <thread>

namespace jangbu {

class ShutdownSignals {
 public:
  // From here on they come to this object alone (and SIGPIPE to nobody). Until begun() an order to
  // stop ends the process at once: nothing was begun that would have to be finished, and waiting
  // for a server may take long.
  ShutdownSignals();

  // From here on an order is kept for wait().
  void begun();
  void wait() const;

 private:
  sigset_t signals_;
  std::jthread starting_;
};

}  // namespace jangbu
