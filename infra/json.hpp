// Write-only JSON. A value is its text, so that an answer is built without a tree of nodes: a tree
// costs at least one allocation per node. There is no text per part either: strings and numbers are
// written straight into the object they belong to.
//
//   Json json{{"id", to_string(id)}, {"stock", 5}};
//   json.add("description", "…");
//
// Threads: one at a time. Strings must be UTF-8; invalid bytes become U+FFFD (RFC 8259, 8.1).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace jangbu {

class Json;

// A value on its way into an object or array. It refers to the text of a string or value, which
// must outlive it; expressions such as `Json json{{"id", to_string(id)}}` guarantee that.
class JsonPart {
 public:
  JsonPart(std::nullptr_t) : value_(Verbatim{"null"}) {}
  JsonPart(bool value) : value_(Verbatim{value ? "true" : "false"}) {}
  JsonPart(std::signed_integral auto number) : value_(std::int64_t{number}) {}
  JsonPart(std::unsigned_integral auto number) : value_(std::uint64_t{number}) {}
  JsonPart(std::string_view string) : value_(string) {}
  JsonPart(const std::string& string) : JsonPart(std::string_view(string)) {}
  JsonPart(const char* string) : JsonPart(std::string_view(string)) {}
  JsonPart(const std::same_as<Json> auto& json) : value_(Verbatim{json.text()}) {}

  void append_to(std::string& text) const;

 private:
  struct Verbatim {
    std::string_view text;
  };
  std::variant<Verbatim, std::string_view, std::int64_t, std::uint64_t> value_;
};

class Json {
 public:
  struct Field {
    std::string_view name;
    JsonPart value;
  };

  Json() : text_("null") {}
  template <class Value>
  requires std::constructible_from<JsonPart, const Value&> Json(const Value& value) {
    JsonPart(value).append_to(text_);
  }
  // An object. REQUIRES: names that need no escape, each once.
  Json(std::initializer_list<Field> fields);

  static Json object() { return raw("{}"); }
  static Json array() { return raw("[]"); }
  // REQUIRES: `text` is JSON.
  static Json raw(std::string text);

  // REQUIRES: an object.
  void add(std::string_view name, const JsonPart& value);
  // Adds all fields of `other`. REQUIRES: two objects.
  void add_all(const Json& other);
  // REQUIRES: an array.
  void push_back(const JsonPart& value);

  const std::string& text() const& { return text_; }
  std::string text() && { return std::move(text_); }

 private:
  void open();

  std::string text_;
};

}  // namespace jangbu
