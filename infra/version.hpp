// The version of this build.
#pragma once

#include <string_view>

namespace jangbu {

// As set in CMakeLists.txt: "0.1.0".
std::string_view version();

}  // namespace jangbu
