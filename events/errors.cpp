#include "events/errors.hpp"

#include <cstdio>
#include <cstdlib>

namespace jangbu {

void invariant_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: invariant failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace jangbu
