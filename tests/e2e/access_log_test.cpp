// The access log, and what the log of events keeps of a request's trace.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<Json> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

// The line of the request with this id, once it is written.
Json line_of(const std::filesystem::path& file, const std::string& request_id) {
  Json found;
  wait_until("the line of " + request_id, [&] {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line) && !stream.eof();)
      if (const Json json = Json::parse(line); json.at("requestId") == request_id) found = json;
    return !found.is_null();
  });
  return found;
}

constexpr const char* trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("A line of JSON for each request, without personal data") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "access.log";
  Shop shop({"--access-log", file});
  const HttpClient::Fields fields{
      {"X-Request-Id", "req-1"}, {"traceparent", trace}, {"Idempotency-Key", "one"}};
  Reply reply = shop.accounts().post("/accounts", account("홍길동"), fields);
  REQUIRE(reply.status == 201);
  CHECK(reply.header("x-request-id") == "req-1");
  Json line = line_of(file, "req-1");
  CHECK(line.at("service") == "account");
  CHECK(line.at("method") == "POST");
  CHECK(line.at("route") == "/accounts");
  CHECK(line.at("status") == 201);
  CHECK(line.at("bytes") > reply.body.size());
  CHECK(line.at("durationUs") > 0);
  CHECK(line.at("traceparent") == trace);
  CHECK(line.at("time").get<std::string>().ends_with("Z"));
  CHECK_FALSE(line.contains("replayed"));

  HttpClient::Fields again = fields;
  again[0].second = "req-2";
  reply = shop.accounts().post("/accounts", account("홍길동"), again);
  CHECK(reply.header("idempotent-replayed") == "true");
  CHECK(line_of(file, "req-2").at("replayed") == true);

  // Names are in the path and in the query, and not in the line.
  reply = shop.accounts().get("/accounts/search/findByName?name=" + percent_encoded("홍길동"));
  CHECK(line_of(file, reply.header("x-request-id")).at("route") == "/accounts/search/findByName");
  reply = shop.accounts().get("/accounts/" + percent_encoded("홍길동"));
  CHECK(reply.status == 404);
  CHECK(line_of(file, reply.header("x-request-id")).at("route") == "/accounts/{id}");
  reply = shop.accounts().get("/" + percent_encoded("홍길동"));
  CHECK(line_of(file, reply.header("x-request-id")).at("route") == nullptr);

  CHECK(shop.jangbu.stop() == 0);
  const auto lines = lines_of(file);
  for (const Json& each : lines) {
    CHECK(each.dump().find("홍길동") == std::string::npos);
    CHECK(each.dump().find("%ED") == std::string::npos);
  }

  // The next start goes on in the file.
  shop.jangbu.start();
  CHECK(shop.jangbu.stop() == 0);
  CHECK(lines_of(file).size() > lines.size());
}

TEST_CASE("Without being asked for there is no access log, and request ids all the same") {
  Shop shop;
  const Reply reply = shop.accounts().get("/accounts");
  CHECK_FALSE(reply.header("x-request-id").empty());
  CHECK(shop.jangbu.log_text().find("requestId") == std::string::npos);
}

TEST_CASE("An access log that cannot be written is named at start") {
  NatsServer nats;
  PostgresServer postgres;
  const TemporaryFolder folder;
  const auto jangbu = run_jangbu(
      {"serve", "--access-log", folder.path(), "--port-base", std::to_string(free_port_base()),
       "--nats-url", nats.url(), "--nats-monitor-url", nats.monitor_url(), "--database",
       postgres.create_database(), "--data", folder.path() / "data"},
      folder.path() / "log");
  CHECK(jangbu->wait(30s) != 0);
  CHECK(jangbu->log_text().find("--access-log") != std::string::npos);
}

TEST_CASE("An access log that has no room left keeps nobody waiting, and is told of") {
  Shop shop({"--access-log", "/dev/full"});
  open_account(shop, "홍길동");
  wait_until("lost lines to be counted",
             [&] { return shop.jangbu.metric("jangbu_access_log_dropped_total") > 0; });
  wait_until("the line", [&] {
    return shop.jangbu.log_text().find("the access log is not complete") != std::string::npos;
  });
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("The trace of a request is kept with its event, if it is valid; else its id") {
  Shop shop;
  HttpClient accounts = shop.accounts();
  accounts.post("/accounts", account("하나"), {{"traceparent", trace}, {"X-Request-Id", "one"}});
  accounts.post("/accounts", account("둘"),
                {{"traceparent", "00-zz-yy-01"}, {"X-Request-Id", "two"}});
  accounts.post("/accounts", account("셋"), {{"traceparent", "nonsense"}});
  accounts.post("/accounts", account("넷"), {{"X-Request-Id", std::string(129, 'x')}});
  CHECK(read_ledger(shop.nats).correlations == std::vector<std::string>{trace, "two", "", ""});
}
