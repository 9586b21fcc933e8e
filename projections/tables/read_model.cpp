#include "projections/tables/read_model.hpp"

#include <xxhash.h>

#include <cstdio>

namespace jangbu {

std::string fingerprint(const ReadModel& model) {
  const std::string text = std::string(model.ddl) + '\n' + std::to_string(model.fold_version) +
                           '\n' + std::string(model.view);
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return digits;
}

void add_changes(std::vector<Change>& changes, const pg::Statement& statement, pg::BulkRows rows,
                 std::string_view table) {
  for (auto& [params, count] : std::move(rows).take())
    changes.push_back({&statement, std::move(params), count, table});
}

std::string in_schema(std::string_view sql, std::string_view schema) {
  constexpr std::string_view mark = "{schema}";
  std::string text;
  for (auto at = sql.find(mark); at != sql.npos; at = sql.find(mark)) {
    text.append(sql.substr(0, at)).append(schema);
    sql.remove_prefix(at + mark.size());
  }
  return text.append(sql);
}

std::string row_of_key(std::string_view columns, std::string_view table, std::string_view key,
                       std::string_view condition, std::string_view value) {
  const std::string column(key), wanted(value);
  return "SELECT " + std::string(columns) + " FROM {schema}." + std::string(table) + " WHERE " +
         column + " BETWEEN " + wanted + " AND " + wanted + " AND " + std::string(condition) +
         " ORDER BY " + column + " LIMIT 1";
}

std::string page_sql(std::string_view rows, std::string_view bytes, std::string_view columns,
                     std::string_view shown_if) {
  // Whether the rows before this one, or before the previous one, leave room on the page: the first
  // row that no longer fits is sent as well, to show that there is more.
  const auto before = [&](int skipped) {
    return "coalesce(sum(" + std::string(bytes) + ") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND " +
           std::to_string(skipped) + " PRECEDING), 0) < " + std::to_string(page_bytes);
  };
  return "SELECT shown, " + std::string(columns) + " FROM (SELECT " + before(1) + " AND " +
         std::string(shown_if) + " AS shown, " + before(2) + " AS sent, listed.* FROM (" +
         std::string(rows) + ") listed) page WHERE sent";
}

std::string newest_of_ends(std::string_view table, std::span<const std::string_view> ends,
                           std::string_view most, std::optional<OfColumn> of) {
  const std::string ended = of ? "ended COLLATE \"POSIX\"" : "ended";
  const std::string is_of =
      of ? std::string(of->column) + " = " + std::string(of->value) + " AND " : "";
  const std::string limit = " LIMIT " + std::string(most);
  std::string sql;
  for (const std::string_view end : ends) {
    const auto bound = [&](std::string_view id) {
      return " (" + std::string(end) + ", " + std::string(id) + ')';
    };
    const std::string range = '(' + ended + ", id)";
    sql.append(sql.empty() ? "SELECT * FROM ((" : ") UNION ALL (")
        .append("SELECT * FROM {schema}." + std::string(table) + " WHERE " + is_of)
        .append(range + " <" + bound("$1") + " AND " + range + " >")
        .append(bound("'00000000-0000-0000-0000-000000000000'"))
        .append(" ORDER BY " + ended + " DESC, id DESC" + limit);
  }
  return sql + ")) newest ORDER BY id DESC" + limit;
}

EventId read_event_id(pg::Row& row) {
  const auto position = row.next<Position>();
  return {position, static_cast<std::uint32_t>(row.next<std::int32_t>())};
}

Money read_money(pg::Row& row) {
  const auto amount = row.next<std::int64_t>();
  const auto currency = parse_currency(row.next<std::string>());
  if (!currency) throw Corrupt("a read model holds an unknown currency");
  return {amount, *currency};
}

}  // namespace jangbu
