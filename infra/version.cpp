#include "infra/version.hpp"

namespace jangbu {

std::string_view version() {
  return JANGBU_VERSION;
}

}  // namespace jangbu
