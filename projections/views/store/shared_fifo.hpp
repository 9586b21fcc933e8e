// A queue of plain values in chunks that copies share: a change copies only the chunk it is in.
//
// Threads: as Shared. Complexity: constant.
#pragma once

#include <array>
#include <cstddef>
#include <deque>

#include "projections/views/store/shared.hpp"

namespace jangbu {

template <class Value>
class SharedFifo {
 public:
  // REQUIRES: below size().
  const Value& operator[](std::size_t at) const {
    return (*chunks_[(first_ + at) / chunk].get())[(first_ + at) % chunk];
  }
  const Value& front() const { return (*this)[0]; }
  const Value& back() const { return (*this)[size_ - 1]; }

  void push_back(const Value& value) {
    if (first_ + size_ == chunks_.size() * chunk) chunks_.emplace_back();
    ++size_;
    set(size_ - 1, value);
  }
  void set(std::size_t at, const Value& value) {
    chunks_[(first_ + at) / chunk].change()[(first_ + at) % chunk] = value;
  }
  void pop_front() {
    --size_;
    if (++first_ < chunk) return;
    chunks_.pop_front();
    first_ = 0;
  }
  void pop_back() {
    --size_;
    if (first_ + size_ == (chunks_.size() - 1) * chunk) chunks_.pop_back();
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk); }

  friend bool operator==(const SharedFifo& a, const SharedFifo& b) {
    bool equal = a.size() == b.size();
    for (std::size_t at = 0; equal && at < a.size(); ++at) equal = a[at] == b[at];
    return equal;
  }

 private:
  static constexpr std::size_t chunk = 4096;
  using Chunk = std::array<Value, chunk>;

  std::deque<Shared<Chunk>> chunks_;
  std::size_t first_ = 0;  // within the first chunk
  std::size_t size_ = 0;
};

}  // namespace jangbu
