#include "infra/log.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <sstream>
#include <string>

namespace jangbu::test {

TEST_CASE("a message of the log has its arguments in place, and its level") {
  std::ostringstream lines;
  const auto others = spdlog::default_logger();
  const auto logger =
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_st>(lines));
  logger->set_pattern("%l: %v");
  spdlog::set_default_logger(logger);

  log::info("nothing to fill in");
  log::warn("{} of {} in {:.2f} s, {}", -1, std::size_t{2}, 0.125, std::string("{} and {1}"));
  log::debug("not asked for: {}", "text");
  logger->set_level(spdlog::level::debug);
  log::debug("asked for: {}", "text");
  log::error("{}", 'c' - 'a');
  log::critical("the end");
  spdlog::set_default_logger(others);

  CHECK(lines.str() ==
        "info: nothing to fill in\n"
        "warning: -1 of 2 in 0.12 s, {} and {1}\n"
        "debug: asked for: text\n"
        "error: 2\n"
        "critical: the end\n");
}

}  // namespace jangbu::test
