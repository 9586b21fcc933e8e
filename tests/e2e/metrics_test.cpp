// GET /metrics, and what the files in infra/monitoring make of it.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "infra/postgres/connection.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/support/files.hpp"

using namespace jangbu::test;

namespace {

namespace fs = std::filesystem;

// A scrape: every sample by its name and labels, as they are written.
class Scrape {
 public:
  explicit Scrape(const Shop& shop) : text(shop.operations().get("/metrics").body) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string mark, what, name;
      if (line.starts_with('#')) {
        words >> mark >> what >> name;
        if (what == "TYPE") families.insert(name);
        continue;
      }
      const std::size_t blank = line.rfind(' ');
      samples[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
    }
  }

  double operator[](const std::string& sample) const {
    const auto found = samples.find(sample);
    return found == samples.end() ? -1 : found->second;
  }

  // That a query may name: a histogram has three.
  bool offers(const std::string& name) const {
    for (const std::string_view suffix : {"", "_bucket", "_sum", "_count"})
      if (name.ends_with(suffix) && families.contains(name.substr(0, name.size() - suffix.size())))
        return true;
    return false;
  }

  std::string text;
  std::set<std::string> families;
  std::map<std::string, double> samples;
};

// promtool, if it is here: from PATH, or out of Debian's package by infra/install.
std::string promtool() {
  std::istringstream folders(std::string(std::getenv("PATH")) + ":" JANGBU_TOOLS "/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (fs::exists(fs::path(folder) / "promtool")) return fs::path(folder) / "promtool";
  return {};
}

std::set<std::string> metric_names_in(const std::string& text) {
  static const std::regex pattern(R"(\b(jangbu|process)_[a-z_]+\b)");
  std::set<std::string> names;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    names.insert(match->str());
  return names;
}

void collect_queries(const Json& json, std::string& queries) {
  if (json.is_object() && json.contains("expr"))
    queries += json.at("expr").get<std::string>() + "\n";
  if (json.is_object() && json.contains("definition"))
    queries += json.at("definition").get<std::string>() + "\n";
  if (json.is_structured())
    for (const Json& part : json) collect_queries(part, queries);
}

}  // namespace

