// Whether the read models say what the log says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/shop.hpp"

namespace jangbu::test {

// Every row of every read model, as text, by the read model's name.
using Tables = std::map<std::string, std::vector<std::string>>;

// The shop's rows, once they have reached the end of the log.
Tables projected_rows(Shop& shop);

// The rows that a replay of the whole log into an empty database makes.
Tables replayed_rows(Shop& shop);

}  // namespace jangbu::test
