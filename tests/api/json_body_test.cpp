// What is refused before a field is looked at, and where the answer says the trouble is.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "api/requests/body.hpp"
#include "tests/support/property.hpp"

using namespace jangbu;
using Any = nlohmann::json;

namespace {

// The problem that reading the text ends with; null when it is read.
Any problem_of(const std::string& text) {
  try {
    const Body body(text);
    return nullptr;
  } catch (const Problem& problem) {
    return Any::parse(http::Response(problem).body);
  }
}

std::string pointer_of(const std::string& text) {
  const Any problem = problem_of(text);
  CAPTURE(text, problem.dump());
  REQUIRE(problem.at("code") == "malformed-request");
  const auto pointer = problem.at("pointer").get<std::string>();
  CHECK(problem.at("detail").get<std::string>().ends_with(pointer));
  return pointer;
}

std::size_t byte_of(const std::string& text) {
  const Any problem = problem_of(text);
  CAPTURE(text, problem.dump());
  REQUIRE(problem.at("code") == "malformed-request");
  return problem.at("byte");
}

std::string nested(std::size_t levels) {
  std::string text;
  for (std::size_t i = 0; i < levels; ++i) text += "{\"a\":";
  text += "0";
  return text + std::string(levels, '}');
}

}  // namespace

TEST_CASE("a field that comes twice is pointed to") {
  CHECK(pointer_of(R"({"name":"a","name":"b"})") == "/name");
  CHECK(pointer_of(R"({"address":{"line":"a","zipCode":"b","line":"c"}})") == "/address/line");
  CHECK(pointer_of(R"({"lines":[{"product":"a"},[],{"product":"a","quantity":1,"quantity":1}]})") ==
        "/lines/2/quantity");
  CHECK(pointer_of(R"({"이름":1,"이름":1})") == "/이름");
  CHECK(pointer_of(R"({"name":1,"n\u0061me":1})") == "/name");
  CHECK(pointer_of(R"({"a/b~c":{"":0,"":0}})") == "/a~1b~0c/");
  CHECK(problem_of(R"({"a":{"name":1},"b":{"name":1},"name":[{"name":1},{"name":1}]})") == nullptr);
}

