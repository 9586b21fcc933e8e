// All read models. To add one: its three files (.sql, .hpp, .cpp) and a line in registry.cpp.
#pragma once

#include <span>

#include "projections/tables/read_model.hpp"

namespace jangbu {

std::span<const ReadModel* const> read_models();

}  // namespace jangbu
