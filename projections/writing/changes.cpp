#include "projections/writing/changes.hpp"

#include <cstdlib>
#include <utility>

namespace jangbu {

namespace {

// From this many rows on, COPY saves PostgreSQL more (an eighth of the time, a tenth of the WAL)
// than its round trip costs.
constexpr std::size_t worth_a_copy = 200;

}  // namespace

void fold_commit(Fold& fold, const DecodedCommit& from) {
  std::uint32_t index = 0;
  for (const RecordedEvent& event : from.commit.events) fold.apply({from.position, index++}, event);
}

std::vector<Change> take_changes(Fold& fold, const Wanted& wanted) {
  try {
    return fold.take(wanted);
  } catch (const std::exception& error) {
    throw Unfit(error.what());
  }
}

std::size_t rows_of(const pg::Result& result) {
  return std::strtoull(PQcmdTuples(result.get()), nullptr, 10);
}

void copy(pg::Connection& connection, const Change& change, std::string_view options) {
  try {
    connection.copy("COPY " + std::string(change.table) + " FROM STDIN (FORMAT binary" +
                        std::string(options) + ")",
                    pg::copy_rows(change.params, change.rows));
  } catch (const pg::SqlError& error) {
    if (pg::is_about_values(error.sqlstate())) throw Unfit(error.what());
    throw;
  }
}

void execute(pg::Connection& connection, std::vector<Change> changes,
             const std::vector<pg::Call>& others) {
  // Insertions come first, whatever the order of the read models.
  std::erase_if(changes, [&](const Change& change) {
    const bool copied = !change.table.empty() && change.rows >= worth_a_copy;
    if (copied) copy(connection, change);
    return copied;
  });
  std::vector<pg::Call> calls;
  for (Change& change : changes) calls.push_back({change.statement, std::move(change.params)});
  calls.insert(calls.end(), others.begin(), others.end());
  if (calls.empty()) return;
  std::vector<pg::Result> results;
  try {
    results = connection.pipeline(calls);
  } catch (const pg::SqlError& error) {
    if (pg::is_about_values(error.sqlstate())) throw Unfit(error.what());
    throw;
  }
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (const std::size_t rows = rows_of(results[i]); rows != changes[i].rows)
      throw Unfit(changes[i].statement->name + " changed " + std::to_string(rows) +
                  " rows instead of " + std::to_string(changes[i].rows) +
                  ": an event that does not follow from the ones before, or a table that was "
                  "changed by hand");
}

}  // namespace jangbu
