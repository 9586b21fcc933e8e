// Exchanges that a handler put aside, for the test to answer when it likes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "api/http/exchange.hpp"

namespace jangbu::test {

class Exchanges {
 public:
  void put(http::Exchange exchange) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(exchange));
    changed_.notify_one();
  }

  http::Exchange take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10), [this] { return !waiting_.empty(); }))
      throw std::runtime_error("no request came");
    http::Exchange exchange = std::move(waiting_.front());
    waiting_.pop_front();
    return exchange;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<http::Exchange> waiting_;
};

}  // namespace jangbu::test
