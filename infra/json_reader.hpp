// Reads JSON that this program has written, straight into its place: no tree of nodes, which would
// take most of the time that a row with such a column takes.
//
//   JsonReader reader(R"([["홍길동", 2]])");
//   reader.array([&] { reader.tuple(item.name, item.quantity); });
//
// Threads: one at a time. Errors: Corrupt, also for JSON that this program would not write: \u with
// anything but an ASCII character, numbers that are not whole, blanks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

  // An array of exactly these values.
  template <class First, class... More>
  void tuple(First& first, More&... more) {
    expect('[');
    read(first);
    ((expect(','), read(more)), ...);
    expect(']');
  }

  void read(std::int64_t& number);
  void read(std::string& string);
  void read(std::string_view& string);  // one without escapes

 private:
  bool found(char c);
  void expect(char c);
  void append_escaped(std::string& string);
  [[noreturn]] static void fail();

  std::string_view rest_;
};

}  // namespace jangbu
