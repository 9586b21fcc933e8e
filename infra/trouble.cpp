#include "infra/trouble.hpp"

#include <algorithm>

#include "infra/log.hpp"

namespace jangbu {

namespace {

// A message that differs only in process ids, ports or sizes is not a new cause.
std::string without_numbers(std::string_view text) {
  std::string rest(text);
  std::erase_if(rest, [](char c) { return c >= '0' && c <= '9'; });
  return rest;
}

}  // namespace

std::chrono::milliseconds Trouble::failed(std::string_view why) {
  pause_ = std::clamp(pause_ * 2, first_pause, longest_pause_);
  if (said_.size() < most_said && said_.insert(without_numbers(why)).second)
    log::warn("{} waits: {}", what_, why);
  return pause_;
}

void Trouble::over() {
  if (said_.empty()) return;
  said_.clear();
  pause_ = {};
  log::info("{} goes on", what_);
}

}  // namespace jangbu
