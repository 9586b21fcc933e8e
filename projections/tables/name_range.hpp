// Names that begin with a text, as a range of what an index is sorted by.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jangbu {

// From `low`, up to and without `high`, among names with their ASCII letters in lower case, in the
// order of their code points: `lower(name COLLATE "C")` in SQL.
struct NameRange {
  std::string low;
  std::string high;

  friend bool operator==(const NameRange&, const NameRange&) = default;
};

// All names that begin with this text; with an empty one, all. ASCII letters match in either case.
// Who types Korean has not finished the last syllable: a consonant alone (ㅎ) stands for every
// syllable that begins with it (하 to 힣), and a syllable without a final consonant (호) for those
// with one, too (호 to 홓). Everything before the last character is taken as it is.
// REQUIRES: UTF-8, in the normal form C, no longer than a name.
NameRange names_beginning_with(std::string_view beginning);

// Selects the open rows of a table with `id` and `name` whose name is in the range from $1 to $2,
// by name, after the row $3 (nil: from the beginning), $4 at most. `closed_at` is the column that
// says when a row was closed.
std::string select_by_beginning(std::string_view table, std::string_view closed_at);

}  // namespace jangbu
