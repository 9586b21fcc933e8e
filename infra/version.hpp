// Which Jangbu this is.
#pragma once

#include <string_view>

namespace jangbu {

// As CMakeLists.txt has it: "0.1.0".
std::string_view version();

}  // namespace jangbu
