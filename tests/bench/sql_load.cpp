#include "tests/bench/sql_load.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "infra/postgres/connection.hpp"
#include "tests/support/process.hpp"

namespace jangbu::bench {

namespace {

constexpr const char* tables = R"sql(
CREATE TABLE account (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  line text NOT NULL,
  zip_code text NOT NULL);
CREATE TABLE product (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  unit_price bigint NOT NULL,
  stock bigint NOT NULL CHECK (stock >= 0));
CREATE TABLE purchase (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  buyer bigint NOT NULL,
  recipient text NOT NULL,
  line text NOT NULL,
  zip_code text NOT NULL,
  product bigint NOT NULL,
  product_name text NOT NULL,
  quantity bigint NOT NULL,
  total bigint NOT NULL,
  purchased_at timestamptz NOT NULL DEFAULT now());
)sql";

// The columns and indexes of ../../projections/tables/*.sql.
constexpr const char* read_model_tables = R"sql(
CREATE TABLE full_purchase (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  buyer_id bigint NOT NULL,
  buyer_name text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  lines json NOT NULL,
  total bigint NOT NULL,
  currency text NOT NULL DEFAULT 'KRW',
  status text NOT NULL DEFAULT 'completed',
  purchased_at timestamptz NOT NULL DEFAULT now(),
  cancelled_at timestamptz);
CREATE INDEX ON full_purchase (buyer_id, status, id);
CREATE INDEX ON full_purchase (status, id);
CREATE TABLE delivery (
  id bigint PRIMARY KEY,
  buyer_id bigint NOT NULL,
  recipient text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  items json NOT NULL,
  status text NOT NULL DEFAULT 'preparing',
  carrier text NOT NULL DEFAULT '',
  tracking_number text NOT NULL DEFAULT '',
  scans jsonb NOT NULL DEFAULT '[]',
  scan_count integer NOT NULL DEFAULT 0,
  last_scan jsonb,
  opened_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz);
CREATE INDEX ON delivery (buyer_id, status, id);
CREATE INDEX ON delivery (status, id);
CREATE TABLE history (
  entity_id bigint NOT NULL,
  index integer NOT NULL,
  entity_kind text NOT NULL DEFAULT 'purchase',
  type text NOT NULL DEFAULT 'PurchaseCompleted',
  occurred_at timestamptz NOT NULL DEFAULT now(),
  event json NOT NULL,
  PRIMARY KEY (entity_id, index));
)sql";

// Small keys, no foreign keys, no index but the primary keys: kind to SQL where there is a choice.
constexpr const char* transaction = R"sql(\set buyer random(1, :accounts)
\set product random(1, :products)
BEGIN;
SELECT name AS recipient, line, zip_code FROM account WHERE id = :buyer \gset
SELECT name AS product_name, unit_price FROM product WHERE id = :product \gset
UPDATE product SET stock = stock - 1 WHERE id = :product AND stock >= 1;
INSERT INTO purchase (buyer, recipient, line, zip_code, product, product_name, quantity, total)
  VALUES (:buyer, :recipient, :line, :zip_code, :product, :product_name, 1, :unit_price);
COMMIT;
)sql";

// In no more round trips than the other.
constexpr const char* read_model_transaction = R"sql(\set buyer random(1, :accounts)
\set product random(1, :products)
BEGIN;
SELECT name AS recipient, line, zip_code FROM account WHERE id = :buyer \gset
SELECT name AS product_name, unit_price FROM product WHERE id = :product \gset
UPDATE product SET stock = stock - 1 WHERE id = :product AND stock >= 1;
WITH bought AS (
  INSERT INTO full_purchase (buyer_id, buyer_name, address_line, zip_code, lines, total)
    VALUES (:buyer, :recipient, :line, :zip_code,
            json_build_array(json_build_object(
              'productId', :product::bigint, 'name', :product_name::text, 'unitPrice', :unit_price::bigint,
              'currency', 'KRW', 'quantity', 1, 'total', :unit_price::bigint)), :unit_price)
    RETURNING id),
shipped AS (
  INSERT INTO delivery (id, buyer_id, recipient, address_line, zip_code, items)
    SELECT id, :buyer::bigint, :recipient::text, :line::text, :zip_code::text,
           json_build_array(json_build_object('productId', :product::bigint, 'name', :product_name::text,
                                              'quantity', 1)) FROM bought)
