#include "api/http/uri.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace jangbu::http;

using Segments = std::vector<std::string>;

TEST_CASE("percent-encoding is undone") {
  CHECK(percent_decode("%ED%99%8D%EA%B8%B8%EB%8F%99", false) == "홍길동");
  CHECK(percent_decode("홍길동", false) == "홍길동");
  CHECK(percent_decode("a%20b+c", false) == "a b+c");
  CHECK(percent_decode("a%20b+c%2B", true) == "a b c+");
  CHECK(percent_decode("%2f%2F", false) == "//");
  CHECK(percent_decode("", false) == "");
}

TEST_CASE("what cannot be decoded is refused") {
  for (const std::string text : {"%", "%4", "%G1", "%1G", "a%", "%%41", "%u0041"}) {
    INFO(text);
    CHECK_FALSE(percent_decode(text, false));
  }
  CHECK_FALSE(percent_decode("%00", false));
  CHECK_FALSE(percent_decode("%ff", false));
  CHECK_FALSE(percent_decode("%ed%99", false));        // cut short
  CHECK_FALSE(percent_decode("%c0%af", false));        // overlong
  CHECK_FALSE(percent_decode("%ed%a0%80", false));     // a surrogate
  CHECK_FALSE(percent_decode("%f4%90%80%80", false));  // beyond U+10FFFF
}

TEST_CASE("paths are split first and decoded then") {
  CHECK(path_segments("/") == Segments{});
  CHECK(path_segments("/a/b") == Segments{"a", "b"});
  CHECK(path_segments("/a/") == Segments{"a", ""});
  CHECK(path_segments("//") == Segments{"", ""});
  CHECK(path_segments("/a%2Fb/%2e%2E") == Segments{"a/b", ".."});
  CHECK_FALSE(path_segments("/a/%zz"));
}

TEST_CASE("queries keep order and repetitions") {
  CHECK(query_pairs("") == Query{});
  CHECK(
      query_pairs("a=1&b=%ED%99%8D+x&a=2&c&=d&&e=f=g&x%26y=%3D") ==
      Query{
          {"a", "1"}, {"b", "홍 x"}, {"a", "2"}, {"c", ""}, {"", "d"}, {"e", "f=g"}, {"x&y", "="}});
  CHECK_FALSE(query_pairs("a=%"));
  CHECK_FALSE(query_pairs("%=a"));
}
