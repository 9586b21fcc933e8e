#include "tests/faults/power_volume.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace jangbu::test {

namespace {

dev_t device_of(const std::filesystem::path& path) {
  struct stat attributes {};
  if (::stat(path.c_str(), &attributes) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  return attributes.st_dev;
}

}  // namespace

PowerVolume::PowerVolume(unsigned seed) : seed_(seed) {
  std::filesystem::create_directory(folder_.path() / "durable");
  std::filesystem::create_directory(path());
  start();
}

PowerVolume::~PowerVolume() {
  if (process_->running()) cut(Keep::nothing);
}

void PowerVolume::start() {
  process_ = std::make_unique<Process>(Process::Options{
      .command = {JANGBU_POWER_FS, folder_.path() / "durable", path(), std::to_string(seed_++)},
      .log = folder_.path() / "log"});
  wait_until("the volume", [this] {
    if (!process_->running()) throw std::runtime_error(process_->log_text());
    return device_of(path()) != device_of(folder_.path());
  });
}

void PowerVolume::cut(Keep keep) {
  process_->stop(keep == Keep::some ? SIGUSR1 : SIGKILL);
  if (::umount2(path().c_str(), MNT_DETACH) != 0)
    throw std::system_error(errno, std::generic_category(), "umount");
}

}  // namespace jangbu::test