INSERT INTO history (entity_id, index, event)
  SELECT id, 0, json_build_object('buyer', :buyer::bigint, 'name', :recipient::text, 'line', :line::text,
                                  'zipCode', :zip_code::text, 'product', :product::bigint,
                                  'productName', :product_name::text, 'quantity', 1,
                                  'total', :unit_price::bigint) FROM bought;
COMMIT;
)sql";

constexpr const char* lookup = R"sql(\set buyer random(1, :accounts)
SELECT * FROM account WHERE id = :buyer;
)sql";

// pgbench's own work must not be what is measured, nor take more of the processors than it needs.
constexpr std::size_t most_threads = 2;

std::string number(std::size_t value) {
  return std::to_string(value);
}

// Transactions a second, as pgbench reckons them: from when all clients are connected.
double rate_of(const std::string& output) {
  constexpr std::string_view label = "tps = ";
  const std::size_t at = output.find(label);
  if (at == output.npos) throw std::runtime_error("pgbench tells no rate:\n" + output);
  return std::stod(output.substr(at + label.size()));
}

// From the files that pgbench's threads wrote, a line a transaction: client, number, microseconds,
// …
std::vector<std::uint32_t> take_latencies(const std::filesystem::path& folder,
                                          const std::string& prefix) {
  std::vector<std::uint32_t> latencies;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with(prefix + ".")) continue;
    std::ifstream file(entry.path());
    std::uint64_t client = 0, number = 0;
    for (std::uint32_t us = 0; file >> client >> number >> us;) {
      latencies.push_back(us);
      file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    std::filesystem::remove(entry.path());
  }
  return latencies;
}

}  // namespace

SqlShop::SqlShop(std::string conninfo, std::filesystem::path folder, std::size_t accounts,
                 std::size_t products)
    : conninfo_(std::move(conninfo)),
      folder_(std::move(folder)),
      accounts_(accounts),
      products_(products) {
  pg::Connection database({.conninfo = conninfo_});
  database.run(tables);
  database.run(read_model_tables);
  database.run(
      "INSERT INTO account SELECT n, 'Buyer ' || n, n || ' Sejong-daero, Jongno-gu, Seoul', "
      "'03172' FROM generate_series(1, " +
      number(accounts) + ") n");
  database.run(
      "INSERT INTO product SELECT n, 'Product ' || n, 12900, 1000000000 FROM "
      "generate_series(1, " +
      number(products) + ") n");
  database.run("VACUUM ANALYZE");
  std::ofstream(folder_ / "purchase.sql") << transaction;
  std::ofstream(folder_ / "read_models.sql") << read_model_transaction;
  std::ofstream(folder_ / "lookup.sql") << lookup;
}

Measured SqlShop::run(const Round& round) {
  return run(round, round.job == SqlJob::state ? "purchase.sql" : "read_models.sql");
}

Measured SqlShop::look_up(const Round& round) {
  return run(round, "lookup.sql");
}

Measured SqlShop::run(const Round& round, const std::string& script) {
  const std::string prefix = "round-" + std::to_string(++rounds_);
  test::Process pgbench(
      {.command = {"pgbench", "--no-vacuum", "--protocol=prepared",
                   "--file=" + (folder_ / script).string(), "--client=" + number(round.clients),
                   "--jobs=" + number(std::min(round.clients, most_threads)),
                   "--time=" + std::to_string(round.seconds),
                   "--define=accounts=" + number(accounts_),
                   "--define=products=" + number(round.hot ? 1 : products_), "--log",
                   "--log-prefix=" + (folder_ / prefix).string(), conninfo_},
       .log = folder_ / ("pgbench-" + prefix)});
  const int status = pgbench.wait(std::chrono::seconds(round.seconds + 60));
  const std::string text = pgbench.log_text();
  if (status != 0) throw std::runtime_error("pgbench failed:\n" + text);
  Measured measured;
  measured.latencies_us = take_latencies(folder_, prefix);
  measured.seconds = static_cast<double>(measured.latencies_us.size()) / rate_of(text);
  return measured;
}

}  // namespace jangbu::bench
