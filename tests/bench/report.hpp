// What the benchmark found out, for people and for machines.
#pragma once

#include <iosfwd>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/bench_shop.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/sql_load.hpp"

namespace jangbu::bench {

// The repetitions of one figure.
class Series {
 public:
  void add(double value) { values_.push_back(value); }
  bool empty() const { return values_.empty(); }
  // REQUIRES: not empty.
  double median() const;
  double least() const;
  double most() const;

 private:
  std::vector<double> values_;
};

nlohmann::ordered_json to_json(const Series& series);
nlohmann::ordered_json to_json(const Machine& machine);
// The machine, and the versions of what ran on it.
void print(const Machine& machine, const std::map<std::string, std::string>& versions,
           std::ostream& out);

std::string grouped(double value);  // 38,412
std::string with_decimals(double value, int decimals);

struct Speed {
  Series per_second;
  Series p50_ms;
  Series p99_ms;

  void add(const Measured& measured);
};

// One line: so many connections, on one product or all.
struct Cell {
  bool projector;
  bool hot;
  std::size_t connections;
  Speed jangbu;
  Series purchases_per_commit;
  // Processor time that a purchase took, by program; that of the load itself is among them.
  std::map<std::string, Series> cpu_us;
  Series wal_bytes;  // that PostgreSQL wrote for a purchase; empty without projector
  Series behind_s;   // how long the read models needed after a round; empty without projector
  Series others;     // the share of the processors that programs of others used
};

// One line of SQL transactions: so many clients, measured in the same minutes as the cells.
struct SqlCell {
  bool projector;  // of the shop beside whose rounds it was measured
  bool hot;
  SqlJob job;
  std::size_t clients;
  Speed speed;
};

struct Report {
  Machine machine;
  std::map<std::string, std::string> versions;
  int repetitions;
  int seconds;
  std::size_t accounts;
  std::size_t products;
  bool keys;  // each purchase has an idempotency key
  std::vector<Cell> cells;
  std::vector<SqlCell> sql;                        // empty without pgbench
  std::map<std::string, BenchShop::Audit> audits;  // by projector: on, off

  bool good() const;
  // How many times as fast it is as SQL at its best number of clients; nothing without pgbench.
  std::optional<double> times(const Cell& cell, SqlJob job) const;
};

void print(const Report& report, std::ostream& out);
nlohmann::ordered_json to_json(const Report& report);

}  // namespace jangbu::bench
