// Errors from PostgreSQL. What time or an operator can fix (no connection, a server that is
// starting, stopping or out of some resource, a lost race) is `Unavailable`; anything else is the
// statement's own fault, where retrying does not help: `SqlError`.
#pragma once

#include <libpq-fe.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

#include "events/errors.hpp"

namespace jangbu::pg {

class SqlError : public std::runtime_error {
 public:
  SqlError(std::string sqlstate, const std::string& text)
      : std::runtime_error(text), sqlstate_(std::move(sqlstate)) {}

  // Five characters, see https://www.postgresql.org/docs/15/errcodes-appendix.html
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// `Unavailable` because of PostgreSQL.
class Away : public Unavailable {
 public:
  // An empty SQLSTATE means that the connection failed.
  explicit Away(const std::string& text, std::string_view sqlstate = {});

  // The error in Jangbu's own words, safe to show to clients: no host, no user, no SQL.
  const std::string& in_words() const { return in_words_; }

 private:
  std::string in_words_;
};

namespace sqlstate {
inline constexpr std::string_view unknown_statement = "26000";
inline constexpr std::string_view duplicate_statement = "42P05";
inline constexpr std::string_view stale_plan = "0A000";             // among others
inline constexpr std::string_view read_only_transaction = "25006";  // at a standby, among others
}  // namespace sqlstate

// libpq's messages end with a line feed, and some span several lines.
std::string one_line(std::string text);

// True when the statement names a table or schema that does not exist.
bool is_about_absence(std::string_view sqlstate);

// True for SQLSTATEs that a later attempt may not meet again.
bool may_pass(std::string_view sqlstate);

// True for the classes "data exception" and "integrity constraint violation": the values are to
// blame, not the statement.
bool is_about_values(std::string_view sqlstate);

// The SQLSTATE of a failed result; empty when the failure is the connection's.
std::string sqlstate_of(const PGresult* result);

// What a failed result means.
using Failure = std::variant<SqlError, Away>;
Failure failure_of(const PGresult* result);

// Throws what a failed result means; returns if the result is not a failure.
void require_success(const PGresult* result);

}  // namespace jangbu::pg
