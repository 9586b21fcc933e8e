// cereal archives directly over memory. The bytes are those that cereal's PortableBinary archives
// produce in little-endian order (a test compares the two): a leading 1, numbers as they lie in
// memory, and a 64-bit size before the contents of each container. There are two differences: no
// stream in between, and a size larger than the remaining input is refused before anything is
// allocated for it.
//
// Threads: one at a time. Ownership: CommitInput reads memory that must outlive it.
#pragma once

#include <bit>
#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/common.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace jangbu {

static_assert(std::endian::native == std::endian::little,
              "the log's bytes are little-endian and written as they lie in memory");

class CommitOutput : public cereal::OutputArchive<CommitOutput, cereal::AllowEmptyClassElision> {
 public:
  CommitOutput() : OutputArchive(this) {}

  void write(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
  }
  // Overwrites the bytes already written at `at`.
  void patch(std::size_t at, const void* data, std::size_t size) {
    std::memcpy(bytes_.data() + at, data, size);
  }

  std::size_t size() const { return bytes_.size(); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class CommitInput : public cereal::InputArchive<CommitInput, cereal::AllowEmptyClassElision> {
 public:
  explicit CommitInput(std::string_view bytes)
      : InputArchive(this), next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // Inline, though g++ thinks it is used in too many places: where the size is known, it is one
  // move.
  [[gnu::always_inline]] void read(void* data, std::size_t size) {
    require(size);
    std::memcpy(data, next_, size);
    next_ += size;
  }
  // The next bytes, where they lie.
  std::string_view take(std::uint64_t size) {
    require(size);
    next_ += size;
    return {next_ - size, static_cast<std::size_t>(size)};
  }
  // Throws unless at least `size` bytes are left: each element of a container takes at least one.
  void require(std::uint64_t size) const {
    if (size > left()) too_short();
  }

  std::size_t left() const { return static_cast<std::size_t>(end_ - next_); }

 private:
  [[noreturn, gnu::cold]] static void too_short() {
    throw std::out_of_range("the bytes end too early");
  }

  const char* next_;
  const char* end_;
};

template <class Number>
requires std::is_arithmetic_v<Number>
void CEREAL_SAVE_FUNCTION_NAME(CommitOutput& archive, const Number& number) {
  archive.write(&number, sizeof number);
}
template <class Number>
requires std::is_arithmetic_v<Number>
void CEREAL_LOAD_FUNCTION_NAME(CommitInput& archive, Number& number) {
  archive.read(&number, sizeof number);
}

// A bool is one byte, 0 or 1; holding any other value in a bool would be undefined behaviour.
inline void CEREAL_LOAD_FUNCTION_NAME(CommitInput& archive, bool& flag) {
  std::uint8_t byte = 0;
  archive.read(&byte, sizeof byte);
  if (byte > 1) throw std::out_of_range("a truth value is neither 0 nor 1");
  flag = byte == 1;
}

// cereal would fill the text with zeros before it reads the bytes into it.
inline void CEREAL_LOAD_FUNCTION_NAME(CommitInput& archive, std::string& text) {
  std::uint64_t size = 0;
  archive(size);
  text.assign(archive.take(size));
}

// An enumeration is stored as its number. A number above this build's `last` is rejected here.
template <class Enumeration>
requires std::is_enum_v<Enumeration>
void CEREAL_LOAD_MINIMAL_FUNCTION_NAME(const CommitInput&, Enumeration& value,
                                       const std::underlying_type_t<Enumeration>& number) {
  value = static_cast<Enumeration>(number);
  if (value > Enumeration::last)
    throw std::out_of_range("it holds a value that this build does not know");
}

// Names are not written; cereal's optional wraps its parts in NameValuePairs.
template <class Archive, class Value>
requires std::is_same_v<Archive, CommitOutput> || std::is_same_v<Archive, CommitInput>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<Value>& pair) {
  archive(pair.value);
}

template <class Data>
void CEREAL_SAVE_FUNCTION_NAME(CommitOutput& archive, const cereal::BinaryData<Data>& data) {
  archive.write(data.data, static_cast<std::size_t>(data.size));
}
template <class Data>
void CEREAL_LOAD_FUNCTION_NAME(CommitInput& archive, cereal::BinaryData<Data>& data) {
  archive.read(data.data, static_cast<std::size_t>(data.size));
}

template <class Size>
void CEREAL_SAVE_FUNCTION_NAME(CommitOutput& archive, const cereal::SizeTag<Size>& tag) {
  archive(tag.size);
}
template <class Size>
void CEREAL_LOAD_FUNCTION_NAME(CommitInput& archive, cereal::SizeTag<Size>& tag) {
  archive(tag.size);
  archive.require(tag.size);
}

}  // namespace jangbu

CEREAL_SETUP_ARCHIVE_TRAITS(jangbu::CommitInput, jangbu::CommitOutput)
