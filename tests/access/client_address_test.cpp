// Which address a request counts for: no client chooses it.
#include "api/access/client_address.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

using namespace jangbu;
using namespace jangbu::access;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using http::parse_ip_address;

namespace {

http::IpAddress address(const std::string& text) {
  const auto parsed = parse_ip_address(text);
  REQUIRE(parsed);
  return *parsed;
}

TrustedProxies proxies(std::initializer_list<const char*> networks) {
  TrustedProxies all;
  for (const char* network : networks) all.emplace_back(network);
  return all;
}

// As the text of an address; `forwarded`: the fields in the order received.
std::string client(const std::string& peer, const std::vector<std::string>& forwarded,
                   const TrustedProxies& trusted) {
  http::Request request;
  request.peer = address(peer);
  request.headers.add("Host", "localhost");
  for (const std::string& field : forwarded) request.headers.add("x-forwarded-For", field);
  return to_string(client_address(request, trusted));
}

bool contains(const char* network, const std::string& text) {
  return Network(network).contains(address(text));
}

}  // namespace

TEST_CASE("an address has one form, however it is written") {
  CHECK(address("192.0.2.1") == address("::ffff:192.0.2.1"));
  CHECK(address("192.0.2.1").is_v4());
  CHECK(to_string(address("::ffff:c000:0201")) == "192.0.2.1");
  CHECK(to_string(address("2001:DB8:0:0::1")) == "2001:db8::1");
  CHECK_FALSE(address("::1").is_v4());
  for (const std::string& wrong :
       {std::string(), std::string("192.0.2"), std::string("192.0.2.256"),
        std::string("192.0.2.01"), std::string("1::2::3"), std::string("fe80::1%eth0"),
        std::string("[::1]"), std::string("localhost"), std::string(" ::1"),
        std::string("127.0.0.1\0x", 11)})
    CHECK_FALSE(parse_ip_address(wrong));
}

TEST_CASE("a network contains the addresses with its prefix, of its own family alone") {
  CHECK(contains("10.1.0.0/16", "10.1.255.1"));
  CHECK_FALSE(contains("10.1.0.0/16", "10.2.0.1"));
  CHECK(contains("10.0.0.128/25", "10.0.0.200"));
  CHECK_FALSE(contains("10.0.0.128/25", "10.0.0.127"));
  CHECK(contains("192.0.2.7", "192.0.2.7"));
  CHECK_FALSE(contains("192.0.2.7", "192.0.2.6"));
  CHECK(contains("192.0.2.7/32", "::ffff:192.0.2.7"));
  CHECK(contains("::ffff:10.0.0.0/104", "10.9.9.9"));
  CHECK(contains("0.0.0.0/0", "203.0.113.1"));
  CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK_FALSE(contains("::/0", "203.0.113.1"));
}

TEST_CASE("a network that is not written as one is refused") {
  for (const char* wrong :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8 ", "10/8",
        "2001:db8::/129", "::ffff:10.0.0.0/129", "[::1]/128", "proxy.example", "10.0.0.0/8/8"})
    CHECK_THROWS_AS(Network(wrong), std::runtime_error);
  CHECK_THROWS_MATCHES(Network("10.0.0.1/8"), std::runtime_error,
                       MessageMatches(ContainsSubstring("Say 10.0.0.0/8")));
}

TEST_CASE("nobody but a trusted proxy says who asked it") {
  const TrustedProxies trusted = proxies({"10.0.0.0/8", "2001:db8:ffff::/48"});
  CHECK(client("203.0.113.1", {"198.51.100.1"}, {}) == "203.0.113.1");
  CHECK(client("203.0.113.1", {"198.51.100.1"}, trusted) == "203.0.113.1");
  CHECK(client("10.0.0.1", {"198.51.100.1"}, trusted) == "198.51.100.1");
  CHECK(client("::ffff:10.0.0.1", {"198.51.100.1"}, trusted) == "198.51.100.1");
  CHECK(client("10.0.0.1", {}, trusted) == "10.0.0.1");
}

TEST_CASE("of those that proxies name, the last that none of them is counts") {
  const TrustedProxies trusted = proxies({"10.0.0.0/8", "2001:db8:ffff::/48"});
  // What stands to the left of it may be the client's own invention.
  CHECK(client("10.0.0.1", {"192.0.2.66, 198.51.100.1"}, trusted) == "198.51.100.1");
  CHECK(client("10.0.0.1", {"192.0.2.66, 198.51.100.1 ,\t10.0.0.2"}, trusted) == "198.51.100.1");
  CHECK(client("10.0.0.1", {"nonsense,198.51.100.1,10.0.0.2"}, trusted) == "198.51.100.1");
  CHECK(client("10.0.0.1", {"192.0.2.66", "198.51.100.1", "2001:db8:ffff::1"}, trusted) ==
        "198.51.100.1");
  CHECK(client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}, trusted) == "10.0.0.3");
  for (const char* with_port :
       {"198.51.100.1:443", "198.51.100.1", "::ffff:198.51.100.1", "[::ffff:198.51.100.1]:1"})
    CHECK(client("10.0.0.1", {with_port}, trusted) == "198.51.100.1");
  CHECK(client("10.0.0.1", {"[2001:db8:1:2::3]:443"}, trusted) == "2001:db8:1:2::");
  CHECK(client("10.0.0.1", {"[2001:db8:1:2::3]"}, trusted) == "2001:db8:1:2::");
}

TEST_CASE("what is no address counts for the proxy that said it") {
  const TrustedProxies trusted = proxies({"10.0.0.0/8"});
  for (const char* garbage :
       {"", " ", "unknown", "_hidden", "198.51.100.1,", "198.51.100.1, ,",
        "198.51.100.1:", "198.51.100.1:x", "198.51.100.1:123456", "[198.51.100.1]", "[::1",
        "[::1]x", "::1%lo", "\"198.51.100.1\"", "for=198.51.100.1", "198.51.100.1 192.0.2.1"})
    CHECK(client("10.0.0.1", {garbage}, trusted) == "10.0.0.1");
  CHECK(client("10.0.0.1", {"198.51.100.1, unknown, 10.0.0.2"}, trusted) == "10.0.0.2");
}

TEST_CASE("an IPv6 client counts as its network, since it has all addresses there") {
  CHECK(client("2001:db8:1:2:3:4:5:6", {}, {}) == "2001:db8:1:2::");
  CHECK(client("2001:db8:1:2::9", {}, {}) == "2001:db8:1:2::");
  CHECK(client("2001:db8:1:3::9", {}, {}) == "2001:db8:1:3::");
}
