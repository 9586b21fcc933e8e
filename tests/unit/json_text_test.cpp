#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "infra/json.hpp"
#include "tests/support/property.hpp"

using jangbu::Json;
using Any = nlohmann::json;

namespace {

Any read(const Json& json) {
  return Any::parse(json.text());
}

}  // namespace

TEST_CASE("JSON text says what it was made of") {
  CHECK(Json().text() == "null");
  CHECK(Json(true).text() == "true");
  CHECK(Json(std::numeric_limits<std::int64_t>::min()).text() == "-9223372036854775808");
  CHECK(Json::object().text() == "{}");
  CHECK(Json::array().text() == "[]");
  CHECK(Json("홍길동").text() == "\"홍길동\"");

  Json lines = Json::array();
  lines.push_back(Json{{"product", "한지 \"노트\"\\\n"}, {"quantity", 2}});
  lines.push_back(nullptr);
  Json purchase{{"id", 7}, {"lines", lines}};
  purchase.add("total", Json{{"amount", 12'900}, {"currency", std::string("KRW")}});
  purchase.add_all(Json::object());
  purchase.add_all(Json{{"quoted", false}});
  CHECK(read(purchase) ==
        Any{{"id", 7},
            {"lines", {{{"product", "한지 \"노트\"\\\n"}, {"quantity", 2}}, nullptr}},
            {"total", {{"amount", 12'900}, {"currency", "KRW"}}},
            {"quoted", false}});
}

TEST_CASE("any ASCII string is read as it was written") {
  jangbu::test::property("whatever it holds", [](const std::string& bytes) {
    std::string text;
    for (const char c : bytes) text += static_cast<char>(c & 0x7f);
    RC_ASSERT(read(Json(text)) == Any(text));
    RC_ASSERT(read(Json{{"name", text}}) == Any({{"name", text}}));
  });
}

// Some of it is stored as text.
TEST_CASE("a string is escaped as it always was") {
  const std::string all = "\b\f\n\r\t\x01\x1f\x7f\"\\/ 홍길동 😀";
  CHECK(Json(all).text() == R"("\b\f\n\r\t\u0001\u001f)"
                            "\x7f"
                            R"(\"\\/ 홍길동 😀")");
  CHECK(Json(all).text() == Any(all).dump());
}

TEST_CASE("what is not UTF-8 is written as a replacement") {
  CHECK(read(Json("caf\xe9")) == Any("caf\xef\xbf\xbd"));
}
