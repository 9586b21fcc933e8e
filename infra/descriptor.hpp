// A file descriptor, closed with its owner, and what goes wrong with one.
//
// Threads: one at a time.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace jangbu {

// std::system_error of errno, with what could not be done.
[[noreturn]] void throw_errno(const std::string& what);

class Descriptor {
 public:
  Descriptor() = default;
  // Takes over what a system call gave: below 0 it is none.
  explicit Descriptor(int number) : number_(number) {}
  // Likewise, but none is an error, to be thrown with `what` and errno.
  Descriptor(int number, const std::string& what) : number_(number) {
    if (number < 0) throw_errno(what);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    other.close();
    return *this;
  }
  ~Descriptor() { close(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  // Does not touch errno.
  void close();

 private:
  int number_ = -1;
};

// All of the bytes. Throws std::system_error.
void write_all(const Descriptor& file, std::string_view bytes);

// The names in a folder are on disk only then. Throws std::system_error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace jangbu
