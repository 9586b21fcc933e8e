#include "infra/postgres/errors.hpp"

#include <algorithm>
#include <array>

namespace jangbu::pg {

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

bool may_pass(std::string_view sqlstate) {
  // Classes: connection, transaction rollback (serialization, deadlock), out of resources,
  // operator intervention (shutdown, start, timeout), system error (the disk).
  constexpr std::array<std::string_view, 5> classes{"08", "40", "53", "57", "58"};
  constexpr std::string_view read_only_transaction = "25006";  // a standby, before its promotion
  constexpr std::string_view lock_not_available = "55P03";
  return sqlstate == read_only_transaction || sqlstate == lock_not_available ||
         std::find(classes.begin(), classes.end(), sqlstate.substr(0, 2)) != classes.end();
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
  if (state.empty() || may_pass(state)) return Unavailable(text);
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
