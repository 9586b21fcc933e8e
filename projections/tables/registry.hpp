// All read models. Adding one: its file trio (.sql, .hpp, .cpp) and a line in registry.cpp.
#pragma once

#include <span>

#include "projections/tables/read_model.hpp"

namespace jangbu {

std::span<const ReadModel* const> read_models();

}  // namespace jangbu
