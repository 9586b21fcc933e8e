#include "projections/writing/comparison.hpp"

#include <algorithm>

namespace jangbu {

namespace {

// The columns that both tables have, as a list.
std::string common_columns(pg::Connection& connection, const ReadModel& model,
                           std::string_view first, std::string_view second) {
  const pg::Statement select{
      "comparison.columns",
      "SELECT coalesce(string_agg(quote_ident(a.column_name::text), ', ' "
      "ORDER BY a.ordinal_position), '') "
      "FROM information_schema.columns a JOIN information_schema.columns b USING (column_name) "
      "WHERE a.table_schema = $1::text AND b.table_schema = $2::text "
      "AND a.table_name = $3::text AND b.table_name = $3::text"};
  const auto result = connection.execute({&select, pg::Params::of(first, second, model.name)});
  return pg::Row(result.get(), 0).next<std::string>();
}

Digest digest(pg::Connection& connection, const std::string& rows) {
  const auto result = connection.run(
      "SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)), 0) FROM (" + rows + ") r");
  return {std::strtoll(PQgetvalue(result.get(), 0, 0), nullptr, 10),
          PQgetvalue(result.get(), 0, 1)};
}

// Splits "one, other" into its parts.
std::vector<std::string> parts(std::string_view list) {
  std::vector<std::string> found;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(", "), list.size());
    found.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return found;
}

// Pairs of rows that differ, `a` and `b`. Compared as text, since not every type has an equality.
std::string different_pairs(const ReadModel& model, const std::string& first,
                            const std::string& second) {
  std::string same_key;
  for (const std::string& column : parts(model.key))
    same_key += (same_key.empty() ? "a." : " AND a.") + column + " = b." + column;
  return " FROM (" + first + ") a FULL JOIN (" + second + ") b ON " + same_key +
         " WHERE a::text IS DISTINCT FROM b::text";
}

EventId read_event(const PGresult* result, int row) {
  const auto number = [&](int column) {
    return std::strtoull(PQgetvalue(result, row, column), nullptr, 10);
  };
  return {{number(0)}, static_cast<std::uint32_t>(number(1))};
}

}  // namespace

Comparison compare(pg::Connection& connection, const ReadModel& model, std::string_view first,
                   std::string_view second) {
  const std::string columns = common_columns(connection, model, first, second);
  const auto rows_in = [&](std::string_view schema) {
    return "SELECT " + columns + " FROM " + std::string(schema) + "." + std::string(model.name);
  };
  Comparison comparison;
  comparison.first = digest(connection, rows_in(first));
  comparison.second = digest(connection, rows_in(second));
  if (comparison.first == comparison.second) return comparison;

  const std::string pairs = different_pairs(model, rows_in(first), rows_in(second));
  const auto counts = connection.run(
      "SELECT count(*) FILTER (WHERE a IS NULL), count(*) FILTER (WHERE b IS NULL), "
      "count(*) FILTER (WHERE NOT a IS NULL AND NOT b IS NULL)" +
      pairs);
  const auto count = [&](int column) {
    return std::strtoll(PQgetvalue(counts.get(), 0, column), nullptr, 10);
  };
  comparison.added = count(0);
  comparison.removed = count(1);
  comparison.changed = count(2);

  const auto version = parts(model.version);
  const auto in_either = [](const std::string& column) {
    return "coalesce(b." + column + ", a." + column + ")";
  };
  const auto rows = connection.run(
      "SELECT position, index, to_json(a)::text, to_json(b)::text FROM (SELECT " +
      in_either(version[0]) + " AS position, " + in_either(version[1]) + " AS index, a, b" + pairs +
      " ORDER BY 1, 2 LIMIT " + std::to_string(Comparison::most_shown) + ") d");
  for (int i = 0; i < PQntuples(rows.get()); ++i)
    comparison.differences.push_back({.event = read_event(rows.get(), i),
                                      .first = PQgetvalue(rows.get(), i, 2),
                                      .second = PQgetvalue(rows.get(), i, 3)});
  return comparison;
}

}  // namespace jangbu
