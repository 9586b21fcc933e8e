// Virtual time, chance, and what happens next: everything else in this folder happens in a World,
// and two worlds of the same seed are the same.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace jangbu::simulation {

using Time = std::chrono::microseconds;  // since the world began

using namespace std::chrono_literals;

// A rule was broken.
class Violation : public std::exception {
 public:
  explicit Violation(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  const std::string what_;
};

class World {
 public:
  // A world that is traced keeps its last steps in words.
  explicit World(std::uint64_t seed, bool is_traced = false)
      : state_(seed), is_traced_(is_traced) {}

  Time now() const { return now_; }
  void after(Time delay, std::function<void()> what);
  // Lets happen what happens up to then.
  void run_until(Time end);

  // --- Chance ---
  std::uint64_t number();
  std::uint64_t below(std::uint64_t bound) { return number() % bound; }
  bool maybe(double probability);
  Time between(Time least, Time most);
  // Mostly about `usual`; now and then far more, unless the world is calm.
  Time delay(Time usual);
  void calm_down() { is_calm_ = true; }

  // --- What happened ---
  // `words` is called only if the world is traced.
  template <class Words>
  void note(const Words& words) {
    if (is_traced_) keep(words());
  }
  const std::deque<std::string>& notes() const { return notes_; }
  std::uint64_t steps() const { return steps_; }

 private:
  static constexpr std::size_t most_notes = 400;

  struct Happening {
    Time at;
    std::uint64_t number;  // what was planned first happens first
    std::function<void()> what;
  };
  struct IsLater {
    bool operator()(const Happening& a, const Happening& b) const {
      return std::pair(a.at, a.number) > std::pair(b.at, b.number);
    }
  };

  void keep(std::string words);

  std::uint64_t state_;
  const bool is_traced_;
  bool is_calm_ = false;
  Time now_{0};
  std::uint64_t steps_ = 0;
  std::uint64_t planned_ = 0;
  std::priority_queue<Happening, std::vector<Happening>, IsLater> ahead_;
  std::deque<std::string> notes_;
};

}  // namespace jangbu::simulation
