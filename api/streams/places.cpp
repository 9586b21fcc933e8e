#include "api/streams/places.hpp"

#include <algorithm>

namespace jangbu::streams {

std::size_t Places::most_of_one() const {
  return std::max<std::size_t>(1, most_ / 4);
}

Places::Place Places::take(const Principal& who) {
  const std::lock_guard lock(taken_->mutex);
  const auto of_one = taken_->of.find(who.id);
  const std::size_t has = of_one == taken_->of.end() ? 0 : of_one->second;
  if (taken_->all == most_ || (!who.may_all && has == most_of_one())) return nullptr;
  ++taken_->all;
  ++taken_->of[who.id];
  return Place(taken_.get(), [taken = taken_, id = who.id](const void*) {
    const std::lock_guard given_back(taken->mutex);
    --taken->all;
    if (--taken->of[id] == 0) taken->of.erase(id);
  });
}

std::size_t Places::taken() const {
  const std::lock_guard lock(taken_->mutex);
  return taken_->all;
}

}  // namespace jangbu::streams
