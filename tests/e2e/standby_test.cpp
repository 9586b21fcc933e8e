// A shop whose read models are in a PostgreSQL that has a standby.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("A standby of the database answers queries, and takes over") {
  Shop shop;
  CHECK(shop.jangbu.stop() == 0);
  const auto standby = PostgresServer::standby_of(shop.postgres);
  const std::string name = shop.database.substr(shop.database.rfind('=') + 1);
  ServeProcess::Options options = shop.options();
  options.database = shop.postgres.conninfo_with(*standby, name) + " password=geheim";
  options.flags = {"--query-database", options.database + " target_session_attrs=prefer-standby"};
  ServeProcess jangbu(options);
  HttpClient accounts = jangbu.client(Service::account);
  const auto is_readable = [&](const Reply& opened) {
    return accounts.get(at(opened.header("location"), opened.position())).json == opened.json;
  };

  // Read your own writes, although the standby has them a moment later.
  const Reply first = accounts.post("/accounts", account("홍길동"));
  REQUIRE(first.status == 201);
  CHECK(is_readable(first));
  shop.postgres.kill();
  CHECK(is_readable(first));
  const Reply second = accounts.post("/accounts", account("이순신"));
  REQUIRE(second.status == 201);
  const Reply behind = accounts.get(second.header("location") +
                                    "?waitMs=0&minPosition=" + std::to_string(second.position()));
  CHECK(behind.status == 503);
  CHECK(behind.code() == "read-model-behind");

  // A start needs none that takes writes.
  CHECK(jangbu.stop() == 0);
  CHECK_THAT(jangbu.log_text(), ContainsSubstring("read-only") && !ContainsSubstring("geheim"));
  jangbu.launch();
  wait_until("the start", [&] { return accepts_connections(jangbu.port(Service::account)); });
  CHECK(is_readable(first));
  standby->promote();
  wait_until("what was bought meanwhile", [&] { return is_readable(second); });
  CHECK(jangbu.stop() == 0);
  CHECK(jangbu.sanitizer_report() == "");
}
