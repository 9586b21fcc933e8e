#include "infra/json_tree.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace jangbu::test {

TEST_CASE("JSON of strangers is read if it can mean one thing only") {
  const auto read = [](std::string_view text) { return parse_json_strictly(text, 3); };
  CHECK(read(R"( {"a": [1, -2, 0.5, "한", true, null], "b": {"a": {}}} )") ==
        nlohmann::json::parse(R"({"a": [1, -2, 0.5, "한", true, null], "b": {"a": {}}})"));
  CHECK(read("17") == 17);
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {R"({"a": 1, "a": 1})"sv, R"({"b": {"a": 1, "\u0061": 2}})"sv, R"([[[[]]]])"sv,
        R"({"a": {"a": {"a": {}}}})"sv, "\xEF\xBB\xBF{}"sv, "{}\0"sv, "{}\0{"sv, "\0"sv, ""sv,
        "{} {}"sv, "{'a': 1}"sv, "{\"a\": 1,}"sv, "// no\n{}"sv, "NaN"sv, "01"sv, "1e999"sv,
        "\"\x80\""sv, R"("\ud800")"sv, "\"\n\""sv}) {
    CAPTURE(text);
    CHECK(read(text).is_discarded());
  }
}

}  // namespace jangbu::test
