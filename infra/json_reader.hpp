// Reads JSON that this program or PostgreSQL has written, straight into its place: no tree of
// nodes, which would take most of the time that a row with such a column takes.
//
//   JsonReader reader(R"([{"name": "홍길동", "quantity": 2}])");
//   reader.array([&] { reader.object("name", item.name, "quantity", item.quantity); });
//
// An object has the given fields, in any order, and no others.
//
// Threads: one at a time. Errors: Corrupt, also for JSON that neither of the two would write: \u
// with anything but an ASCII character, numbers that are not whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace jangbu {

class JsonReader {
 public:
  // REQUIRES: the text outlives what is read.
  explicit JsonReader(std::string_view text) : rest_(text) {}

  // An array at whose elements `element` is called, to read it.
  template <class Element>
  void array(const Element& element) {
    expect('[');
    if (found(']')) return;
    do element();
    while (found(','));
    expect(']');
  }

  // An object, from names and where their values go.
  template <class... NamesAndTargets>
  void object(NamesAndTargets&&... fields) {
    constexpr std::uint32_t all = (1U << sizeof...(fields) / 2) - 1;
    std::uint32_t seen = 0;
    expect('{');
    do {
      std::string_view name;
      read(name);
      expect(':');
      const std::uint32_t one = read_field(name, 1, fields...);
      if (seen & one) fail();
      seen |= one;
    } while (found(','));
    expect('}');
    if (seen != all) fail();
  }

  void read(std::int64_t& number);
  void read(std::string& string);
  void read(std::string_view& string);  // one without escapes

 private:
  // The bit of the field, whose value is read.
  template <class Target, class... More>
  std::uint32_t read_field(std::string_view found, std::uint32_t bit, std::string_view name,
                           Target& target, More&&... more) {
    if (found == name) {
      read(target);
      return bit;
    }
    if constexpr (sizeof...(more) > 0)
      return read_field(found, bit << 1, more...);
    else
      fail();
  }

  bool found(char c);
  void expect(char c);
  void append_escaped(std::string& string);
  [[noreturn]] static void fail();

  std::string_view rest_;
};

}  // namespace jangbu
