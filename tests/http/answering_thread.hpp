// A thread that does what it is told, in order: the part of the writer in these tests.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace jangbu::test {

class AnsweringThread {
 public:
  AnsweringThread() : thread_([this] { loop(); }) {}
  ~AnsweringThread() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void run(std::function<void()> action) {
    {
      const std::lock_guard lock(mutex_);
      actions_.push_back(std::move(action));
      if (actions_.size() > 1) return;
    }
    changed_.notify_one();
  }

 private:
  void loop() {
    for (;;) {
      std::vector<std::function<void()>> actions;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ends_ || !actions_.empty(); });
        if (actions_.empty()) return;
        actions.swap(actions_);
      }
      for (const auto& action : actions) action();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> actions_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace jangbu::test
