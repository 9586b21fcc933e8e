#include "infra/log.hpp"

#include <fmt/args.h>
#include <spdlog/spdlog.h>

namespace jangbu::log {

namespace {

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::critical:
      return spdlog::level::critical;
  }
  return spdlog::level::off;
}

}  // namespace

void write(Level level, std::string_view format, std::initializer_list<Argument> arguments) {
  if (!spdlog::should_log(level_of(level))) return;
  fmt::dynamic_format_arg_store<fmt::format_context> values;
  for (const Argument& argument : arguments)
    std::visit([&](auto value) { values.push_back(value); }, argument);
  spdlog::log(level_of(level),
              fmt::string_view(fmt::vformat({format.data(), format.size()}, values)));
}

}  // namespace jangbu::log
