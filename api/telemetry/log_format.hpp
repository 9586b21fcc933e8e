// The format of the process's own log.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace jangbu {

// A formatter for an spdlog pattern, in which %v is the message with control characters made
// visible: messages quote what servers and clients sent, and are read on terminals, one per line.
std::unique_ptr<spdlog::formatter> log_format(std::string pattern);

// For every program that is not a tool: time, level, message.
inline constexpr const char* log_pattern = "[%Y-%m-%d %H:%M:%S.%e] [%^%l%$] %v";

}  // namespace jangbu
