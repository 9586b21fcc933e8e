#include "tests/simulation/world.hpp"

#include <cstdio>

namespace jangbu::simulation {

void World::after(Time delay, std::function<void()> what) {
  ahead_.push({now_ + delay, planned_++, std::move(what)});
}

void World::run_until(Time end) {
  while (!ahead_.empty() && ahead_.top().at <= end) {
    now_ = ahead_.top().at;
    // The queue shows its top as const, but it goes at once, and nothing is ordered by this.
    const auto what = std::move(const_cast<Happening&>(ahead_.top()).what);
    ahead_.pop();
    ++steps_;
    what();
  }
  now_ = end;
}

// splitmix64 (Steele, Lea, Flood 2014): the same everywhere, as std's distributions are not.
std::uint64_t World::number() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

bool World::maybe(double probability) {
  return static_cast<double>(number() >> 11) * 0x1p-53 < probability;
}

Time World::between(Time least, Time most) {
  return least + Time(below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

Time World::delay(Time usual) {
  Time delay = between(usual / 2, usual * 3 / 2);
  while (!is_calm_ && delay < 500ms && maybe(0.02)) delay *= 10;
  return delay;
}

void World::keep(std::string words) {
  char time[32];
  std::snprintf(time, sizeof time, "%10.4f  ", static_cast<double>(now_.count()) / 1e6);
  notes_.push_back(time + std::move(words));
  if (notes_.size() > most_notes) notes_.pop_front();
}

}  // namespace jangbu::simulation
