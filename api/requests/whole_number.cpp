#include "api/requests/whole_number.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace jangbu {

namespace {

constexpr std::int64_t most_digits = 19;  // of 2^63

// Larger than the digits of any text here could make up for, and far from an overflow.
constexpr std::int64_t largest_exponent = 1'000'000'000'000;

// Takes the digits that the text begins with.
std::string_view take_digits(std::string_view& text) {
  const std::string_view digits =
      text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  text.remove_prefix(digits.size());
  return digits;
}

bool take_any(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text.front()) == characters.npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_whole_number(std::string_view text) {
  const bool negative = take_any(text, "-");
  std::string digits(take_digits(text));
  if (digits.empty()) return std::nullopt;
  std::int64_t exponent = 0;  // of the last digit
  if (take_any(text, ".")) {
    const std::string_view fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
    digits += fraction;
    exponent = -static_cast<std::int64_t>(fraction.size());
  }
  if (take_any(text, "eE")) {
    const bool down = take_any(text, "-");
    if (!down) take_any(text, "+");
    const std::string_view power = take_digits(text);
    if (power.empty()) return std::nullopt;
    std::int64_t by = 0;
    if (std::from_chars(power.data(), power.data() + power.size(), by).ec != std::errc())
      by = largest_exponent;
    by = std::min(by, largest_exponent);
    exponent += down ? -by : by;
  }
  if (!text.empty()) return std::nullopt;

  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return 0;
  const std::size_t significant = digits.find_last_not_of('0') + 1;
  exponent += static_cast<std::int64_t>(digits.size() - significant);
  digits.resize(significant);
  if (exponent < 0 || exponent > most_digits) return std::nullopt;
  digits.append(static_cast<std::size_t>(exponent), '0');
  if (negative) digits.insert(0, 1, '-');
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

}  // namespace jangbu