TEST_CASE("Metrics tell of requests, commands, commits and read models") {
  Shop shop;
  const auto begin = static_cast<double>(log_end(shop));
  const Scrape before(shop);
  const auto increase = [&](const Scrape& now, const std::string& name) {
    return now[name] - before[name];
  };
  const Json buyer = open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 3);
  HttpClient purchases = shop.purchases();
  const HttpClient::Fields key{{"Idempotency-Key", "one"}};
  CHECK(purchases.post("/purchases", one_line("홍길동", "쑥차 50g"), key).status == 201);
  CHECK(purchases.post("/purchases", one_line("홍길동", "쑥차 50g"), key).status == 201);
  CHECK(purchases.post("/purchases", one_line("홍길동", "쑥차 50g", 9)).status == 409);
  CHECK(purchases.post("/purchases", one_line("아무개", "쑥차 50g")).status == 404);
  const Json quote = ask_for_quote(shop, "홍길동", "쑥차 50g");
  CHECK(purchases.get("/nowhere").status == 404);
  const Reply bought = purchases.post("/purchases", {{"quoteId", quote.at("quoteId")}});
  REQUIRE(bought.status == 201);
  CHECK(shop.accounts().get(at("/accounts/" + id_of(buyer), bought.position())).status == 200);
  // Queries see a transaction of the projector before its own counters tell of it.
  wait_until("the projector", [&] { return Scrape(shop)["jangbu_projection_events_total"] == 4; });

  const Scrape scrape(shop);
  INFO(scrape.text);
  const std::string request = "jangbu_http_requests_total{service=\"purchase\"";
  const std::string to_purchases = request + ",method=\"POST\",route=\"/purchases\",status=";
  CHECK(scrape[to_purchases + "\"201\"}"] == 3);
  CHECK(scrape[to_purchases + "\"409\"}"] == 1);
  CHECK(scrape[to_purchases + "\"404\"}"] == 1);
  CHECK(scrape[request + ",status=\"404\"}"] == 1);
  CHECK(scrape["jangbu_http_request_duration_seconds_count{service=\"purchase\","
               "method=\"POST\",route=\"/purchases\"}"] == 5);

  const std::string buys = "jangbu_commands_total{command=\"BuyNow\",outcome=";
  CHECK(scrape[buys + "\"recorded\"}"] == 1);
  CHECK(scrape[buys + "\"repeated\"}"] == 1);
  CHECK(scrape[buys + "\"refused\",problem=\"insufficient-stock\"}"] == 1);
  CHECK(scrape[buys + "\"refused\",problem=\"account-not-found\"}"] == 1);
  CHECK(scrape["jangbu_commands_total{command=\"RequestQuote\",outcome=\"offered\"}"] == 1);
  CHECK(scrape["jangbu_command_duration_seconds_count{command=\"BuyNow\"}"] == 4);
  CHECK(scrape["jangbu_command_duration_seconds_sum{command=\"BuyNow\"}"] > 0);
  CHECK(scrape["jangbu_command_duration_seconds_sum{command=\"BuyNow\"}"] < 60);

  CHECK(scrape["jangbu_commit_events_sum"] == 4);
  CHECK(increase(scrape, "jangbu_commit_events_count") == 4);
  CHECK(scrape["jangbu_commit_size_bytes_sum"] > 400);
  CHECK(increase(scrape, "jangbu_commit_append_duration_seconds_count") == 4);
  CHECK(scrape["jangbu_writer_state{state=\"active\"}"] == 1);
  CHECK(scrape["jangbu_writer_state{state=\"halted\"}"] == 0);
  CHECK(scrape["jangbu_writer_position"] == begin + 4);
  CHECK(scrape["jangbu_idempotency_keys"] == 2);
  CHECK(scrape["jangbu_idempotency_keys_bytes"] > 2 * 64);
  CHECK(scrape["jangbu_idempotency_window_seconds"] == 24 * 60 * 60);
  CHECK(scrape["jangbu_views_rows{view=\"accounts\"}"] == 1);
  CHECK(scrape["jangbu_views_rows{view=\"purchases\"}"] == 2);
  CHECK(scrape["jangbu_views_bytes{view=\"accounts\",part=\"rows\"}"] > 100);
  CHECK(scrape["jangbu_views_bytes{view=\"accounts\",part=\"index\"}"] > 0);
  CHECK(scrape["jangbu_snapshot_position"] == 0);
  CHECK(scrape["jangbu_snapshot_failures_total"] == 0);

  CHECK(scrape["jangbu_projection_state{state=\"following\"}"] == 1);
  CHECK(scrape["jangbu_projection_position"] == begin + 4);
  CHECK(scrape["jangbu_projection_lag_commits"] == 0);
  CHECK(scrape["jangbu_projection_lag_events"] == 0);
  CHECK(scrape["jangbu_projection_lag_seconds"] == 0);
  CHECK(scrape["jangbu_projection_events_total"] == 4);
  CHECK(scrape["jangbu_read_models_ready"] == 1);
  CHECK(scrape["jangbu_query_duration_seconds_count"] >= 1);

  CHECK(scrape["process_resident_memory_bytes"] > 1'000'000);
  CHECK(scrape["process_open_fds"] > 5);
  CHECK(scrape["process_max_fds"] > scrape["process_open_fds"]);
  CHECK(scrape["process_cpu_seconds_total"] > 0);
  CHECK(scrape["process_start_time_seconds"] > 1.6e9);

  // Labels have few values: nothing of an entity is in them.
  for (const std::string& secret : {id_of(buyer), std::string("홍길동"), std::string("쑥차")})
    CHECK(scrape.text.find(secret) == std::string::npos);
}

TEST_CASE("Metrics tell how far behind the read models are while PostgreSQL is away") {
  Shop shop;
  open_account(shop, "홍길동");
  const std::uint64_t end = log_end(shop);
  wait_until("the read models", [&] {
    return Scrape(shop)["jangbu_projection_position"] == static_cast<double>(end);
  });
  shop.postgres.stop();
  for (const char* name : {"김영희", "이순신", "황진이"}) open_account(shop, name);
  wait_until("the lag", [&] {
    const Scrape scrape(shop);
    return scrape["jangbu_projection_lag_seconds"] > 0.2 &&
           scrape["jangbu_projection_state{state=\"waiting\"}"] == 1 &&
           scrape["jangbu_read_models_ready"] == 0;
  });
  const Scrape scrape(shop);
  CHECK(scrape["jangbu_projection_lag_commits"] == 3);
  CHECK(scrape["jangbu_projection_lag_events"] == 3);
  CHECK(scrape["jangbu_projection_lag_seconds"] < 60);
}

