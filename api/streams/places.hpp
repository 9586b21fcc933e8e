// Who has how many streams of a feed: all together as many as it has places, and nobody more than a
// quarter of them, so that one client cannot keep the others out. Where access control is off
// nobody is known, and everybody together may have all.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "commands/principal.hpp"

namespace jangbu::streams {

class Places {
 public:
  // Taken for as long as somebody holds it; it may outlive the places.
  using Place = std::shared_ptr<const void>;

  explicit Places(std::size_t most) : most_(most) {}

  // Null when there is none left, or none for this one.
  Place take(const Principal& who);

  std::size_t most() const { return most_; }
  std::size_t most_of_one() const;
  std::size_t taken() const;

 private:
  struct Taken {
    std::mutex mutex;
    std::size_t all = 0;
    std::map<PrincipalId, std::size_t> of;
  };

  const std::size_t most_;
  const std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

}  // namespace jangbu::streams
