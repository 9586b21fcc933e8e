// The program's log, for the people who run it. This interface hides the formatting library, which
// would make every file that logs a line take 3 s longer to compile.
//
//   log::warn("NATS is away: {}; trying again every {} s", why, 2);
//
// Threads: any. Strings are read before the call returns. Unless configured otherwise, messages of
// level info and above go to spdlog's default logger.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace jangbu::log {

enum class Level { debug, info, warning, error, critical };

using Argument = std::variant<std::string_view, std::int64_t, std::uint64_t, double>;

template <std::signed_integral T>
Argument argument(T number) {
  return std::int64_t{number};
}
template <std::unsigned_integral T>
Argument argument(T number) {
  return std::uint64_t{number};
}
inline Argument argument(double number) {
  return number;
}
inline Argument argument(std::string_view text) {
  return text;
}

// Fills the placeholders, {} or e.g. {:.2f} (https://fmt.dev/latest/syntax), in order.
void write(Level level, std::string_view format, std::initializer_list<Argument> arguments);

// A literal with one placeholder per argument, checked at compile time.
template <class... Arguments>
struct Format {
  std::string_view text;

  consteval Format(const char* literal) : text(literal) {
    std::size_t placeholders = 0;
    for (const char c : text) placeholders += c == '{' ? 1 : 0;
    if (placeholders != sizeof...(Arguments)) throw "placeholders and arguments differ in number";
  }
};
template <class... Arguments>
using FormatOf = Format<std::type_identity_t<Arguments>...>;

template <class... Arguments>
void debug(FormatOf<Arguments...> format, const Arguments&... arguments) {
  write(Level::debug, format.text, {argument(arguments)...});
}
template <class... Arguments>
void info(FormatOf<Arguments...> format, const Arguments&... arguments) {
  write(Level::info, format.text, {argument(arguments)...});
}
template <class... Arguments>
void warn(FormatOf<Arguments...> format, const Arguments&... arguments) {
  write(Level::warning, format.text, {argument(arguments)...});
}
template <class... Arguments>
void error(FormatOf<Arguments...> format, const Arguments&... arguments) {
  write(Level::error, format.text, {argument(arguments)...});
}
template <class... Arguments>
void critical(FormatOf<Arguments...> format, const Arguments&... arguments) {
  write(Level::critical, format.text, {argument(arguments)...});
}

}  // namespace jangbu::log
