// What instances have to say about one another, each at most once a minute: the cause stays, and
// messages keep coming.
//
// Threads: any.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "infra/log.hpp"

namespace jangbu::cluster {

class Complaints {
 public:
  // REQUIRES: one of a few texts.
  void warn(const std::string& text) {
    const auto now = std::chrono::steady_clock::now();
    {
      const std::lock_guard lock(mutex_);
      const auto [last, is_new] = last_.try_emplace(text, now);
      if (!is_new && now - last->second < std::chrono::minutes(1)) return;
      last->second = now;
    }
    log::warn("{}", text);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::chrono::steady_clock::time_point> last_;
};

}  // namespace jangbu::cluster
