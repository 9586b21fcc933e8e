// Turns "names that begin with a text" into a range of an index's sort order.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jangbu {

// From `low` up to but not including `high`, among names with ASCII letters in lower case, in code
// point order: `lower(name COLLATE "C")` in SQL.
struct NameRange {
  std::string low;
  std::string high;

  friend bool operator==(const NameRange&, const NameRange&) = default;
};

// All names that begin with this text; all names if it is empty. ASCII letters match in either
// case. Someone typing Korean may not have finished the last syllable: a consonant alone (ㅎ)
// stands for every syllable that begins with it (하 to 힣), and a syllable without a final
// consonant (호) also for those with one (호 to 홓). Everything before the last character is taken
// as it is.
// REQUIRES: UTF-8 in normalisation form C, no longer than a name.
NameRange names_beginning_with(std::string_view beginning);

// Selects the open rows of a table with `id` and `name` whose names are in the range from $1 to $2,
// sorted by name, after the row $3 (nil: from the beginning), at most $4 of them. `closed_at` is
// the column that says when a row was closed.
std::string select_by_beginning(std::string_view table, std::string_view closed_at);

}  // namespace jangbu
