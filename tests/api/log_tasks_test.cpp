// Whoever waits for a task is told, whatever becomes of it.
#include "api/log/log_tasks.hpp"

#include <catch2/catch_test_macros.hpp>
#include <future>
#include <memory>
#include <vector>

#include "tests/support/process.hpp"

using namespace jangbu;
using namespace jangbu::test;
using namespace std::chrono_literals;

namespace {

// A task under way that others wait behind until it is let go.
struct Gate {
  std::promise<void> begun, opened;

  void hold(LogTasks& tasks) {
    tasks.add([this](bool) {
      begun.set_value();
      opened.get_future().wait();
    });
    begun.get_future().wait();
  }
};

std::future<bool> add(LogTasks& tasks) {
  const auto wanted = std::make_shared<std::promise<bool>>();
  tasks.add([wanted](bool is_wanted) { wanted->set_value(is_wanted); });
  return wanted->get_future();
}

}  // namespace

TEST_CASE("tasks are done one after the other") {
  LogTasks tasks({.thread_name = "tasks", .most_waiting = 10});
  std::vector<std::future<bool>> added;
  for (int i = 0; i < 5; ++i) added.push_back(add(tasks));
  for (auto& one : added) CHECK(one.get());
}

TEST_CASE("what is one too many is told so at once") {
  LogTasks tasks({.thread_name = "tasks", .most_waiting = 1});
  Gate gate;
  gate.hold(tasks);
  auto first = add(tasks);
  auto second = add(tasks);
  REQUIRE(second.wait_for(0s) == std::future_status::ready);
  CHECK_FALSE(second.get());
  gate.opened.set_value();
  CHECK(first.get());
}

TEST_CASE("what has waited for too long is not done any more") {
  LogTasks tasks({.thread_name = "tasks", .most_waiting = 10, .patience = 0ms});
  CHECK_FALSE(add(tasks).get());
}

TEST_CASE("at the end nothing is begun, and everybody is told") {
  Gate gate;
  std::vector<std::future<bool>> waiting;
  std::future<void> opening;
  {
    LogTasks tasks({.thread_name = "tasks", .most_waiting = 10});
    gate.hold(tasks);
    for (int i = 0; i < 5; ++i) waiting.push_back(add(tasks));
    opening = std::async(std::launch::async, [&] {
      wait_until("the end", [&] { return tasks.stopping(); });
      gate.opened.set_value();
    });
  }
  for (auto& one : waiting) {
    REQUIRE(one.wait_for(0s) == std::future_status::ready);
    CHECK_FALSE(one.get());
  }
}
