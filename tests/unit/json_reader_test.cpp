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
    reader.tuple(item.name, item.quantity);
  });
  return items;
}

std::string read_string(const std::string& text) {
  std::string string;
  JsonReader(text).read(string);
  return string;
}

}  // namespace

TEST_CASE("JSON is read into its place") {
  CHECK(read_items("[]").empty());
  CHECK(read_items(R"([["홍길동",2]])") == std::vector<Item>{{"홍길동", 2}});
  CHECK(read_items(R"([["",-7],["a: \"b\"",0]])") == std::vector<Item>{{"", -7}, {"a: \"b\"", 0}});
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
    CHECK(read_items("[[\"\"," + std::to_string(number) + "]]").at(0).quantity == number);
}

TEST_CASE("whatever strings and numbers: what was written is read") {
  jangbu::test::property("items",
                         [](const std::vector<std::pair<std::string, std::int64_t>>& pairs) {
                           Json json = Json::array();
                           std::vector<Item> items;
                           for (auto [name, quantity] : pairs) {
                             for (char& c : name)
                               c = static_cast<char>(c & 0x7f);  // ASCII is valid UTF-8
                             Json item = Json::array();
                             item.push_back(name);
                             item.push_back(quantity);
                             json.push_back(item);
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
                           "[[]]",
                           R"([["a"]])",
                           R"([["a",1])",
                           R"([["a",1][)",
                           R"([["a",1,2]])",
                           R"([["a", 1]])",
                           R"([[1,1]])",
                           R"([["a","1"]])",
                           R"([["a",1.5]])",
                           R"([["a",99999999999999999999]])",
                           R"([[null,1]])",
                           R"([["a)",
                           R"([["a\)",
                           R"([["\x",1]])",
                           R"([["\u00",1]])",
                           R"([["\u00)",
                           R"([["\uac00",1]])"})
    CHECK_THROWS_AS(read_items(text), Corrupt);
}
