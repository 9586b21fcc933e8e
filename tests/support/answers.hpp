// Collects a writer's answers, and checks that each comes exactly once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "commands/writer.hpp"

namespace jangbu::test {

// Threads: every member from any thread. REQUIRES: outlives the writer that answers.
class Answers {
 public:
  // The callback for the answer of one command, which is called `name` from then on.
  std::function<void(Outcome)> to(const std::string& name) {
    std::lock_guard lock(mutex_);
    outcomes_[name];
    return [this, name](Outcome outcome) {
      std::lock_guard inner(mutex_);
      outcomes_[name].push_back(std::move(outcome));
      changed_.notify_all();
    };
  }

  // Waits for the answer to `name`. Throws at the deadline.
  Outcome of(const std::string& name) {
    std::unique_lock lock(mutex_);
    require(changed_.wait_for(lock, deadline, [&] { return !outcomes_[name].empty(); }), name);
    return outcomes_[name].front();
  }

  void wait_for_all() {
    std::unique_lock lock(mutex_);
    const auto all_answered = [this] {
      for (const auto& [name, outcomes] : outcomes_)
        if (outcomes.empty()) return false;
      return true;
    };
    require(changed_.wait_for(lock, deadline, all_answered), "all");
  }

  bool has(const std::string& name) const {
    std::lock_guard lock(mutex_);
    return !outcomes_.at(name).empty();
  }

  // Whether every command has exactly one answer.
  bool each_once() const {
    std::lock_guard lock(mutex_);
    for (const auto& [name, outcomes] : outcomes_)
      if (outcomes.size() != 1) return false;
    return true;
  }

  std::map<std::string, Outcome> all() const {
    std::lock_guard lock(mutex_);
    std::map<std::string, Outcome> all;
    for (const auto& [name, outcomes] : outcomes_) all.emplace(name, outcomes.at(0));
    return all;
  }

 private:
  static constexpr std::chrono::seconds deadline{60};

  static void require(bool came, const std::string& name) {
    if (!came) throw std::runtime_error("no answer in time: " + name);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<Outcome>> outcomes_;
};

}  // namespace jangbu::test
