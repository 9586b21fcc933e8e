// How PostgreSQL says no. What time or an operator can mend (no connection, a server that starts,
// stops or has run out of something, a lost race) is `Unavailable`; anything else is the
// statement's own fault and trying again does not help: `SqlError`.
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
  // Without an SQLSTATE it is the connection that failed.
  explicit Away(const std::string& text, std::string_view sqlstate = {});

  // In words of ours, which clients may read: no host, no user, no SQL.
  const std::string& in_words() const { return in_words_; }

 private:
  std::string in_words_;
};

namespace sqlstate {
inline constexpr std::string_view unknown_statement = "26000";
inline constexpr std::string_view duplicate_statement = "42P05";
inline constexpr std::string_view stale_plan = "0A000";  // among others
}  // namespace sqlstate

// libpq's messages end with a line feed, and some have several lines.
std::string one_line(std::string text);

// True when the statement names a table or a schema that is not there.
bool is_about_absence(std::string_view sqlstate);

// True for the SQLSTATEs that may be gone when the same is tried later.
bool may_pass(std::string_view sqlstate);

// True for the classes "data exception" and "integrity constraint violation": the values are to
// blame, not the statement.
bool is_about_values(std::string_view sqlstate);

// The SQLSTATE of a failed result; empty when the failure is the connection's.
std::string sqlstate_of(const PGresult* result);

// What a failed result means.
using Failure = std::variant<SqlError, Away>;
Failure failure_of(const PGresult* result);

// Throws what a failed result means; returns when it is not one.
void require_success(const PGresult* result);

}  // namespace jangbu::pg
