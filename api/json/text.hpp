// JSON that is only written. A value is its text, so that an answer is made without a tree of nodes
// in between: a tree costs an allocation or more for each of its nodes.
//
//   Json json{{"id", to_string(id)}, {"stock", 5}};
//   json.add("description", "…");
//
// Threads: one at a time. Strings must be UTF-8; bytes that are not become U+FFFD (RFC 8259, 8.1).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace jangbu {

class Json {
 public:
  struct Field;

  Json() : text_("null") {}
  Json(std::nullptr_t) : Json() {}
  Json(bool value) : text_(value ? "true" : "false") {}
  Json(std::integral auto number) : text_(std::to_string(number)) {}
  Json(std::string_view string);
  Json(const std::string& string) : Json(std::string_view(string)) {}
  Json(const char* string) : Json(std::string_view(string)) {}
  // An object. REQUIRES: names that need no escape, each once.
  Json(std::initializer_list<Field> fields);

  static Json object() { return Json(Raw{}, "{}"); }
  static Json array() { return Json(Raw{}, "[]"); }
  // REQUIRES: JSON.
  static Json raw(std::string text) { return Json(Raw{}, std::move(text)); }

  // REQUIRES: an object.
  void add(std::string_view name, const Json& value);
  // All fields of another. REQUIRES: two objects.
  void add_all(const Json& other);
  // REQUIRES: an array.
  void push_back(const Json& value);

  const std::string& text() const& { return text_; }
  std::string text() && { return std::move(text_); }

 private:
  struct Raw {};
  Json(Raw, std::string text) : text_(std::move(text)) {}
  void open();

  std::string text_;
};

struct Json::Field {
  std::string_view name;
  Json value;
};

}  // namespace jangbu
