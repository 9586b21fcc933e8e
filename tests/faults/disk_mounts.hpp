// Mounts that nobody but this process and its children see, and that end with them.
#pragma once

#include <filesystem>
#include <string>

#include "tests/support/process.hpp"

namespace jangbu::test {

// Why this process cannot mount anything; empty when it can. Its later children see its mounts.
std::string cannot_mount();
// The same of FUSE.
std::string cannot_mount_fuse();

// A small disk of its own, in memory. REQUIRES cannot_mount() was empty.
class SmallVolume {
 public:
  explicit SmallVolume(std::size_t bytes);
  ~SmallVolume();
  SmallVolume(const SmallVolume&) = delete;
  SmallVolume& operator=(const SmallVolume&) = delete;

  const std::filesystem::path& path() const { return folder_.path(); }

  // Somebody else's file takes all space but so much; and is removed.
  void fill(std::size_t but = 0);
  void make_room();

 private:
  std::size_t free_bytes() const;

  TemporaryFolder folder_;
};

}  // namespace jangbu::test
