#include "tests/faults/disk_mounts.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace jangbu::test {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

std::string cannot_mount() {
  static const std::string why = []() -> std::string {
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
      return {};
    return std::string("this process may not mount anything (unshare(2): ") + std::strerror(errno) +
           "); run it as root, in a container with CAP_SYS_ADMIN";
  }();
  return why;
}

std::string cannot_mount_fuse() {
  if (std::string why = cannot_mount(); !why.empty()) return why;
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) return std::string("/dev/fuse: ") + std::strerror(errno);
  ::close(device);
  return {};
}

SmallVolume::SmallVolume(std::size_t bytes) {
  const std::string options = "mode=0755,size=" + std::to_string(bytes);
  if (::mount("none", path().c_str(), "tmpfs", 0, options.c_str()) != 0) fail("mount");
}

SmallVolume::~SmallVolume() {
  ::umount2(path().c_str(), MNT_DETACH);
}

std::size_t SmallVolume::free_bytes() const {
  struct statvfs space {};
  if (::statvfs(path().c_str(), &space) != 0) fail("statvfs");
  return space.f_bavail * space.f_frsize;
}

void SmallVolume::fill(std::size_t but) {
  const int file = ::open((path() / "ballast").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) fail("ballast");
  // Others write meanwhile: what was free a moment ago may be taken, so it is looked at again.
  for (std::size_t free = free_bytes(); free > but; free = free_bytes()) {
    const int error = ::posix_fallocate(file, 0, static_cast<off_t>(free - but));
    if (error == 0) break;
    if (error != ENOSPC) throw std::system_error(error, std::generic_category(), "posix_fallocate");
  }
  ::close(file);
}

void SmallVolume::make_room() {
  std::filesystem::remove(path() / "ballast");
}

}  // namespace jangbu::test
