#include "api/telemetry/log_format.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <sstream>

TEST_CASE("A line of the log is one line, and steers no terminal") {
  std::ostringstream lines;
  spdlog::logger logger("", std::make_shared<spdlog::sinks::ostream_sink_st>(lines));
  logger.set_formatter(jangbu::log_format("%l: %v"));
  logger.warn("NATS says: {}", "\x1b[2Jno\n[info] all is well \u202Elive");
  CHECK(lines.str() == "warning: NATS says: \\u001b[2Jno\\n[info] all is well \\u202elive\n");
}
