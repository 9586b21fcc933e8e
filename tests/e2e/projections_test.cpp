// The read models from outside: rebuilt over HTTP and by the command line while the shop sells,
// rows that are parked, and projectors that take over from each other.
#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "infra/eventlog/jetstream_log.hpp"
#include "infra/ids.hpp"
#include "infra/postgres/connection.hpp"
#include "tests/e2e/buyers.hpp"
#include "tests/e2e/replay.hpp"
#include "tests/e2e/requests.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Said {
  int status;
  std::string output;  // stdout and stderr
};

// Where the shop's servers are.
std::vector<std::string> environment(const Shop& shop) {
  return {"JANGBU_NATS_URL=" + shop.nats.url(), "JANGBU_DATABASE=" + shop.database};
}

Said run_tool(const Shop& shop, const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const auto process = run_jangbu(arguments, folder.path() / "log", environment(shop));
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

// `jangbu events check …` and `jangbu projections …`.
Said check(const Shop& shop, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"events", "check"});
  return run_tool(shop, arguments);
}

Said run(const Shop& shop, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "projections");
  return run_tool(shop, arguments);
}

Json projection(HttpClient operations, const std::string& name) {
  const Reply reply = operations.get("/projections");
  for (const Json& item : reply.json.at("items"))
    if (item.at("name") == name) return item;
  throw std::runtime_error("there is no projection " + name);
}

void execute(const Shop& shop, const std::string& sql) {
  jangbu::pg::Connection({.conninfo = shop.database}).run(sql);
}

