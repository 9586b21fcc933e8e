// Conversion of values to and from PostgreSQL's binary format (big-endian numbers; see the typsend
// functions in PostgreSQL's source, and "Binary format" in the manual's section on PQexecParams).
// No text is parsed or quoted on either side.
//
// Threads: plain values. Errors: reading throws Corrupt when a column holds something other than
// what the code expects, which means that the SQL and the code that reads its results disagree.
#pragma once

#include <libpq-fe.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "events/errors.hpp"
#include "events/values.hpp"
#include "infra/handle.hpp"

namespace jangbu::pg {

using Result = Handle<PGresult, PQclear>;

// bytea
struct Blob {
  std::string bytes;
};

namespace detail {

template <class Integer>
Integer big_endian(Integer value) {
  using Unsigned = std::make_unsigned_t<Integer>;
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof value == 2)
      value = static_cast<Integer>(__builtin_bswap16(static_cast<Unsigned>(value)));
    if constexpr (sizeof value == 4)
      value = static_cast<Integer>(__builtin_bswap32(static_cast<Unsigned>(value)));
    if constexpr (sizeof value == 8)
      value = static_cast<Integer>(__builtin_bswap64(static_cast<Unsigned>(value)));
  }
  return value;
}

template <class Integer>
void append_integer(std::string& out, Integer value) {
  value = big_endian(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

[[noreturn]] void unexpected_column(const char* what);

template <class Integer>
Integer read_integer(std::string_view bytes) {
  Integer value;
  if (bytes.size() != sizeof value) unexpected_column("a number of another size");
  std::memcpy(&value, bytes.data(), sizeof value);
  return big_endian(value);
}

// PostgreSQL counts microseconds from 2000-01-01T00:00:00Z.
inline constexpr std::int64_t epoch_2000_ms = 946'684'800'000;

}  // namespace detail

// How a C++ type maps to a PostgreSQL type. The OIDs are those of pg_type.dat.
template <class T>
struct Binary;

template <>
struct Binary<bool> {
  static constexpr Oid oid = 16;
  static void append(std::string& out, bool value) { out.push_back(value ? 1 : 0); }
  static bool read(std::string_view bytes) {
    if (bytes.size() != 1) detail::unexpected_column("no boolean");
    return bytes[0] != 0;
  }
};

template <>
struct Binary<std::int64_t> {
  static constexpr Oid oid = 20;
  static void append(std::string& out, std::int64_t value) { detail::append_integer(out, value); }
  static std::int64_t read(std::string_view bytes) {
    return detail::read_integer<std::int64_t>(bytes);
  }
};

template <>
struct Binary<std::int32_t> {
  static constexpr Oid oid = 23;
  static void append(std::string& out, std::int32_t value) { detail::append_integer(out, value); }
  static std::int32_t read(std::string_view bytes) {
    return detail::read_integer<std::int32_t>(bytes);
  }
};

template <>
struct Binary<std::string_view> {
  static constexpr Oid oid = 25;
  static void append(std::string& out, std::string_view value) { out.append(value); }
};

template <>
struct Binary<std::string> : Binary<std::string_view> {
  static std::string read(std::string_view bytes) { return std::string(bytes); }
};

template <>
struct Binary<Blob> {
  static constexpr Oid oid = 17;
  static void append(std::string& out, const Blob& value) { out.append(value.bytes); }
  static Blob read(std::string_view bytes) { return {std::string(bytes)}; }
};

template <class Of>
struct Binary<Id<Of>> {
  static constexpr Oid oid = 2950;
  static void append(std::string& out, const Id<Of>& value) {
    out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }
  static Id<Of> read(std::string_view bytes) {
    Id<Of> value;
    if (bytes.size() != value.bytes.size()) detail::unexpected_column("no uuid");
    std::memcpy(value.bytes.data(), bytes.data(), bytes.size());
    return value;
  }
};

// timestamptz, to the millisecond.
template <>
struct Binary<Timestamp> {
  static constexpr Oid oid = 1184;
  static void append(std::string& out, Timestamp value) {
    detail::append_integer(out, (value.ms - detail::epoch_2000_ms) * 1000);
  }
  static Timestamp read(std::string_view bytes) {
    return {detail::read_integer<std::int64_t>(bytes) / 1000 + detail::epoch_2000_ms};
  }
};

// bigint: a position in the log.
template <>
struct Binary<Position> {
  static constexpr Oid oid = 20;
  static void append(std::string& out, Position value) {
    detail::append_integer(out, static_cast<std::int64_t>(value.value));
  }
  static Position read(std::string_view bytes) {
    return {static_cast<std::uint64_t>(detail::read_integer<std::int64_t>(bytes))};
  }
};

// A one-dimensional array that is encoded as it grows: one column of a bulk statement, expanded by
// `unnest`. REQUIRES: all values are of the type with this OID.
class Array {
 public:
  explicit Array(Oid of) {
    // dimensions, has nulls, element type, length, lower bound
    for (const std::int32_t word : {1, 0, static_cast<std::int32_t>(of), 0, 1})
      detail::append_integer(bytes_, word);
  }

  template <class Value>
  void push(const Value& value) {
    begin_element();
    const std::size_t start = bytes_.size();
    Binary<Value>::append(bytes_, value);
    patch(start - 4, static_cast<std::int32_t>(bytes_.size() - start));
  }

  // A value that is encoded already, as Params are.
  void push_encoded(std::string_view value) {
    ++size_;
    detail::append_integer(bytes_, static_cast<std::int32_t>(value.size()));
    bytes_.append(value);
  }

  template <class Value>
  void push(const std::optional<Value>& value) {
    if (value) return push(*value);
    begin_element();
    patch(bytes_.size() - 4, -1);
    patch(4, 1);  // has nulls
  }

  // The encoded array, as a parameter.
  std::string take() && {
    patch(12, size_);
    return std::move(bytes_);
  }

 private:
  void begin_element() {
    ++size_;
    detail::append_integer(bytes_, std::int32_t{0});
  }
  void patch(std::size_t at, std::int32_t value) {
    value = detail::big_endian(value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

  std::string bytes_;
  std::int32_t size_ = 0;
};

// The parameters $1, $2, … of a statement.
class Params {
 public:
  Params() = default;
  template <class... Values>
  static Params of(const Values&... values) {
    Params params;
    params.values_.reserve(sizeof...(values));
    (params.add(values), ...);
    return params;
  }

  static Params of(std::vector<Array> arrays) {
    Params params;
    params.values_.reserve(arrays.size());
    for (Array& array : arrays) params.values_.emplace_back(std::move(array).take());
    return params;
  }

  template <class T>
  void add(const T& value) {
    Binary<T>::append(values_.emplace_back().emplace(), value);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) return add(*value);
    values_.emplace_back();
  }

  const std::vector<std::optional<std::string>>& values() const { return values_; }

 private:
  std::vector<std::optional<std::string>> values_;
};

// The rows of a bulk statement, executed once for each part of them: one array parameter per
// column.
class BulkRows {
 public:
  // An array of many megabytes takes longer to grow, copied from one place to the next, than to
  // fill.
  static constexpr std::size_t most_in_part = 4'096;

  struct Part {
    Params params;
    std::size_t rows;
  };

  // REQUIRES: every row has values of the same types. Optional values may be null.
  template <class... Values>
  void add(const Values&... values) {
    if (rows_ == most_in_part) end_part();
    if (columns_.empty()) columns_ = {Array(Element<Values>::oid)...};
    auto column = columns_.begin();
    (column++->push(values), ...);
    ++rows_;
  }

  std::vector<Part> take() && {
    if (rows_ > 0) end_part();
    return std::move(parts_);
  }

 private:
  template <class T>
  struct Element : Binary<T> {};
  template <class T>
  struct Element<std::optional<T>> : Binary<T> {};

  void end_part() {
    parts_.push_back({Params::of(std::exchange(columns_, {})), std::exchange(rows_, 0)});
  }

  std::vector<Part> parts_;
  std::vector<Array> columns_;  // these two of the part that grows
  std::size_t rows_ = 0;
};

// Rows for COPY … FROM STDIN (FORMAT binary), made from one array per column, each with `rows`
// elements. (Array elements and row fields have the same encoding.)
std::string copy_rows(const Params& columns, std::size_t rows);

// One row of a result, read column by column in the order of the SELECT. A braced initialiser
// evaluates from left to right, so a row struct can be filled in the order of its SELECT.
class Row {
 public:
  Row(const PGresult* result, int row, int first_column = 0)
      : result_(result), row_(row), column_(first_column) {}

  template <class T>
  T next() {
    if (PQgetisnull(result_, row_, column_)) detail::unexpected_column("null");
    return Binary<T>::read(bytes());
  }

  template <class T>
  std::optional<T> next_optional() {
    if (PQgetisnull(result_, row_, column_)) {
      ++column_;
      return std::nullopt;
    }
    return Binary<T>::read(bytes());
  }

 private:
  std::string_view bytes() {
    const int column = column_++;
    return {PQgetvalue(result_, row_, column),
            static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }

  const PGresult* result_;
  int row_;
  int column_;
};

// SQL that is prepared once per connection, under this name.
struct Statement {
  std::string name;
  std::string sql;
};

}  // namespace jangbu::pg
