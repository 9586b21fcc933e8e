// Watches how far the read models are behind the log while something else happens.
//
// Threads: one of its own, which stop() and the destructor end. Errors: stop() throws what a sample
// threw; there are no more after it.
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "tests/support/shop.hpp"

namespace jangbu::bench {

class LagWatch {
 public:
  // Ten times a second it asks for jangbu_projection_lag_seconds, and passes it on, on its thread.
  explicit LagWatch(
      const test::ServeProcess& jangbu, std::function<void(double)> seen = [](double) {});

  // All samples, in seconds, in their order.
  std::vector<double> stop();

 private:
  std::vector<double> seconds_;
  std::exception_ptr failed_;
  std::jthread thread_;
};

}  // namespace jangbu::bench
