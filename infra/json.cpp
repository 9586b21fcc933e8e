#include "infra/json.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

namespace jangbu {

namespace {

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 &&
         c != '"' && c != '\\';
}

void append_string(std::string& text, std::string_view string) {
  if (std::ranges::all_of(string, is_plain)) {
    text.append(1, '"').append(string).append(1, '"');
  } else {
    using Any = nlohmann::json;
    text += Any(string).dump(-1, ' ', false, Any::error_handler_t::replace);
  }
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
