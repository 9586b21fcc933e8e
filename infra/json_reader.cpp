#include "infra/json_reader.hpp"

#include <algorithm>
#include <charconv>

#include "events/errors.hpp"

namespace jangbu {

void JsonReader::fail() {
  throw Corrupt("a JSON text is not what was written");
}

// Whether this is next; if so, it is taken.
bool JsonReader::found(char c) {
  if (!rest_.starts_with(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

void JsonReader::expect(char c) {
  if (!found(c)) fail();
}

void JsonReader::read(std::int64_t& number) {
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
  if (error != std::errc{}) fail();
  rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
}

void JsonReader::read(std::string_view& string) {
  expect('"');
  const std::size_t size = rest_.find('"');
  if (size == rest_.npos) fail();
  string = rest_.substr(0, size);
  if (string.find('\\') != string.npos) fail();
  rest_.remove_prefix(size + 1);
}

void JsonReader::read(std::string& string) {
  expect('"');
  string.clear();
  for (;;) {
    const auto end = std::ranges::find_if(rest_, [](char c) { return c == '"' || c == '\\'; });
    if (end == rest_.end()) fail();
    string.append(rest_.begin(), end);
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.begin()));
    if (found('"')) return;
    append_escaped(string);
  }
}

// RFC 8259, section 7.
void JsonReader::append_escaped(std::string& string) {
  constexpr std::string_view letters = "\"\\/bfnrt", characters = "\"\\/\b\f\n\r\t";
  if (rest_.size() < 2) fail();
  if (const auto at = letters.find(rest_[1]); at != letters.npos) {
    string += characters[at];
    rest_.remove_prefix(2);
    return;
  }
  unsigned character = 0;
  const std::string_view digits = rest_.substr(0, 6).substr(2);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), character, 16);
  if (rest_[1] != 'u' || digits.size() != 4 || error != std::errc{} ||
      end != digits.data() + digits.size() || character >= 0x80)
    fail();
  string += static_cast<char>(character);
  rest_.remove_prefix(6);
}

}  // namespace jangbu
