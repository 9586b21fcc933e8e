#include "projections/tables/columns.hpp"

#include <algorithm>
#include <vector>

#include "events/errors.hpp"

namespace jangbu {

namespace {

struct Column {
  std::string_view name;
  std::string_view type;
};

// Removes the text up to and including the first of these characters; returns it without that one.
std::string_view take_until(std::string_view& text, std::string_view ends) {
  const auto end = std::min(text.find_first_of(ends), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::string_view table_of(std::string_view ddl) {
  constexpr std::string_view create = "CREATE TABLE ";
  ddl.remove_prefix(ddl.find(create) + create.size());
  return take_until(ddl, " ");
}

std::vector<Column> written(std::string_view ddl) {
  constexpr std::string_view open = " (\n";
  ddl.remove_prefix(ddl.find(open, ddl.find("CREATE TABLE ")) + open.size());
  std::vector<Column> columns;
  while (!ddl.starts_with(')')) {
    std::string_view line = take_until(ddl, "\n");
    const bool is_constraint = line.starts_with("  PRIMARY KEY");
    if (is_constraint || line.find(" GENERATED ") != line.npos) continue;
    line.remove_prefix(2);
    const std::string_view name = take_until(line, " ");
    columns.push_back({name, take_until(line, " ,")});
  }
  return columns;
}

std::string select(const std::vector<Column>& columns) {
  std::string sql = "SELECT ";
  for (std::size_t i = 0; i < columns.size(); ++i)
    sql.append(i == 0 ? "unnest($" : ", unnest($")
        .append(std::to_string(i + 1) + "::")
        .append(columns[i].type)
        .append("[]) AS ")
        .append(columns[i].name);
  return sql;
}

}  // namespace

std::string columns_of(std::string_view ddl) {
  std::string names;
  for (const Column& column : written(ddl))
    names.append(names.empty() ? "" : ", ").append(column.name);
  return names;
}

std::string insert_sql(std::string_view ddl) {
  return "INSERT INTO {schema}." + std::string(table_of(ddl)) + ' ' + select(written(ddl));
}

std::string upsert_sql(std::string_view ddl) {
  const auto columns = written(ddl);
  std::string sets;
  for (const Column& column : columns)
    if (column.name != columns.front().name)
      sets.append(sets.empty() ? "" : ", ")
          .append(column.name)
          .append(" = excluded.")
          .append(column.name);
  return insert_sql(ddl) + " ON CONFLICT (" + std::string(columns.front().name) +
         ") DO UPDATE SET " + sets;
}

std::string rows_sql(std::string_view ddl, std::initializer_list<std::string_view> names) {
  const auto all = written(ddl);
  std::vector<Column> columns;
  for (const std::string_view name : names) {
    const auto found = std::ranges::find(all, name, &Column::name);
    invariant(found != all.end(), "a column is one of the table's");
    columns.push_back(*found);
  }
  return '(' + select(columns) + ')';
}

}  // namespace jangbu
