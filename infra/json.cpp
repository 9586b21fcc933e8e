#include "infra/json.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <type_traits>

namespace jangbu {

namespace {

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 &&
         c != '"' && c != '\\';
}

// RFC 8259, section 7.
void append_escaped(std::string& text, char c) {
  constexpr std::string_view special = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  constexpr std::string_view digits = "0123456789abcdef";
  text += '\\';
  if (const auto at = special.find(c); at != special.npos) {
    text += letters[at];
  } else {
    text.append("u00") += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
}

void append_string(std::string& text, std::string_view string) {
  text += '"';
  for (;;) {
    const auto plain =
        static_cast<std::size_t>(std::ranges::find_if_not(string, is_plain) - string.begin());
    text += string.substr(0, plain);
    string.remove_prefix(plain);
    if (string.empty()) break;
    std::size_t size = 1;
    utf8proc_int32_t character = 0;
    if (static_cast<unsigned char>(string.front()) < 0x80) {
      append_escaped(text, string.front());
    } else if (const auto found =
                   utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(string.data()),
                                    static_cast<utf8proc_ssize_t>(string.size()), &character);
               found > 0) {
      size = static_cast<std::size_t>(found);
      text += string.substr(0, size);
    } else {
      text += "\xef\xbf\xbd";  // U+FFFD
    }
    string.remove_prefix(size);
  }
  text += '"';
}

}  // namespace

void JsonPart::append_to(std::string& text) const {
  std::visit(
      [&text](const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, Verbatim>) {
          text += value.text;
        } else if constexpr (std::is_same_v<Value, std::string_view>) {
          append_string(text, value);
        } else {
          char digits[20];
          text.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
        }
      },
      value_);
}

Json::Json(std::initializer_list<Field> fields) {
  text_.reserve(64 * fields.size());
  text_ += "{}";
  for (const Field& field : fields) add(field.name, field.value);
}

Json Json::raw(std::string text) {
  Json json;
  json.text_ = std::move(text);
  return json;
}

void Json::open() {
  const bool empty = text_.size() == 2;
  text_.pop_back();
  if (!empty) text_ += ',';
}

void Json::add(std::string_view name, const JsonPart& value) {
  open();
  text_.append(1, '"').append(name).append("\":");
  value.append_to(text_);
  text_ += '}';
}

void Json::add_all(const Json& other) {
  if (other.text_.size() == 2) return;
  open();
  text_.append(other.text_, 1);
}

void Json::push_back(const JsonPart& value) {
  open();
  value.append_to(text_);
  text_ += ']';
}

}  // namespace jangbu
