// The bytes of rows in memory: smaller than those of the log, and specific to this build. Types
// describe themselves to these archives as they do to cereal's, by their serialize(). Whole numbers
// take as many bytes as they need, 7 bits each, signed ones with their sign in the lowest bit
// (LEB128 and zigzag, as in Protocol Buffers); texts and lists follow their size.
//
// Threads: one at a time. Ownership: RowInput reads memory that must outlive it.
// Errors: std::out_of_range if the bytes are not of such a row; nothing is allocated for a size
// that is larger than what is left.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace jangbu {

class RowOutput {
 public:
  using is_loading = std::false_type;

  template <class... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }

  void write(std::string_view text) {
    write(std::uint64_t{text.size()});
    bytes_.append(text);
  }
  // Bytes that were written by a RowOutput before.
  void copy(std::string_view bytes) { bytes_.append(bytes); }

  const std::string& bytes() const { return bytes_; }
  void clear() { bytes_.clear(); }

 private:
  void write(std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) bytes_.push_back(static_cast<char>(number | 0x80));
    bytes_.push_back(static_cast<char>(number));
  }
  void write(std::int64_t number) {
    write((static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63));
  }
  void write(std::uint32_t number) { write(std::uint64_t{number}); }
  void write(std::uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void write(bool flag) { bytes_.push_back(flag ? 1 : 0); }
  void write(const std::string& text) { write(std::string_view(text)); }
  template <class Byte, std::size_t size>
  void write(const std::array<Byte, size>& bytes) {
    static_assert(sizeof(Byte) == 1);
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), size);
  }
  template <class Value>
  void write(const std::optional<Value>& value) {
    write(value.has_value());
    if (value) write(*value);
  }
  template <class Value>
  void write(const std::vector<Value>& values) {
    write(std::uint64_t{values.size()});
    for (const Value& value : values) write(value);
  }
  template <class Value>
  requires std::is_enum_v<Value>
  void write(Value value) { write(static_cast<std::underlying_type_t<Value>>(value)); }
  // serialize() works in both directions, so it cannot be const.
  template <class Value>
  requires std::is_class_v<Value>
  void write(const Value& value) { const_cast<Value&>(value).serialize(*this); }

  std::string bytes_;
};

class RowInput {
 public:
  using is_loading = std::true_type;

  explicit RowInput(std::string_view bytes) : rest_(bytes) {}

  template <class... Values>
  void operator()(Values&... values) {
    (read(values), ...);
  }

  void read(std::string_view& text) { text = take(read_size()); }

  std::size_t left() const { return rest_.size(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) throw std::out_of_range("the bytes of a row end too early");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::size_t read_size() {
    std::uint64_t size = 0;
    read(size);
    if (size > rest_.size()) throw std::out_of_range("the bytes of a row end too early");
    return size;
  }

  void read(std::uint64_t& number) {
    number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1).front());
      number |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return;
    }
    throw std::out_of_range("a number of a row is too long");
  }
  void read(std::int64_t& number) {
    std::uint64_t zigzag = 0;
    read(zigzag);
    number = static_cast<std::int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
  }
  void read(std::uint32_t& number) {
    std::uint64_t wide = 0;
    read(wide);
    number = static_cast<std::uint32_t>(wide);
  }
  void read(std::uint8_t& byte) { byte = static_cast<std::uint8_t>(take(1).front()); }
  void read(bool& flag) { flag = take(1).front() != 0; }
  void read(std::string& text) { text = take(read_size()); }
  template <class Byte, std::size_t size>
  void read(std::array<Byte, size>& bytes) {
    std::memcpy(bytes.data(), take(size).data(), size);
  }
  template <class Value>
  void read(std::optional<Value>& value) {
    bool has_value = false;
    read(has_value);
    if (has_value) {
      read(value.emplace());
    } else {
      value.reset();
    }
  }
  template <class Value>
  void read(std::vector<Value>& values) {
    values.resize(read_size());
    for (Value& value : values) read(value);
  }
  template <class Value>
  requires std::is_enum_v<Value>
  void read(Value& value) {
    std::underlying_type_t<Value> number{};
    read(number);
    value = static_cast<Value>(number);
  }
  template <class Value>
  requires std::is_class_v<Value>
  void read(Value& value) { value.serialize(*this); }

  std::string_view rest_;
};

}  // namespace jangbu
