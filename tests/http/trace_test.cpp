// Which ids of requests and traces are taken over.
#include "api/http/trace.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace jangbu::http;

namespace {

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string parent = "00f067aa0ba902b7";

}  // namespace

TEST_CASE("a valid traceparent is taken over") {
  for (const std::string flags : {"00", "01", "ff"}) {
    const std::string text = "00-" + trace + "-" + parent + "-" + flags;
    CHECK(parse_traceparent(text) == text);
  }
}

// W3C Trace Context, section 3.2.4: what is known is read, and written as version 00.
TEST_CASE("of a later version's traceparent what is known is taken over") {
  const std::string known = "-" + trace + "-" + parent + "-";
  CHECK(parse_traceparent("01" + known + "01") == "00" + known + "01");
  CHECK(parse_traceparent("fe" + known + "0a") == "00" + known + "00");
  CHECK(parse_traceparent("cc" + known + "03-and-more") == "00" + known + "01");
  CHECK_FALSE(parse_traceparent("cc" + known + "03and-more"));
}

TEST_CASE("a traceparent that is not valid is as none") {
  const std::string text = GENERATE(
      as<std::string>{}, "", "00", "00-" + trace + "-" + parent,
      "00-" + trace + "-" + parent + "-0", "00-" + trace + "-" + parent + "-01-more",
      "00-" + trace + "-" + parent + "-01-", "00-" + trace + "-" + parent + "-0G",
      "00-" + trace + "-" + parent + "-0A", "ff-" + trace + "-" + parent + "-01",
      "0-" + trace + "-" + parent + "-01 ", "00-" + std::string(32, '0') + "-" + parent + "-01",
      "00-" + trace + "-" + std::string(16, '0') + "-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01", "00_" + trace + "-" + parent + "-01",
      "00-" + trace + "_" + parent + "-01", "00-" + trace + "-" + parent + "_01",
      "zz-" + trace + "-" + parent + "-01");
  CAPTURE(text);
  CHECK_FALSE(parse_traceparent(text));
}

TEST_CASE("a request id is 1 to 128 visible ASCII characters") {
  CHECK(is_request_id("a"));
  CHECK(is_request_id("!~\"\\"));
  CHECK(is_request_id(std::string(128, 'x')));
  CHECK_FALSE(is_request_id(""));
  CHECK_FALSE(is_request_id(std::string(129, 'x')));
  CHECK_FALSE(is_request_id("two words"));
  CHECK_FALSE(is_request_id("홍길동"));
  CHECK_FALSE(is_request_id("tab\t"));
}
