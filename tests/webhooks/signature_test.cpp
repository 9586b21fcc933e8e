#include "api/webhooks/signature.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace jangbu::webhook {
namespace {

const char* const one = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const char* const other = "whsec_////////////////////////////////";

}  // namespace

// Computed with Python: base64.b64encode(hmac.new(key, b"17.0.1772614921." + body,
// "sha256").digest())
TEST_CASE("a message is signed as Standard Webhooks says") {
  const std::string body = R"({"specversion":"1.0","id":"17.0"})";
  const std::string by_one = "v1,utRCzXDYdnzgfhHU2FMiZkWCPVsU9rABr1Ms4VsC0zY=";
  const std::string by_other = "v1,FT69cLiJJP7+vxz74lCkDXP1Myk9/5vZ179myEjorOs=";
  const auto secret = parse_secret(one), second = parse_secret(other);
  REQUIRE((secret && second));
  CHECK(sign({*secret}, "17.0", 1772614921, body) == by_one);
  CHECK(sign({*secret, *second}, "17.0", 1772614921, body) == by_one + " " + by_other);
}

TEST_CASE("a secret is whsec_ and base64 of 24 to 64 bytes") {
  CHECK(parse_secret(one).value().size() == 32);
  CHECK(parse_secret(other).value().size() == shortest_secret);
  CHECK(parse_secret("whsec_" + std::string(84, 'A') + "AA==").value().size() == longest_secret);
  const std::string bytes = std::string(one).substr(6);
  for (const std::string& wrong :
       {std::string(), std::string("whsec_"), bytes, "WHSEC_" + bytes, "whsec_" + bytes + "\n",
        "whsec_" + std::string(28, 'A') + "AA==", "whsec_" + std::string(84, 'A') + "AAA=",
        "whsec_" + std::string(32, '_')}) {
    INFO(wrong);
    CHECK_FALSE(parse_secret(wrong));
  }
}

}  // namespace jangbu::webhook
