#include "infra/base64.hpp"

#include <catch2/catch_test_macros.hpp>

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
  for (const char* text : {"Z", "Zg", "Zg=", "Zg!=", "Zm9v*mFy"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text));
  }
}

}  // namespace jangbu::test
