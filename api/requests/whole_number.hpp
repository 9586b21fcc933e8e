// Whole numbers as JSON may write them: 2, 2.0, 20e-1.
//
// Threads: a pure function.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace jangbu {

// The number that the text stands for, digit by digit, since a double has no place for those beyond
// 2^53. Nothing when the text is no number, the number is not whole, or it is beyond 64 bits.
// Complexity: linear, whatever the exponent.
std::optional<std::int64_t> parse_whole_number(std::string_view text);

}  // namespace jangbu
