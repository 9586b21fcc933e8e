// Whole numbers as JSON may write them: 2, 2.0, 20e-1.
//
// Threads: a pure function.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace jangbu {

// The number that the text stands for, computed from its digits, since a double cannot hold all
// whole numbers beyond 2^53. nullopt if the text is not a number, or the number is not whole or
// does not fit in 64 bits. Complexity: linear, whatever the exponent.
std::optional<std::int64_t> parse_whole_number(std::string_view text);

}  // namespace jangbu
