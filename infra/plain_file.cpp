#include "infra/plain_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "infra/descriptor.hpp"

namespace jangbu {

std::string read_plain_file(const std::filesystem::path& path, std::size_t longest,
                            Privacy privacy) {
  const auto cannot_be_read = [] {
    return std::runtime_error(std::string("cannot be read: ") + std::strerror(errno));
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.number(), &info) != 0) throw cannot_be_read();
  if (!S_ISREG(info.st_mode)) throw std::runtime_error("is not a file");
  if (privacy == Privacy::owner_alone && (info.st_mode & 077) != 0)
    throw std::runtime_error("can be read by others: chmod 600 it");
  std::string content(longest + 1, '\0');
  std::size_t size = 0;
  for (ssize_t more = 1; more > 0 && size < content.size();
       size += static_cast<std::size_t>(more)) {
    more = ::read(file.number(), content.data() + size, content.size() - size);
    if (more < 0) throw cannot_be_read();
  }
  content.resize(size);
  if (size > longest)
    throw std::runtime_error("is too long: it has more than " + std::to_string(longest) + " bytes");
  return content;
}

}  // namespace jangbu
