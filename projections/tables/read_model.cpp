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

std::string in_schema(std::string_view sql, std::string_view schema) {
  constexpr std::string_view mark = "{schema}";
  std::string text;
  for (auto at = sql.find(mark); at != sql.npos; at = sql.find(mark)) {
    text.append(sql.substr(0, at)).append(schema);
    sql.remove_prefix(at + mark.size());
  }
  return text.append(sql);
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
