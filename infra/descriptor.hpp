// A file descriptor that is closed with its owner, and helpers that report failures of one.
//
// Threads: one at a time.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace jangbu {

// Throws std::system_error for errno; `what` says what failed.
[[noreturn]] void throw_errno(const std::string& what);

class Descriptor {
 public:
  Descriptor() = default;
  // Takes ownership of what a system call returned; a negative number means no descriptor.
  explicit Descriptor(int number) : number_(number) {}
  // The same, but a negative number is an error: throws std::system_error with `what` and errno.
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
  // Preserves errno.
  void close();

 private:
  int number_ = -1;
};

// Writes all the bytes. Throws std::system_error.
void write_all(const Descriptor& file, std::string_view bytes);

// Makes the names in a folder durable: they are on disk only after this. Throws std::system_error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace jangbu
