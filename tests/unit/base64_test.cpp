#include "infra/base64.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>

#include "tests/support/property.hpp"

namespace jangbu::test {

TEST_CASE("bytes come back from their base64") {
  property("whatever they are",
           [](const std::string& bytes) { RC_ASSERT(from_base64(to_base64(bytes)) == bytes); });
  // RFC 4648, section 10
  CHECK(to_base64("").empty());
  CHECK(to_base64("f") == "Zg==");
  CHECK(to_base64("fo") == "Zm8=");
  CHECK(to_base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("what is not base64 is refused") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg!=", "Zm9v*mFy", "Zg==\n   ",
                           "    Zg==", "Z===", "====", "Zg==Zg=="}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text));
  }
}

TEST_CASE("bytes come back from their base64 for URLs") {
  property("whatever they are", [](const std::string& bytes) {
    const std::string text = to_base64url(bytes);
    RC_ASSERT(text.find_first_of("+/=") == text.npos);
    RC_ASSERT(from_base64url(text) == bytes);
  });
  CHECK(to_base64url("f") == "Zg");
  CHECK(to_base64url("\xfb\xff") == "-_8");
}

TEST_CASE("what is not base64 for URLs is refused") {
  for (const char* text :
       {"Z", "Zg==", "Zm9vY", "Zm9v+mFy", "Zm9v/mFy", " Zg", "Zg\n", "Zh", "Zm9"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64url(text));
  }
}

TEST_CASE("bytes as hexadecimal digits") {
  CHECK(to_hex(std::array<std::uint8_t, 4>{0x00, 0x0f, 0xa9, 0xff}) == "000fa9ff");
}

}  // namespace jangbu::test
