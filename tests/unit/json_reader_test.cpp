#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>
#include <vector>

#include "events/errors.hpp"
#include "infra/json.hpp"
#include "infra/json_reader.hpp"
#include "tests/support/property.hpp"

using jangbu::Corrupt;
using jangbu::Json;
using jangbu::JsonReader;

namespace {

struct Item {
  std::string name;
  std::int64_t quantity = 0;

  friend bool operator==(const Item&, const Item&) = default;
};

std::vector<Item> read_items(const std::string& text) {
  std::vector<Item> items;
  JsonReader reader(text);
  reader.array([&] {
    Item& item = items.emplace_back();
    reader.object("name", item.name, "quantity", item.quantity);
  });
  return items;
}

std::string read_string(const std::string& text) {
  std::string string;
  JsonReader(text).read(string);
  return string;
}

}  // namespace

TEST_CASE("JSON is read into its place, with fields in any order and blanks between") {
  CHECK(read_items("[]").empty());
  CHECK(read_items(R"([{"name":"홍길동","quantity":2}])") == std::vector<Item>{{"홍길동", 2}});
  CHECK(read_items(R"([{"quantity": -7, "name": ""}, {"name": "a: \"b\"", "quantity": 0}])") ==
        std::vector<Item>{{"", -7}, {"a: \"b\"", 0}});
}

TEST_CASE("every kind of text is read as it was written") {
  std::string control;
  for (char c = 1; c < 0x20; ++c) control += c;
  for (const std::string& text :
       {std::string(), control, std::string("\x7f \"\\/ {NULL,\\\\}\ttab '"),
        std::string("Zoë 田中 さくら 🍣 \u2028\u2029\ufeff"), std::string("\\u0041 \\n \\\\")})
    CHECK(read_string(Json(text).text()) == text);
  CHECK(read_string(R"("\u0041\/\u001F\u001f")") == "A/\x1f\x1f");
}

TEST_CASE("numbers to the last digit") {
  for (const std::int64_t number : {std::numeric_limits<std::int64_t>::min(), std::int64_t{0},
                                    std::numeric_limits<std::int64_t>::max()})
    CHECK(read_items(Json::raw(R"([{"name":"","quantity":)" + std::to_string(number) + "}]").text())
              .at(0)
              .quantity == number);
}

TEST_CASE("whatever strings and numbers: what was written is read") {
  jangbu::test::property("items",
                         [](const std::vector<std::pair<std::string, std::int64_t>>& pairs) {
                           Json json = Json::array();
                           std::vector<Item> items;
                           for (auto [name, quantity] : pairs) {
                             for (char& c : name)
                               c = static_cast<char>(c & 0x7f);  // ASCII is valid UTF-8
                             json.push_back(Json{{"name", name}, {"quantity", quantity}});
                             items.push_back({name, quantity});
                           }
                           RC_ASSERT(read_items(json.text()) == items);
                         });
}

TEST_CASE("what is not as it was written is corrupt") {
  for (const char* text : {"",
                           "{}",
                           "[",
                           "[1]",
                           "[{}]",
                           R"([{"name":"a"}])",
                           R"([{"name":"a","quantity":1})",
                           R"([{"name":"a","quantity":1}{)",
                           R"([{"name":"a","quantity":1,"name":"b"}])",
                           R"([{"name":"a","quantity":1,"other":2}])",
                           R"([{"name":1,"quantity":1}])",
                           R"([{"name":"a","quantity":"1"}])",
                           R"([{"name":"a","quantity":1.5}])",
                           R"([{"name":"a","quantity":99999999999999999999}])",
                           R"([{"name":null,"quantity":1}])",
                           R"([{"name":"a)",
                           R"([{"name":"a\)",
                           R"([{"name":"\x","quantity":1}])",
                           R"([{"name":"\u00","quantity":1}])",
                           R"([{"name":"\u00)",
                           R"([{"name":"\uac00","quantity":1}])",
                           R"([{"na\u006de":"a","quantity":1}])"})
    CHECK_THROWS_AS(read_items(text), Corrupt);
}
