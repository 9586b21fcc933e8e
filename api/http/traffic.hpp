// What a server counts of its answers, and what it reports of each one for the access log.
//
// Threads: any.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"
#include "api/http/router.hpp"
#include "events/measures.hpp"

namespace jangbu::http {

// Requests by route. Those without one (404, 405, OPTIONS, input that is not HTTP) are counted
// together.
class Traffic {
 public:
  static constexpr int least_status = 100, most_status = 599;

  struct OfRoute {
    std::array<Counter, most_status - least_status + 1> answers;  // by status
    // From the end of the head until the answer, or the head of a streamed one, is ready to send.
    Histogram duration{bounds::latency_ns};

    std::uint64_t answered(int status) const {
      return answers[static_cast<std::size_t>(status - least_status)].value();
    }
  };

  // REQUIRES: `routes` outlives it.
  explicit Traffic(const std::vector<Route>& routes) : routes_(routes), of_routes_(routes.size()) {}

  void count(const Route* route, int status, std::chrono::nanoseconds duration) {
    OfRoute& of_route =
        route ? of_routes_[static_cast<std::size_t>(route - routes_.data())] : without_route_;
    if (status >= least_status && status <= most_status)
      of_route.answers[static_cast<std::size_t>(status - least_status)].add();
    of_route.duration.observe(duration);
  }

  // The client left before its answer, or before the end of a streamed one.
  void count_abandoned() { abandoned_.add(); }

  // A TLS handshake ended. One that was not done was refused, too slow, or left by the client.
  void count_handshake(bool done) { (done ? handshakes_done_ : handshakes_failed_).add(); }

  std::uint64_t handshakes_done() const { return handshakes_done_.value(); }
  std::uint64_t handshakes_failed() const { return handshakes_failed_.value(); }
  std::uint64_t abandoned() const { return abandoned_.value(); }
  const std::vector<Route>& routes() const { return routes_; }
  const OfRoute& of_route(std::size_t index) const { return of_routes_[index]; }
  const OfRoute& without_route() const { return without_route_; }

 private:
  const std::vector<Route>& routes_;
  std::vector<OfRoute> of_routes_;
  OfRoute without_route_;
  Counter abandoned_;
  Counter handshakes_done_;
  Counter handshakes_failed_;
};

// One request and its answer, once there is no more to come. The views are valid only during the
// call.
struct Access {
  std::optional<Method> method;  // nullopt: the input was not a request
  const Route* route;            // null: there is none
  int status;                    // 0: the client left before it was answered
  std::size_t bytes;             // of the answer, as sent on the wire
  std::chrono::nanoseconds duration;
  std::string_view request_id;
  std::string_view traceparent;  // empty without a valid one
  std::string_view asker;        // empty: nobody known
  std::string_view denied;       // why the asker was turned away; empty otherwise
  bool forwarded;                // another instance gave the answer
  bool replayed;                 // the answer has Idempotent-Replayed
  bool complete;                 // false: the client left, or was cut off
};

// Called on the workers, and must not block them.
using OnAccess = std::function<void(const Access&)>;

}  // namespace jangbu::http
