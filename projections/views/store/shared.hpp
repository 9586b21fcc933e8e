// A part of a view that copies of the view share until one of them changes it. The writer can thus
// hand out the whole current shop for the price of counting references, and go on.
//
// Threads: a copy is made on the thread that changes the original. From then on each copy may be
// read and changed on a thread of its own. Sharing is noted when the copy is made, not read from
// the reference count, so the writer never has to know whether another thread is done.
#pragma once

#include <memory>

namespace jangbu {

template <class Part>
class Shared {
 public:
  Shared() = default;
  Shared(const Shared& other) : part_(other.part_), sole_(false) { other.sole_ = false; }
  Shared& operator=(const Shared& other) {
    part_ = other.part_;
    sole_ = other.sole_ = false;
    return *this;
  }
  Shared(Shared&&) noexcept = default;
  Shared& operator=(Shared&&) noexcept = default;
  ~Shared() = default;

  // Null before the first change.
  const Part* get() const { return part_.get(); }

  // The part, for this copy alone. What was read from it before may have moved.
  Part& change() {
    if (!part_) {
      part_ = std::make_shared<Part>();
    } else if (!sole_) {
      part_ = std::make_shared<Part>(*part_);
    }
    sole_ = true;
    return *part_;
  }

 private:
  std::shared_ptr<Part> part_;
  mutable bool sole_ = true;
};

}  // namespace jangbu
