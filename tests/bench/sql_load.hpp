// The same job as one SQL transaction, by pgbench: what a shop that keeps its state in tables does
// for a purchase.
//
// Which job that is can be argued about, so there are two. `state` leaves a row for the purchase
// and no index but the primary keys. `read_models` leaves what our read models have: rows for the
// purchase, its delivery and its history, with the same indexes.
//
// Errors: std::runtime_error with pgbench's words.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "tests/bench/http_load.hpp"

namespace jangbu::bench {

enum class SqlJob { state, read_models };

class SqlShop {
 public:
  // Makes and fills its tables in this (empty) database. The folder is for pgbench's files.
  SqlShop(std::string conninfo, std::filesystem::path folder, std::size_t accounts,
          std::size_t products);

  struct Round {
    std::size_t clients;
    int seconds;
    bool hot;  // all buy the same product
    SqlJob job = SqlJob::state;
  };
  Measured run(const Round& round);
  // Instead of purchases, one SELECT of a random account by its key.
  Measured look_up(const Round& round);

 private:
  Measured run(const Round& round, const std::string& script);

  const std::string conninfo_;
  const std::filesystem::path folder_;
  const std::size_t accounts_;
  const std::size_t products_;
  int rounds_ = 0;
};

}  // namespace jangbu::bench
