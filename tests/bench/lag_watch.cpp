#include "tests/bench/lag_watch.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace jangbu::bench {

using namespace std::chrono_literals;

LagWatch::LagWatch(const test::ServeProcess& jangbu, std::string metric,
                   std::function<void(double)> seen)
    : thread_([this, &jangbu, metric = std::move(metric),
               seen = std::move(seen)](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any pause;
        std::unique_lock lock(mutex);
        try {
          while (!pause.wait_for(lock, stop, 100ms, [&] { return stop.stop_requested(); })) {
            seconds_.push_back(jangbu.metric(metric));
            seen(seconds_.back());
          }
        } catch (...) {
          failed_ = std::current_exception();
        }
      }) {}

std::vector<double> LagWatch::stop() {
  thread_.request_stop();
  thread_.join();
  if (failed_) std::rethrow_exception(failed_);
  return std::move(seconds_);
}

}  // namespace jangbu::bench
