#include "api/cli/comparison_text.hpp"

#include <nlohmann/json.hpp>

#include "api/cli/progress.hpp"
#include "infra/json_tree.hpp"

namespace jangbu::cli {

namespace {

using Rows = nlohmann::ordered_json;

Rows rows_of(const std::string& objects) {
  return parse_json<Rows>("[" + objects + "]");
}

std::string kind_of(const RowDifference& difference, const ComparedNames& names) {
  if (difference.first.empty()) return "only in " + names.second;
  if (difference.second.empty()) return "only in " + names.first;
  return "differs";
}

}  // namespace

std::string changed_fields_text(const std::string& before, const std::string& after) {
  const Rows old_rows = rows_of(before);
  const Rows new_rows = rows_of(after);
  std::string text;
  for (std::size_t i = 0; i < std::max(old_rows.size(), new_rows.size()); ++i) {
    if (i >= old_rows.size() || i >= new_rows.size()) {
      const bool is_new = i >= old_rows.size();
      text += std::string(is_new ? "  + " : "  - ") + json_text((is_new ? new_rows : old_rows)[i]) +
              "\n";
      continue;
    }
    for (const auto& [name, value] : new_rows[i].items()) {
      const Rows old_value = old_rows[i].value(name, Rows());
      if (old_value != value)
        text += "  " + name + ": " + json_text(old_value) + " -> " + json_text(value) + "\n";
    }
  }
  return text;
}

std::string comparison_text(const Comparison& comparison, const ComparedNames& names) {
  const auto rows = [](std::int64_t count) { return grouped(static_cast<std::uint64_t>(count)); };
  const std::string where = "at position " + grouped(comparison.position.value) + ": ";
  if (comparison.equal())
    return where + names.first + " and " + names.second + " are equal, " +
           rows(comparison.first.rows) + " rows\n";
  std::string text = where + names.first + " has " + rows(comparison.first.rows) + " rows, " +
                     names.second + " " + rows(comparison.second.rows) + ": " +
                     rows(comparison.changed) + " differ, " + rows(comparison.removed) +
                     " are only in " + names.first + ", " + rows(comparison.added) + " only in " +
                     names.second + "\n";
  for (const RowDifference& difference : comparison.differences)
    text += "event " + to_string(difference.event) + ": " + kind_of(difference, names) + "\n" +
            changed_fields_text(difference.first, difference.second);
  const auto all = comparison.added + comparison.removed + comparison.changed;
  const auto shown = static_cast<std::int64_t>(comparison.differences.size());
  if (all > shown) text += "… and " + rows(all - shown) + " more\n";
  return text;
}

}  // namespace jangbu::cli
