// Comparisons of read models, for people.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "projections/writing/comparison.hpp"

namespace jangbu::cli {

// The names of what was compared, in that order: "what serves" and "the replay".
struct ComparedNames {
  std::string first;
  std::string second;
};

// One line when they are equal; otherwise the counts and the rows that differ.
std::string comparison_text(const Comparison& comparison, const ComparedNames& names);

// The fields that differ between two rows (JSON objects; empty: no such row), one per line. Several
// rows, as comma-separated objects, are shown as a whole.
std::string changed_fields_text(const std::string& before, const std::string& after);

}  // namespace jangbu::cli
