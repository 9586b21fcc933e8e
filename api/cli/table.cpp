#include "api/cli/table.hpp"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "api/cli/tool.hpp"
#include "infra/json_tree.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

std::string field_text(const nlohmann::ordered_json& json, const char* field) {
  const auto value = json.find(field);
  if (value == json.end() || value->is_null()) return {};
  return value->is_string() ? value->get<std::string>() : json_text(*value);
}

void print_rows(std::vector<Row> rows) {
  std::vector<std::size_t> widths;
  for (Row& row : rows) std::ranges::transform(row, row.begin(), visible);
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    print(line + "\n");
  }
}

}  // namespace jangbu::cli