TEST_CASE("read models that fall behind are seen in metrics, in answers and at /projections") {
  Shop shop;
  open_account(shop, "홍길동");
  const std::uint64_t end = log_end(shop);
  wait_until("the read models", [&] {
    return Scrape(shop)["jangbu_projection_position"] == static_cast<double>(end);
  });
  jangbu::pg::Connection holder({.conninfo = shop.database});
  jangbu::pg::Transaction held(holder);
  holder.run("LOCK TABLE accounts_1.accounts IN EXCLUSIVE MODE");  // who reads does not notice

  REQUIRE(shop.accounts().post("/accounts", account("김영희")).position() == end + 1);
  double lag = 0;
  wait_until("the lag", [&] { return (lag = Scrape(shop)["jangbu_projection_lag_seconds"]) > 0; });
  wait_until("more lag", [&] { return Scrape(shop)["jangbu_projection_lag_seconds"] > lag + 0.2; });
  CHECK(Scrape(shop)["jangbu_projection_lag_commits"] == 1);

  const Reply list = shop.accounts().get("/accounts");
  CHECK(list.position() == end);
  CHECK(list.json.at("items").size() == 1);
  const Reply waiting =
      shop.accounts().get("/accounts?waitMs=0&minPosition=" + std::to_string(end + 1));
  CHECK(waiting.code() == "read-model-behind");
  CHECK(waiting.json.at("expected") == end + 1);
  CHECK(waiting.json.at("actual") == end);
  const Json checks = shop.operations().get("/health/ready").json.at("checks");
  CHECK(checks.at("writer").at("position") == end + 1);
  CHECK(checks.at("projector").at("lag") == 1);
  const Reply projections = shop.operations().get("/projections");
  for (const Json& model : projections.json.at("items"))
    if (model.at("name") == "accounts") CHECK(model.at("lag") == 1);

  held.commit();
  wait_until("the end of the lag",
             [&] { return Scrape(shop)["jangbu_projection_lag_seconds"] == 0; });
  CHECK(shop.accounts().get("/accounts").position() == end + 1);
  CHECK(shop.accounts().get("/accounts").json.at("items").size() == 2);
}

TEST_CASE("Every metric that the dashboard and the alert rules name is there") {
  const TemporaryFolder folder;
  Shop shop({"--access-log", folder.path() / "access.log"});
  open_account(shop, "홍길동");
  const Scrape scrape(shop);
  INFO(scrape.text);
  std::string queries;
  collect_queries(Json::parse(read_text(fs::path(JANGBU_MONITORING) / "grafana-dashboard.json")),
                  queries);
  for (const std::string& text : {queries, read_text(fs::path(JANGBU_MONITORING) / "alerts.yml"),
                                  read_text(fs::path(JANGBU_MONITORING) / "alerts_test.yml")}) {
    const auto names = metric_names_in(text);
    CHECK(names.size() > 10);
    for (const std::string& name : names) {
      CAPTURE(name);
      CHECK(scrape.offers(name));
    }
  }
  CHECK_FALSE(scrape.offers("jangbu_no_such_metric"));
}

TEST_CASE("promtool finds nothing wrong with the metrics") {
  const std::string tool = promtool();
  if (tool.empty()) SKIP("promtool is not here: infra/install --tests fetches it");
  Shop shop;
  open_account(shop, "홍길동");
  open_account(shop, "홍길동 2");
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "metrics") << Scrape(shop).text;
  Process check(
      {.command = {"sh", "-c", tool + " check metrics <" + (folder.path() / "metrics").string()},
       .log = folder.path() / "log"});
  const int status = check.wait(60s);
  INFO(check.log_text());
  CHECK(status == 0);
}
