// SIGTERM and SIGINT, the requests to stop, and SIGHUP, the request to read the configuration
// again.
//
// Threads: one, the first of the process: every thread started later inherits its signal mask.
#pragma once

#include <signal.h>

#include <thread>

namespace jangbu {

class Signals {
 public:
  enum class Request { stop, reload };

  // From here on only this object receives them (and SIGPIPE is ignored). Until begun(), a request
  // to stop ends the process at once: nothing has begun that would have to be finished, and waiting
  // for a server may take long.
  Signals();

  // From here on a request to stop is kept for wait(). One to reload is from the beginning.
  void begun();
  Request wait() const;

 private:
  sigset_t signals_;
  std::jthread starting_;
};

}  // namespace jangbu
