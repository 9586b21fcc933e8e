#include "events/errors.hpp"

#include <cstdio>
#include <cstdlib>

namespace jangbu {

void invariant_failed(const char* what, const std::source_location& where) {
  std::fprintf(stderr, "%s:%u: invariant failed: %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), what);
  std::abort();
}

}  // namespace jangbu