TEST_CASE("what is nested too deep is pointed to, however deep it is") {
  CHECK(problem_of(nested(16)) == nullptr);
  std::string deepest;
  for (int i = 0; i < 16; ++i) deepest += "/a";
  CHECK(pointer_of(nested(17)) == deepest);
  CHECK(pointer_of(nested(10'000)) == deepest);
  CHECK(pointer_of("{\"lines\":[1,2," + std::string(60'000, '[')).starts_with("/lines/2/0/0/0"));
}

TEST_CASE("a number that is too large is pointed to") {
  CHECK(pointer_of(R"({"name":"a","unitPrice":{"amount":1e999}})") == "/unitPrice/amount");
  CHECK(pointer_of(R"({"lines":[0,{"quantity":7},-1e400]})") == "/lines/2");
  CHECK(pointer_of("1e999").empty());
  // One that a double can hold is refused as what it is: no integer.
  Body body(R"({"stock":123456789012345678901234567890})");
  CHECK_THROWS_AS(body.integer("stock", 0, 10), Problem);
}

TEST_CASE("a whole number is whole however it is written") {
  const auto read = [](const std::string& number) {
    Body body("{\"amount\":" + number + "}");
    return body.integer("amount", -10'000'000'000'000'000, 10'000'000'000'000'000);
  };
  for (const char* number : {"39900", "39900.0", "3.99e4", "399E+2", "3990000e-2", "39900.000"})
    CHECK(read(number) == 39'900);
  CHECK(read("9007199254740993.0") == 9'007'199'254'740'993);
  CHECK(read("-0.0") == 0);
  CHECK(read("7." + std::string(60'000, '0')) == 7);
  for (const std::string number :
       {"39900.5", "0.1", "1e-1", "1e300", "1e17", "9007199254740992.5", "\"7\"", "true"}) {
    CAPTURE(number);
    CHECK_THROWS_AS(read(number), Problem);
  }
  CHECK_THROWS_AS(read("7" + std::string(60'000, '0')), Problem);
  CHECK_THROWS_AS(read("7." + std::string(60'000, '0') + "1"), Problem);
}

TEST_CASE("null is told from what is missing") {
  const auto detail = [](const std::string& text) {
    try {
      Body(text).name("name");
      return std::string();
    } catch (const Problem& problem) {
      return problem.detail;
    }
  };
  CHECK(detail(R"({"name":null})") == "name must not be null");
  CHECK(detail("{}") == "name is missing");
  Body body(R"({"email":null,"name":"a"})");
  CHECK(body.is_null("email"));
  CHECK_FALSE(body.is_null("name"));
  CHECK_FALSE(body.is_null("level"));
  CHECK_NOTHROW(body.no_more());
}

TEST_CASE("an answer tells only the beginning of a name that is very long") {
  const std::string longest(60'000, 'x');
  try {
    Body("{\"" + longest + "\":1}").no_more();
    FAIL("an unknown field was taken");
  } catch (const Problem& problem) {
    CHECK(http::Response(problem).body.size() < 1'000);
  }
  CHECK(pointer_of("{\"" + longest + "\":1,\"" + longest + "\":2}").size() < 200);
  // In the middle of a character it does not end.
  std::string hangul = "a";
  for (int i = 0; i < 100; ++i) hangul += "홍";
  CHECK(pointer_of("{\"" + hangul + "\":1,\"" + hangul + "\":2}").ends_with("홍…"));
}

TEST_CASE("a number may have a fraction, and bounds") {
  Body body(R"({"share":0.25,"all":1,"more":1.01,"less":-1,"word":"0.5","none":null})");
  CHECK(body.number("share", 0, 1) == 0.25);
  CHECK(body.number("all", 0, 1) == 1);
  for (const char* field : {"more", "less", "word", "none", "absent"}) {
    CAPTURE(field);
    CHECK_THROWS_AS(body.number(field, 0, 1), Problem);
  }
}

TEST_CASE("what is no JSON is pointed to by its byte") {
  CHECK(byte_of("") == 1);
  CHECK(byte_of("{") == 2);
  CHECK(byte_of(R"({"name":'a'})") == 9);
  CHECK(byte_of(R"({"name":"a"} x)") == 14);
  CHECK(byte_of(R"({"name":"a",})") == 13);
  CHECK(byte_of(R"({"name":"\ud800"})") == 16);         // a lone surrogate, known by what follows
  CHECK(byte_of(R"({"name":"\udc00"})") == 15);         // the second half alone
  CHECK(byte_of(R"({"name":"\ud800\u0041"})") == 21);   // and no second half
  CHECK(byte_of("{\"name\":\"\xff\"}") == 10);          // not UTF-8
  CHECK(byte_of("{\"name\":\"\xed\xa0\x80\"}") == 11);  // a surrogate in UTF-8
  CHECK(byte_of("{\"name\":\"\xc0\x80\"}") == 10);      // an overlong form
  CHECK(byte_of("{\"name\":\"a\nb\"}") == 11);          // a control character
  CHECK(byte_of("{\"name\":01}") == 10);
  CHECK(byte_of("{\"name\":NaN}") == 9);
  CHECK(byte_of("{/**/}") == 2);
}

TEST_CASE("a body that is no object has no place to point to") {
  for (const char* text : {"[]", "null", "7", "\"name\"", "[{}]"})
    CHECK(problem_of(text).at("code") == "malformed-request");
}

TEST_CASE("any bytes are read or refused, and what is read is what was sent") {
  jangbu::test::property("no bytes get through it", [](const std::string& bytes) {
    for (const std::string& text : {bytes, "{\"name\":\"" + bytes + "\"}"}) {
      const Any problem = problem_of(text);
      RC_ASSERT((problem.is_null() || problem.at("status") == 400));
    }
  });
  jangbu::test::property("text comes through it", [](const std::string& bytes) {
    std::string text;
    for (const char c : bytes) text += static_cast<char>(c & 0x7f);
    Body body(Any{{"a/b", {{"text", text}}}}.dump());
    RC_ASSERT(body.object("a/b").token("text") == text);
  });
}
