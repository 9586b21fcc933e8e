#include "infra/postgres/values.hpp"

#include <algorithm>

namespace jangbu::pg {

namespace detail {

void unexpected_column(const char* what) {
  throw Corrupt(std::string("a column of a PostgreSQL result is not what was selected: ") + what);
}

}  // namespace detail

// The format is described under "Binary Format" on the manual's page about COPY.
std::string copy_rows(const Params& columns, std::size_t rows) {
  constexpr std::string_view signature{"PGCOPY\n\377\r\n\0", 11};
  constexpr std::size_t array_header = 5 * sizeof(std::int32_t);
  std::vector<const char*> fields;  // of the next row
  std::size_t size = 0;
  for (const auto& column : columns.values()) {
    fields.push_back(column->data() + array_header);
    size += column->size();
  }
  std::string bytes;
  bytes.reserve(signature.size() + size + 2 * rows + 2 * sizeof(std::int32_t));
  bytes.append(signature);
  detail::append_integer(bytes, std::int32_t{0});  // flags
  detail::append_integer(bytes, std::int32_t{0});  // length of the header's extension
  for (std::size_t row = 0; row < rows; ++row) {
    detail::append_integer(bytes, static_cast<std::int16_t>(fields.size()));
    for (const char*& field : fields) {
      const auto length = detail::read_integer<std::int32_t>({field, sizeof(std::int32_t)});
      const auto taken = sizeof length + static_cast<std::size_t>(std::max(length, 0));
      bytes.append(field, taken);
      field += taken;
    }
  }
  detail::append_integer(bytes, std::int16_t{-1});
  return bytes;
}

}  // namespace jangbu::pg
