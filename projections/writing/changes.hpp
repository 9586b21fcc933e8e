// Writes what a fold has gathered, with a few bulk statements.
//
// Threads: as the fold's and the connection's. Errors: Unfit if a row's values are to blame, or a
// statement changes another number of rows than it must; otherwise as pg::Connection's.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <vector>

#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/writing/batches.hpp"

namespace jangbu {

// A row that cannot be written because of what its events say.
class Unfit : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void fold_commit(Fold& fold, const DecodedCommit& commit);

// Takes what the fold has gathered. Throws Unfit.
std::vector<Change> take_changes(Fold& fold, const Wanted& wanted);

// How many rows a statement changed.
std::size_t rows_of(const pg::Result& result);

// Copies the rows of a change that inserts. `options` are those of COPY, each behind a comma.
// Throws Unfit if a value does not fit.
void copy(pg::Connection& connection, const Change& change, std::string_view options = {});

// Executes the changes, and then `others`: large insertions by COPY, the rest in one round trip.
// Throws Unfit if a change does not fit.
void execute(pg::Connection& connection, std::vector<Change> changes,
             const std::vector<pg::Call>& others = {});

}  // namespace jangbu
