#include "api/serve/signals.hpp"

#include <cstdlib>
#include <ctime>
#include <stop_token>

#include "infra/log.hpp"

namespace jangbu {

namespace {

const char* name_of(int signal) {
  return signal == SIGINT ? "SIGINT" : "SIGTERM";
}

}  // namespace

Signals::Signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  const sigset_t stopping = signals_;
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  starting_ = std::jthread([stopping](const std::stop_token& stop) {
    constexpr timespec moment{0, 10'000'000};
    while (!stop.stop_requested()) {
      const int number = sigtimedwait(&stopping, nullptr, &moment);
      if (number < 0) continue;
      log::info("stopped on {}, before it had begun", name_of(number));
      std::_Exit(0);
    }
  });
}

void Signals::begun() {
  starting_ = {};  // asked to stop, and joined
}

Signals::Request Signals::wait() const {
  int number = 0;
  sigwait(&signals_, &number);
  if (number == SIGHUP) return Request::reload;
  log::info("stopping on {}", name_of(number));
  return Request::stop;
}

}  // namespace jangbu
