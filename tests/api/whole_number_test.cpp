#include "api/requests/whole_number.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace jangbu;

TEST_CASE("a whole number may be written with a fraction of nothing, or an exponent") {
  const std::pair<const char*, std::int64_t> numbers[] = {
      {"0", 0},
      {"-0", 0},
      {"-0.0", 0},
      {"0e999999999999999999999", 0},
      {"2", 2},
      {"2.0", 2},
      {"-2.000", -2},
      {"1e3", 1'000},
      {"1E+3", 1'000},
      {"39900.0", 39'900},
      {"3.99e4", 39'900},
      {"3990000e-2", 39'900},
      {"0.00039900e8", 39'900},
      {"9007199254740993.0", 9'007'199'254'740'993},  // no double is that
      {"9007199254740993", 9'007'199'254'740'993},
      {"10000000000000.0", 10'000'000'000'000},
      {"9223372036854775807.0", INT64_MAX},
      {"-9223372036854775808.0", INT64_MIN},
  };
  for (const auto& [text, number] : numbers) {
    CAPTURE(text);
    CHECK(parse_whole_number(text) == number);
  }
}

TEST_CASE("what is not whole, not a number or too large is no whole number") {
  for (const char* text : {"39900.5",
                           "0.1",
                           "1e-1",
                           "9007199254740992.5",
                           "1e-999999999999999999999",
                           "1e19",
                           "9223372036854775808",
                           "9223372036854775807.5",
                           "-9223372036854775809",
                           "1e400",
                           "1e999999999999999999999",
                           "",
                           "-",
                           "+1",
                           ".5",
                           "1.",
                           "1e",
                           "1e+",
                           "0x10",
                           "1 ",
                           " 1",
                           "1.0.0",
                           "1e1e1",
                           "one",
                           "NaN",
                           "Infinity"}) {
    CAPTURE(text);
    CHECK(parse_whole_number(text) == std::nullopt);
  }
}

TEST_CASE("a number of very many digits is read, too") {
  const std::string zeros(60'000, '0');
  CHECK(parse_whole_number("7." + zeros) == 7);
  CHECK(parse_whole_number("7" + zeros + "e-60000") == 7);
  CHECK(parse_whole_number("0." + zeros + "7e60001") == 7);
  CHECK(parse_whole_number("7." + zeros + "1") == std::nullopt);
  CHECK(parse_whole_number("7" + zeros) == std::nullopt);
}
