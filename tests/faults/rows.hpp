// The read models' rows as PostgreSQL has them, read with SQL of the checker's own through the
// views that people read.
//
// Threads: a pure function of the database. Errors: std::runtime_error.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace jangbu::test {

struct AccountRow {
  std::string name, address;
  bool closed = false;

  friend bool operator==(const AccountRow&, const AccountRow&) = default;
};
struct ProductRow {
  std::int64_t price = 0, stock = 0;
  bool withdrawn = false;

  friend bool operator==(const ProductRow&, const ProductRow&) = default;
};
struct PurchaseRow {
  std::string buyer, address, status;
  std::int64_t total = 0;

  friend bool operator==(const PurchaseRow&, const PurchaseRow&) = default;
};
struct DeliveryRow {
  std::string status;
  std::int64_t scans = 0;
  bool closed = false;

  friend bool operator==(const DeliveryRow&, const DeliveryRow&) = default;
};

struct Rows {
  std::map<std::string, AccountRow> accounts;
  std::map<std::string, ProductRow> products;
  std::map<std::string, PurchaseRow> purchases;
  std::map<std::string, DeliveryRow> deliveries;
  // Entity, position, index.
  std::set<std::tuple<std::string, std::uint64_t, std::uint32_t>> history;
  std::uint64_t position = 0;  // that all read models have reached
  int parked = 0;
};

Rows read_rows(const std::string& conninfo);

// Waits until all read models have reached the position; false when they do not in time.
bool reach(const std::string& conninfo, std::uint64_t position, int seconds);

}  // namespace jangbu::test
