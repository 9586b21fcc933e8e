// What a server's workers share.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>

#include "api/http/limits.hpp"
#include "api/http/router.hpp"
#include "api/http/tls.hpp"
#include "api/http/traffic.hpp"

namespace jangbu::http {

struct ServerState {
  ServerState(Router the_router, Limits the_limits, std::string the_name, int the_listener,
              OnAccess who_logs, TlsUse the_tls)
      : router(std::move(the_router)),
        limits(the_limits),
        name(std::move(the_name)),
        listener(the_listener),
        on_access(std::move(who_logs)),
        tls(std::move(the_tls)),
        traffic(router.routes()) {}

  const Router router;
  const Limits limits;
  const std::string name;  // "127.0.0.1:11001", for the log
  const int listener;      // the listening socket; every worker accepts from it

  const OnAccess on_access;  // null: no access log
  const TlsUse tls;
  Traffic traffic;

  std::atomic<std::size_t> connections = 0;

  std::atomic<bool> draining = false;
  std::mutex mutex;
  std::condition_variable changed;   // of `connections` or `workers_draining`, while draining
  std::size_t workers_draining = 0;  // that no longer accept; guarded by `mutex`
};

}  // namespace jangbu::http
