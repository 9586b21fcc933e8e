#include "infra/postgres/errors.hpp"

#include <algorithm>
#include <array>

namespace jangbu::pg {

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

namespace {

struct InWords {
  std::string_view sqlstate;  // an SQLSTATE, or the prefix of several
  std::string_view words;
};

// The first matching entry applies.
constexpr InWords in_words_of[] = {
    {"25006", "PostgreSQL is read-only"},
    {"28", "PostgreSQL refuses our user or password"},
    {"3D000", "PostgreSQL does not have our database"},
    {"42501", "PostgreSQL does not allow our user to do this"},
    {"53100", "PostgreSQL's disk is full"},
    {"53200", "PostgreSQL has run out of memory"},
    {"53300", "PostgreSQL takes no more connections"},
    {"53", "PostgreSQL has run out of something"},
    {"55P03", "somebody holds a lock in PostgreSQL"},
    {"57014", "PostgreSQL took too long"},
    {"57P03", "PostgreSQL is starting or recovering"},
    {"57P", "PostgreSQL ended our session"},
    {"58", "PostgreSQL's machine fails"},
};

std::string words_for(std::string_view sqlstate) {
  if (sqlstate.empty()) return "PostgreSQL cannot be reached";
  for (const InWords& known : in_words_of)
    if (sqlstate.starts_with(known.sqlstate)) return std::string(known.words);
  return "PostgreSQL refuses this now (SQLSTATE " + std::string(sqlstate) + ")";
}

}  // namespace

Away::Away(const std::string& text, std::string_view sqlstate)
    : Unavailable(text), in_words_(words_for(sqlstate)) {}

bool may_pass(std::string_view sqlstate) {
  // Classes: connection, transaction rollback (serialization, deadlock), out of resources,
  // operator intervention (shutdown, start, timeout), system error (the disk).
  constexpr std::array<std::string_view, 5> classes{"08", "40", "53", "57", "58"};
  constexpr std::string_view lock_not_available = "55P03";
  constexpr std::string_view insufficient_privilege = "42501";  // until the privilege is granted
  return sqlstate == sqlstate::read_only_transaction || sqlstate == lock_not_available ||
         sqlstate == insufficient_privilege ||
         std::find(classes.begin(), classes.end(), sqlstate.substr(0, 2)) != classes.end();
}

bool is_about_absence(std::string_view sqlstate) {
  constexpr std::string_view undefined_table = "42P01";
  constexpr std::string_view invalid_schema_name = "3F000";
  return sqlstate == undefined_table || sqlstate == invalid_schema_name;
}

bool is_about_values(std::string_view sqlstate) {
  return sqlstate.substr(0, 2) == "22" || sqlstate.substr(0, 2) == "23";
}

std::string sqlstate_of(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state ? state : "";
}

Failure failure_of(const PGresult* result) {
  const std::string state = sqlstate_of(result);
  const std::string text = "PostgreSQL: " + one_line(PQresultErrorMessage(result));
  if (state.empty() || may_pass(state)) return Away(text, state);
  return SqlError(state, text);
}

void require_success(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      return;
    default:
      std::visit([](const auto& failure) { throw failure; }, failure_of(result));
  }
}

}  // namespace jangbu::pg
