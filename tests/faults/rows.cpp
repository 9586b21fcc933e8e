#include "tests/faults/rows.hpp"

#include <libpq-fe.h>

#include <functional>
#include <memory>
#include <stdexcept>

#include "tests/support/process.hpp"

namespace jangbu::test {

namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

Connection connect(const std::string& conninfo) {
  Connection connection(PQconnectdb(conninfo.c_str()), PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK)
    throw std::runtime_error(PQerrorMessage(connection.get()));
  return connection;
}

// Calls back for each row, with a function that tells a column's text.
using Column = std::function<std::string(int)>;
void each_row(PGconn* connection, const char* sql, const std::function<void(const Column&)>& row) {
  const Result result(PQexec(connection, sql), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
    throw std::runtime_error(std::string(sql) + ": " + PQerrorMessage(connection));
  for (int i = 0; i < PQntuples(result.get()); ++i)
    row([&](int column) { return std::string(PQgetvalue(result.get(), i, column)); });
}

std::uint64_t lowest_position(PGconn* connection) {
  std::uint64_t position = 0;
  each_row(connection,
           "SELECT coalesce(min(position), 0) FROM jangbu.checkpoints WHERE state = 'serving'",
           [&](const Column& column) { position = std::stoull(column(0)); });
  return position;
}

}  // namespace

Rows read_rows(const std::string& conninfo) {
  const auto connection = connect(conninfo);
  const auto each = [&](const char* sql, const std::function<void(const Column&)>& row) {
    each_row(connection.get(), sql, row);
  };
  Rows rows;
  rows.position = lowest_position(connection.get());
  each("SELECT count(*) FROM jangbu.parked",
       [&](const Column& column) { rows.parked = std::stoi(column(0)); });
  each("SELECT id, name, address_line, closed_at IS NOT NULL FROM jangbu.accounts",
       [&](const Column& column) {
         rows.accounts[column(0)] = {column(1), column(2), column(3) == "t"};
       });
  each(
      "SELECT id, unit_price, stock, withdrawn_at IS NOT NULL FROM jangbu.products",
      [&](const Column& column) {
        rows.products[column(0)] = {std::stoll(column(1)), std::stoll(column(2)), column(3) == "t"};
      });
  each("SELECT id, buyer_id, address_line, status, total FROM jangbu.purchases",
       [&](const Column& column) {
         rows.purchases[column(0)] = {column(1), column(2), column(3), std::stoll(column(4))};
       });
  each("SELECT id, status, jsonb_array_length(scans), closed_at IS NOT NULL FROM jangbu.deliveries",
       [&](const Column& column) {
         rows.deliveries[column(0)] = {column(1), std::stoll(column(2)), column(3) == "t"};
       });
  each("SELECT entity_id, position, index FROM jangbu.history", [&](const Column& column) {
    rows.history.emplace(column(0), std::stoull(column(1)),
                         static_cast<std::uint32_t>(std::stoul(column(2))));
  });
  return rows;
}

bool reach(const std::string& conninfo, std::uint64_t position, int seconds) {
  const auto connection = connect(conninfo);
  try {
    wait_until(
        "the read models", [&] { return lowest_position(connection.get()) >= position; },
        std::chrono::seconds(seconds));
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace jangbu::test
