#include "api/telemetry/log_format.hpp"

#include <spdlog/pattern_formatter.h>

#include <string_view>
#include <utility>

#include "infra/text.hpp"

namespace jangbu {

namespace {

class VisibleMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const std::string text = visible({message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<VisibleMessage>();
  }
};

}  // namespace

std::unique_ptr<spdlog::formatter> log_format(std::string pattern) {
  auto format = std::make_unique<spdlog::pattern_formatter>();
  format->add_flag<VisibleMessage>('v').set_pattern(std::move(pattern));
  return format;
}

}  // namespace jangbu
