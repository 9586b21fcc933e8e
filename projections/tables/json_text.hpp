// JSON for a column: an array of flat objects, written straight as text. (A document library is for
// reading; building a tree of nodes for every purchase cost more than everything else in its fold.)
//
// Threads: plain values. REQUIRES: strings in UTF-8; PostgreSQL refuses others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jangbu {

class JsonObjects {
 public:
  void begin_object() {
    text_ += first_object_ ? "{" : ",{";
    first_object_ = false;
    first_field_ = true;
  }
  void field(std::string_view name, std::string_view value) {
    put_name(name);
    put_string(value);
  }
  void field(std::string_view name, std::int64_t value) {
    put_name(name);
    text_ += std::to_string(value);
  }
  void end_object() { text_ += '}'; }

  std::string take() && { return std::move(text_) + ']'; }

 private:
  void put_name(std::string_view name) {
    if (!first_field_) text_ += ',';
    first_field_ = false;
    put_string(name);
    text_ += ':';
  }

  // RFC 8259, section 7.
  void put_string(std::string_view value) {
    constexpr std::string_view hex_digits = "0123456789abcdef";
    text_ += '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) {
        text_.append("\\u00").push_back(hex_digits[byte >> 4]);
        text_ += hex_digits[byte & 15];
        continue;
      }
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }

  std::string text_ = "[";
  bool first_object_ = true;
  bool first_field_ = true;
};

}  // namespace jangbu
