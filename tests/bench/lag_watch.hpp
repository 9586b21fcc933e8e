// Watches how far somebody is behind the log while something else happens.
//
// Threads: one of its own, which stop() and the destructor end. Errors: stop() throws what a sample
// threw; there are no more after it.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/shop.hpp"

namespace jangbu::bench {

inline constexpr const char* projection_lag = "jangbu_projection_lag_seconds";
inline constexpr const char* publishing_lag = "jangbu_public_lag_seconds";

class LagWatch {
 public:
  // Ten times a second it asks for this metric, and passes it on, on its thread.
  LagWatch(
      const test::ServeProcess& jangbu, std::string metric,
      std::function<void(double)> seen = [](double) {});

  // All samples, in seconds, in their order.
  std::vector<double> stop();

 private:
  std::vector<double> seconds_;
  std::exception_ptr failed_;
  std::jthread thread_;
};

}  // namespace jangbu::bench
