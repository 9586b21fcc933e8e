#include "infra/descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace jangbu {

void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void Descriptor::close() {
  const int error = errno;
  if (number_ >= 0) ::close(std::exchange(number_, -1));
  errno = error;
}

void write_all(const Descriptor& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                              folder.string());
  if (::fsync(descriptor.number()) != 0) throw_errno(folder.string());
}

}  // namespace jangbu
