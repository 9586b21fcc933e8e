// How the lines of our own log look.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace jangbu {

// Of spdlog's pattern, where %v is the message with everything in it visible: messages quote what
// servers and clients said, and are read on terminals, a line each.
std::unique_ptr<spdlog::formatter> log_format(std::string pattern);

// What every program writes that is no tool: time, level, message.
inline constexpr const char* log_pattern = "[%Y-%m-%d %H:%M:%S.%e] [%^%l%$] %v";

}  // namespace jangbu
