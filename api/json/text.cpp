#include "api/json/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace jangbu {

namespace {

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 &&
         c != '"' && c != '\\';
}

}  // namespace

Json::Json(std::string_view string) {
  if (std::ranges::all_of(string, is_plain)) {
    text_.reserve(string.size() + 2);
    text_.append(1, '"').append(string).append(1, '"');
  } else {
    using Any = nlohmann::json;
    text_ = Any(string).dump(-1, ' ', false, Any::error_handler_t::replace);
  }
}

Json::Json(std::initializer_list<Field> fields) : text_("{}") {
  std::size_t size = 2;
  for (const Field& field : fields) size += field.name.size() + field.value.text_.size() + 4;
  text_.reserve(size);
  for (const Field& field : fields) add(field.name, field.value);
}

void Json::open() {
  const bool empty = text_.size() == 2;
  text_.pop_back();
  if (!empty) text_ += ',';
}

void Json::add(std::string_view name, const Json& value) {
  open();
  text_.append(1, '"').append(name).append("\":").append(value.text_).append(1, '}');
}

void Json::add_all(const Json& other) {
  if (other.text_.size() == 2) return;
  open();
  text_.append(other.text_, 1);
}

void Json::push_back(const Json& value) {
  open();
  text_.append(value.text_).append(1, ']');
}

}  // namespace jangbu
