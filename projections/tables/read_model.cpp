#include "projections/tables/read_model.hpp"

#include <xxhash.h>

#include <cstdio>

namespace jangbu {

std::string fingerprint(const ReadModel& model) {
  const std::string text = std::string(model.ddl) + '\n' + std::to_string(model.fold_version);
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return digits;
}

void add_change(std::vector<Change>& changes, const pg::Statement& statement, pg::BulkRows rows,
                bool inserts) {
  if (const std::size_t size = rows.size())
    changes.push_back({&statement, std::move(rows).take(), size, inserts});
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

std::string page_sql(std::string_view rows, std::string_view bytes, std::string_view columns) {
  // Whether the rows before this one, or before the previous one, leave room on the page: the first
  // row that no longer fits is sent as well, to show that there is more.
  const auto before = [&](int skipped) {
    return "coalesce(sum(" + std::string(bytes) + ") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND " +
           std::to_string(skipped) + " PRECEDING), 0) < " + std::to_string(page_bytes);
  };
  return "SELECT shown, " + std::string(columns) + " FROM (SELECT " + before(1) + " AS shown, " +
         before(2) + " AS sent, listed.* FROM (" + std::string(rows) + ") listed) page WHERE sent";
}

std::string newest_of_statuses(std::string_view table, std::span<const std::string> statuses,
                               std::optional<OfColumn> of) {
  const std::string column = of ? std::string(of->column) + ", " : "";
  const std::string value = of ? std::string(of->value) + ", " : "";
  const std::string columns = '(' + column + "status, id)";
  const std::string order = of ? std::string(of->column) + " DESC, " : "";
  std::string sql;
  for (const std::string& status : statuses) {
    const auto bound = [&](std::string_view id) {
      return '(' + value + status + ", " + std::string(id) + ')';
    };
    sql.append(sql.empty() ? "SELECT * FROM ((" : ") UNION ALL (")
        .append("SELECT * FROM {schema}." + std::string(table))
        .append(" WHERE " + columns + " < " + bound("$1"))
        .append(" AND " + columns + " > " + bound("'00000000-0000-0000-0000-000000000000'"))
        .append(" ORDER BY " + order + "status DESC, id DESC LIMIT $2");
  }
  return sql + ")) newest ORDER BY id DESC LIMIT $2";
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