// People who buy until it ends.
class Market {
 public:
  explicit Market(const Shop& shop)
      : buyers_({.shops = {&shop.jangbu},
                 .products = {id_of(list_product(shop, "쑥차 50g", 9'500, 10'000'000))},
                 .buyer = id_of(open_account(shop, "홍길동")),
                 .count = 4,
                 .insist = true}) {}

  std::vector<Attempt> close() {
    buyers_.enough();
    return buyers_.settle();
  }

 private:
  Buyers buyers_;
};

}  // namespace

TEST_CASE("A read model is rebuilt over HTTP while people buy", "[busy]") {
  Shop shop;
  Market market(shop);
  HttpClient operations = shop.operations();

  const Reply begun = operations.post("/projections/deliveries/rebuild", nullptr);
  CAPTURE(begun.body);
  REQUIRE(begun.status == 202);
  const std::string progress = begun.header("location");
  CHECK(progress == "/projections/deliveries/rebuild");
  wait_until(
      "the rebuild", [&] { return operations.get(progress).json.at("state") != "running"; }, 60s);
  const Reply done = operations.get(progress);
  CAPTURE(done.body);
  CHECK(done.json.at("state") == "done");
  const Json& result = done.json.at("result");
  CHECK(result.at("generation") == 2);
  CHECK(result.at("generationBefore") == 1);
  CHECK(result.at("comparison").at("equal") == true);
  CHECK(result.at("comparison").at("before") == result.at("comparison").at("after"));
  CHECK(result.at("position") >= result.at("comparison").at("position"));

  CHECK_FALSE(market.close().empty());
  wait_until("the projector to go on with it", [&] {
    const Json item = projection(shop.operations(), "deliveries");
    return item.at("generation") == 2 && item.at("lag") == 0;
  });
  const Json digest = projection(shop.operations(), "deliveries").at("digest");
  CHECK(digest.at("hash") == result.at("comparison").at("after").at("hash"));
  CHECK(digest.at("rows") == result.at("comparison").at("after").at("rows"));
  CHECK(digest.at("position") == result.at("comparison").at("position"));
  CHECK(projection(shop.operations(), "deliveries").at("rebuild") == "done");
  for (const char* of_a_rebuild : {"digest", "rebuild"})
    CHECK_FALSE(projection(shop.operations(), "accounts").contains(of_a_rebuild));
  CHECK(projected_rows(shop) == replayed_rows(shop));

  CHECK(operations.post("/projections/orders/rebuild", nullptr).code() == "projection-not-found");
  CHECK(operations.get("/projections/accounts/rebuild").code() == "projection-not-found");
}

TEST_CASE("The command line rebuilds, compares and goes back") {
  Shop shop;
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string bought = id_of(buy(shop, "홍길동", "쑥차 50g"));
  const Json later = buy(shop, "홍길동", "쑥차 50g");
  const std::uint64_t end = log_end(shop);
  shop.deliveries().get(at("/deliveries/" + id_of(later), end));

  Said said = run(shop, {"list"});
  CHECK(said.status == 0);
  CHECK_THAT(said.output, ContainsSubstring("deliveries   1           serving   this"));
  said = run(shop, {"prepare"});
  CHECK(said.status == 0);
  CHECK_THAT(said.output, ContainsSubstring("nothing to prepare"));

  said = run(shop, {"rollback", "deliveries"});
  CHECK(said.status == 1);
  CHECK_THAT(said.output, ContainsSubstring("jangbu: there is no earlier generation"));
  said = run(shop, {"rebuild", "deliveries"});
  CHECK(said.status == 0);
  CHECK_THAT(said.output,
             ContainsSubstring("generation 2 serves from position " + std::to_string(end) + " on"));
  CHECK_THAT(said.output, ContainsSubstring("are equal, 2 rows"));
  said = run(shop, {"rollback", "deliveries", "--json"});
  CAPTURE(said.output);
  REQUIRE(said.status == 0);
  CHECK(Json::parse(said.output).at("generation") == 1);

  CHECK(run(shop, {"diff", "deliveries"}).status == 0);
  execute(shop, "UPDATE jangbu.deliveries SET recipient = '임꺽정' WHERE id = '" + bought + "'");
  said = run(shop, {"diff", "deliveries"});
  CHECK(said.status == 1);
  CHECK_THAT(said.output, ContainsSubstring("event " + event_at(end - 1) + ": differs"));
  CHECK_THAT(said.output, ContainsSubstring(R"(recipient: "임꺽정" -> "홍길동")"));
  said = run(shop, {"rebuild", "deliveries"});
  CHECK(said.status == 0);
  CHECK_THAT(said.output, ContainsSubstring(R"(recipient: "임꺽정" -> "홍길동")"));
  CHECK(run(shop, {"diff", "deliveries"}).status == 0);

  const std::string then = std::to_string(end - 1);
  said = run(shop, {"diff", "purchases", "--as-of", then});
  CHECK(said.status == 1);
  CHECK_THAT(said.output, ContainsSubstring("purchases_at_p" + then + ".purchases"));
  CHECK_THAT(said.output, ContainsSubstring("event " + event_at(end) + ": only in now"));
  execute(shop, "SELECT 1 / (count(*) = 1)::int FROM purchases_at_p" + then + ".purchases");
  said = run(shop, {"diff", "products", "--as-of", "2999-01-01T00:00:00Z", "--schema", "latest"});
  CHECK(said.status == 0);
  said = run(shop, {"diff", "purchases", "--as-of", "99"});
  CHECK(said.status == 1);
  CHECK_THAT(said.output, ContainsSubstring("yet to come"));
  CHECK(projected_rows(shop) == replayed_rows(shop));
}

TEST_CASE("What the command line does not understand it says so") {
  Shop shop;
  const auto check = [&](std::vector<std::string> arguments, const std::string& text) {
    CAPTURE(arguments);
    const Said said = run(shop, std::move(arguments));
    CHECK(said.status == 2);
    CHECK_THAT(said.output, ContainsSubstring(text));
  };
  check({"rebuild"}, "name is required");
  check({"rebuild", "orders"}, "accounts");
  check({"diff", "deliveries", "--as-of", "yesterday"}, "2026-03-01T09:30:00Z");
  check({"diff", "deliveries", "--as-of", "3", "--schema", "deliveries_3"}, "lower-case letters");
  check({"diff", "deliveries", "--schema", "then"}, "--as-of");
  check({"parked", "retry", "accounts", "홍길동"}, "must be an id");
  check({}, "subcommand");

  shop.postgres.stop();
  Said said = run(shop, {"rebuild", "deliveries"});
  CHECK(said.status == 1);
  CHECK_THAT(said.output, ContainsSubstring("See --database"));
  shop.postgres.start();
}

TEST_CASE("A rebuild that is killed costs nothing", "[busy]") {
  Shop shop;
  Market market(shop);
  const TemporaryFolder folder;
  // At its begin, while it catches up, and while it compares: the sessions tell.
  for (const char* begun : {"FROM pg_stat_activity WHERE application_name = 'jangbu rebuild'",
                            "FROM jangbu.checkpoints WHERE state = 'building'",
                            "FROM pg_stat_activity WHERE application_name = 'jangbu comparison'"}) {
    jangbu::pg::Connection connection({.conninfo = shop.database});
    const auto process = run_jangbu({"projections", "rebuild", "purchases"},
                                    folder.path() / "killed.log", environment(shop));
    wait_until(
        "the rebuild",
        [&] {
          const auto found = connection.run(std::string("SELECT 1 ") + begun + " LIMIT 1");
          return PQntuples(found.get()) == 1 || !process->running();
        },
        60s);
    process->stop(SIGKILL);
  }
  Said said{1, {}};
  wait_until(
      "the locks of those that were killed",
      [&] {
        said = run(shop, {"rebuild", "purchases"});
        return said.output.find("somebody else") == std::string::npos;
      },
      60s);
  CAPTURE(said.output);
  CHECK(said.status == 0);
  CHECK_THAT(said.output, ContainsSubstring("are equal"));
  for (const Attempt& attempt : market.close()) CHECK(attempt.bought());
  CHECK(projected_rows(shop) == replayed_rows(shop));
}

TEST_CASE("A row that is parked is said to be, and comes back") {
  Shop shop;
  const std::string alice = "/accounts/" + id_of(open_account(shop, "Alice"));
  HttpClient accounts = shop.accounts(), operations = shop.operations();
  const std::uint64_t before = log_end(shop);
  REQUIRE(accounts.get(at(alice, before)).status == 200);
  execute(shop, "ALTER TABLE accounts_1.accounts ADD CONSTRAINT no_hong CHECK (name <> '홍길동')");
  const std::string hong = "/accounts/" + id_of(open_account(shop, "홍길동"));

  const Reply parked = accounts.get(at(hong, before + 1));
  CHECK(parked.status == 503);
  CHECK(parked.code() == "entity-parked");
  CHECK(accounts.get(at("/accounts/search/findByName?name=Alice", before + 1)).status == 200);
  CHECK(accounts.get(alice).status == 200);
  // Queries see what the projector has committed before it knows so itself.
  wait_until("the projector to say so",
             [&] { return projection(shop.operations(), "accounts").at("parked") == 1; });
  CHECK(projection(shop.operations(), "history").at("parked") == 0);
  CHECK_THAT(operations.get("/metrics").body,
             ContainsSubstring("jangbu_projection_parked_rows{read_model=\"accounts\"} 1"));
  const Json rows = operations.get("/projections/accounts/parked").json.at("items");
  REQUIRE(rows.size() == 1);
  CHECK(rows.at(0).at("readModel") == "accounts");
  CHECK(rows.at(0).at("generation") == 1);
  CHECK(rows.at(0).at("entity") == hong.substr(10));
  CHECK(rows.at(0).at("event") == event_at(before + 1));
  CHECK_THAT(rows.at(0).at("reason").get<std::string>(), ContainsSubstring("no_hong"));
  CHECK(operations.get("/projections/history/parked").json.at("items").empty());
  CHECK(operations.get("/projections/orders/parked").code() == "projection-not-found");
  // Commands do not mind.
  list_product(shop, "쑥차 50g", 9'500, 20);
  const Json bought = buy(shop, "홍길동", "쑥차 50g");
  CHECK(shop.purchases().get(at("/purchases/" + id_of(bought), before + 3)).status == 200);

  Said said = run(shop, {"parked", "list"});
  CHECK(said.status == 0);
  CHECK_THAT(said.output, ContainsSubstring("accounts (generation 1)  " + hong.substr(10)));
  CHECK_THAT(said.output, ContainsSubstring("no_hong"));
  said = run(shop, {"parked", "retry"});
  CHECK(said.status == 1);
  CHECK_THAT(said.output, ContainsSubstring("is parked again, at event " + event_at(before + 1)));
  execute(shop, "ALTER TABLE accounts_1.accounts DROP CONSTRAINT no_hong");
  said = run(shop, {"parked", "retry", "accounts"});
  CHECK(said.status == 0);
  CHECK_THAT(said.output, ContainsSubstring("is up to date again"));
  CHECK_THAT(said.output, ContainsSubstring("+ {"));
  CHECK(accounts.get(hong).status == 200);
  CHECK_THAT(run(shop, {"parked", "list"}).output, ContainsSubstring("nothing is parked"));
  CHECK(operations.get("/projections/accounts/parked").json.at("items").empty());
  CHECK(projected_rows(shop) == replayed_rows(shop));
  shop.postgres.stop();
  CHECK(operations.get("/projections/accounts/parked").code() == "read-model-unavailable");
}

TEST_CASE("A projector takes over from one that is killed", "[busy]") {
  Shop shop;
  ServeProcess second(shop.options({"--no-writer"}));
  CHECK(projection(second.client(Service::operations), "deliveries").at("state") == "standby");
  Market market(shop);
  wait_until("some purchases", [&] {
    return projection(second.client(Service::operations), "purchases").at("position") > 20;
  });
  shop.jangbu.kill();
  wait_until("the second to take over", [&] {
    const Json item = projection(second.client(Service::operations), "purchases");
    return item.at("state") == "following" && item.at("lag") == 0;
  });
  shop.jangbu.start();
  for (const Attempt& attempt : market.close()) CHECK(attempt.bought());
  CHECK(projection(shop.operations(), "purchases").at("state") == "standby");
  CHECK(projected_rows(shop) == replayed_rows(shop));
}

TEST_CASE("The deploy gate says whether a build is fit") {
  Shop shop;
  open_account(shop, "홍길동");
  list_product(shop, "쑥차 50g", 9'500, 20);
  const std::string bought = id_of(buy(shop, "홍길동", "쑥차 50g"));
  projected_rows(shop);
  const std::uint64_t end = log_end(shop);
  const std::string at_end = ": at position " + std::to_string(end) + ": ";
  const TemporaryFolder folder;
  const std::string backup = folder.path() / "backup.ndjson.gz";
  REQUIRE(run_tool(shop, {"events", "export", backup, "--gzip"}).status == 0);

  SECTION("as it is") {
    Said said = check(shop, {});
    CAPTURE(said.output);
    CHECK(said.status == 0);
    CHECK_THAT(said.output, ContainsSubstring(std::to_string(end) + " commits, 3 events"));
    CHECK_THAT(said.output, ContainsSubstring("deliveries" + at_end));
    CHECK_THAT(said.output, ContainsSubstring("\nfit to be deployed"));
    said = check(shop, {"--against", backup, "--json"});
    CAPTURE(said.output);
    CHECK(said.status == 0);
    const Json json = Json::parse(said.output);
    CHECK(json.at("fit") == true);
    CHECK(json.at("readModels").size() == 5);
    for (const Json& model : json.at("readModels"))
      CHECK(model.at("comparison").at("equal") == true);
    buy(shop, "홍길동", "쑥차 50g");
    projected_rows(shop);
    said = check(shop, {"--against", backup});
    CHECK(said.status == 0);
    CHECK_THAT(said.output, ContainsSubstring("not where the exported log ends"));
    // Nothing is left behind.
    CHECK_THAT(run(shop, {"list", "--json"}).output, !ContainsSubstring("building"));
    execute(shop, "SELECT 1 / (count(*) = 0)::int FROM pg_namespace WHERE nspname LIKE '%check%'");
  }
  SECTION("where what serves is different") {
    execute(shop, "UPDATE jangbu.deliveries SET recipient = '임꺽정'");
    Said said = check(shop, {});
    CHECK(said.status == 1);
    CHECK_THAT(said.output, ContainsSubstring("NOT fit to be deployed"));
    CHECK_THAT(said.output, ContainsSubstring(R"(recipient: "임꺽정" -> "홍길동")"));
    CHECK(check(shop, {"--accept", "deliveries"}).status == 0);
    CHECK(check(shop, {"--accept", "purchases"}).status == 1);
    CHECK(check(shop, {"--log-only"}).status == 0);
  }
  SECTION("against another build's program") {
    const std::string same = jangbu_program();
    Said said = check(shop, {"--against", same});
    CAPTURE(said.output);
    CHECK(said.status == 0);
    CHECK_THAT(said.output, ContainsSubstring("history" + at_end));
    // One that makes something else of it.
    const std::string script = folder.path() / "other";
    std::ofstream(script) << "#!/bin/sh\n"
                          << same << R"( "$@"
status=$?
test "$3" != deliveries || psql -q "$JANGBU_DATABASE" -c "DELETE FROM $7.deliveries"
exit $status
)";
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    said = check(shop, {"--against", script});
    CAPTURE(said.output);
    CHECK(said.status == 1);
    CHECK_THAT(said.output, ContainsSubstring("event " + event_at(end) + ": only in this build's"));
    std::ofstream(script) << "#!/bin/sh\nexit 1\n";
    said = check(shop, {"--against", script});
    CHECK(said.status == 1);
    CHECK_THAT(said.output, ContainsSubstring("did not build accounts"));
  }
  SECTION("a log that this build cannot read") {
    const auto log =
        jangbu::JetStreamLog::connect({.url = shop.nats.url(), .monitor_url = {}}, 10s);
    log->append(log->last(), {jangbu::new_id<jangbu::CommitId>(), "not the bytes of a commit"}, 5s);
    const Said said = check(shop, {"--log-only"});
    CHECK(said.status == 1);
    CHECK_THAT(said.output, ContainsSubstring("event " + event_at(end + 1) + " cannot be read"));
    CHECK_THAT(said.output, ContainsSubstring("NOT fit to be deployed"));
  }
  SECTION("bad usage") {
    CHECK(check(shop, {"--against", "/nowhere"}).status == 2);
    CHECK(check(shop, {"--accept", "orders"}).status == 2);
  }
}
