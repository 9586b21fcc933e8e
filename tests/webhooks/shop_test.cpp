// Webhooks of a whole shop: from a command to the endpoint, and the tools for people.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <string>
#include <vector>

#include "api/webhooks/signature.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/support/files.hpp"
#include "tests/support/webhook_receiver.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using jangbu::http::Response;

namespace {

const std::string secret = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

struct Ended {
  int status;
  std::string output;
};

Ended run(const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const auto process = run_jangbu(arguments, folder.path() / "log");
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

// A configuration file and the secrets that it names.
class Configuration {
 public:
  Configuration() {
    write_text(secrets(), secret + "\n");
    ::chmod(secrets().c_str(), 0600);
  }

  std::string file() const { return (folder_.path() / "jangbu.toml").string(); }
  std::string secrets() const { return (folder_.path() / "secrets").string(); }
  void write(const std::string& text) const { write_text(file(), text); }
  std::string table(const std::string& name, const std::string& url,
                    const std::string& more = {}) const {
    return "[webhooks." + name + "]\nurl = \"" + url + "\"\nsecret_file = \"" + secrets() +
           "\"\nallow_private = true\n" + more;
  }

 private:
  TemporaryFolder folder_;
};

std::string state_of(HttpClient& operations, const std::string& name) {
  const Reply reply = operations.get("/webhooks/" + name);
  return reply.status == 200 ? reply.json.at("state").get<std::string>() : reply.code();
}

void wait_for_state(HttpClient& operations, const std::string& name, const std::string& state) {
  wait_until(name + " is " + state, [&] { return state_of(operations, name) == state; });
}

}  // namespace

TEST_CASE("what happens in a shop reaches its webhooks, and people can look after them") {
  WebhookReceiver receiver;
  const Configuration configuration;
  configuration.write(configuration.table("erp", receiver.url("/hook?token=geheim"),
                                          "types = [\"AccountOpened\", \"PurchaseCompleted\"]\n"));
  Shop shop({"--config", configuration.file()});
  HttpClient operations = shop.operations();
  wait_for_state(operations, "erp", "active");

  const Json account = open_account(shop, "홍길동");
  list_product(shop, "한지 노트", 4'500, 5);
  const Json purchase = buy(shop, "홍길동", "한지 노트");
  receiver.wait_for(2);
  const auto received = receiver.received();
  const Json opened = Json::parse(received[0].body), bought = Json::parse(received[1].body);
  CHECK(opened.at("type") == "AccountOpened");
  CHECK(opened.at("data").at("id") == id_of(account));
  CHECK(bought.at("type") == "PurchaseCompleted");
  CHECK(bought.at("data").at("id") == id_of(purchase));
  CHECK(bought.at("source") == "/jangbu/shop");
  const auto& headers = received[1].headers;
  CHECK(headers.at("webhook-id") == bought.at("id").get<std::string>());
  CHECK(headers.at("webhook-signature") ==
        jangbu::webhook::sign({jangbu::webhook::parse_secret(secret).value()},
                              headers.at("webhook-id"), std::stoll(headers.at("webhook-timestamp")),
                              received[1].body));

  SECTION("over HTTP") {
    wait_until("nothing pending",
               [&] { return operations.get("/webhooks/erp").json.at("pending") == 0; });
    Json list = operations.get("/webhooks").json.at("items");
    REQUIRE(list.size() == 1);
    CHECK(list[0].at("url") == receiver.url("/hook?token=***"));
    CHECK(list[0].at("lastAttempt").at("status") == 204);
    CHECK(list[0].contains("deliveredAt"));
    const auto metric = [&](const std::string& name, const std::string& more = {}) {
      return shop.jangbu.metric("jangbu_webhook_" + name + "{webhook=\"erp\"" + more + "}");
    };
    CHECK(metric("attempts_total", ",outcome=\"delivered\"") == 2);
    CHECK(metric("attempt_duration_seconds_count") == 2);
    CHECK(metric("state", ",state=\"active\"") == 1);
    CHECK(metric("pending_events") == 0);
    CHECK(metric("parked_events") == 0);

    Reply reply = operations.post("/webhooks/erp/pause", {{"reason", "이사"}});
    CHECK(reply.status == 200);
    CHECK(reply.json.at("state") == "paused");
    CHECK(reply.json.at("reason") == "이사");
    CHECK(operations.send("POST", "/webhooks/erp/pause", "", {}).status == 200);
    buy(shop, "홍길동", "한지 노트");
    wait_until("one waits",
               [&] { return operations.get("/webhooks/erp").json.at("pending") == 1; });
    CHECK(receiver.received().size() == 2);
    CHECK(operations.send("POST", "/webhooks/erp/resume", "", {}).status == 200);
    receiver.wait_for(3);

    receiver.answer_with(WebhookReceiver::status(422));
    reply = operations.post("/webhooks/erp/replay", {{"from", bought.at("id")}});
    CHECK(reply.status == 200);
    CHECK(reply.json.at("replayedFrom") == bought.at("id"));
    wait_until("parked", [&] { return operations.get("/webhooks/erp").json.at("parked") == 2; });
    CHECK(operations.get("/webhooks/erp").json.at("parkedIds").at(0) == bought.at("id"));
    receiver.answer_with(WebhookReceiver::status(204));
    CHECK(operations.post("/webhooks/erp/replay", {{"from", "1"}}).json.at("replayedFrom") ==
          opened.at("id"));
    wait_until("not parked",
               [&] { return operations.get("/webhooks/erp").json.at("parked") == 0; });
    CHECK(operations.post("/webhooks/erp/replay", {{"from", "1000000"}})
              .json.at("replayedFrom")
              .is_null());

    reply = operations.send("POST", "/webhooks/erp/test", "", {});
    CHECK(reply.status == 200);
    CHECK(reply.json.at("delivered") == true);
    CHECK(Json::parse(receiver.received().back().body).at("type") == "Test");
    receiver.answer_with(WebhookReceiver::status(500));
    reply = operations.send("POST", "/webhooks/erp/test", "", {});
    CHECK(reply.json.at("delivered") == false);
    CHECK(reply.json.at("status") == 500);

    for (const char* what : {"pause", "resume", "test"})
      CHECK(operations.send("POST", std::string("/webhooks/other/") + what, "", {}).code() ==
            "webhook-not-found");
    CHECK(operations.get("/webhooks/other").code() == "webhook-not-found");
    CHECK(operations.post("/webhooks/other/replay", {{"from", "1"}}).code() == "webhook-not-found");
    for (const Json& from : {Json("one"), Json("1.2.3"), Json(1)})
      CHECK(operations.post("/webhooks/erp/replay", {{"from", from}}).code() == "invalid-field");
    CHECK(operations.post("/webhooks/erp/replay", Json::object()).code() == "invalid-field");
    CHECK(operations.post("/webhooks/erp/pause", {{"why", "so"}}).code() == "invalid-field");
  }

  SECTION("on the command line") {
    const std::string port = std::to_string(shop.jangbu.port_base());
    const auto tool = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), "webhooks");
      arguments.insert(arguments.end(), {"--port-base", port});
      return run(arguments);
    };
    const auto says = [&](const std::vector<std::string>& arguments, int status,
                          const std::string& text) {
      const Ended ended = tool(arguments);
      CAPTURE(arguments, ended.output);
      CHECK(ended.status == status);
      CHECK_THAT(ended.output, ContainsSubstring(text) && !ContainsSubstring("geheim"));
    };
    says({"list"}, 0, "erp      active");
    says({"show", "erp"}, 0, "types         AccountOpened, PurchaseCompleted");
    says({"test", "erp"}, 0, "erp took the event: it answered 204");
    says({"pause", "erp", "--reason", "moving"}, 0, "reason        moving");
    says({"list"}, 0, "paused");
    says({"resume", "erp"}, 0, "name");
    says({"replay", "erp", "--from", "1"}, 0,
         "replayed from  " + opened.at("id").get<std::string>());
    receiver.answer_with(WebhookReceiver::status(500));
    says({"test", "erp"}, 1, "erp did not take the event: it answered 500");
    buy(shop, "홍길동", "한지 노트");
    wait_for_state(operations, "erp", "failing");
    says({"list"}, 1, "it answered 500");
    says({"show", "erp"}, 1, "next attempt");
    says({"show", "other"}, 1, "There is no webhook 'other'");
    says({"show", "Other"}, 2, "lower-case");
    says({"replay", "erp", "--from", "yesterday"}, 2, "42.1");
    says({"replay", "erp"}, 2, "--from");
    says({}, 2, "subcommand");
    CHECK(Json::parse(tool({"list", "--json"}).output).at("items").at(0).at("name") == "erp");
    CHECK(Json::parse(tool({"show", "erp", "--json"}).output).at("state") == "failing");
    CHECK(run({"webhooks", "list", "--port-base", "1"}).status == 1);
  }

  CHECK_THAT(shop.jangbu.log_text(), !ContainsSubstring("geheim"));
}

TEST_CASE("SIGHUP changes the webhooks of a running shop, and a mistake changes nothing") {
  WebhookReceiver a, b;
  const Configuration configuration;
  configuration.write("queue = 77\n" + configuration.table("a", a.url()));
  Shop shop({"--config", configuration.file()});
  HttpClient operations = shop.operations();
  wait_for_state(operations, "a", "active");
  const auto reload = [&](const std::string& text, const std::string& says) {
    configuration.write(text);
    const auto times = [&] {
      const std::string log = shop.jangbu.log_text();
      std::size_t count = 0;
      for (auto at = log.find(says); at != log.npos; at = log.find(says, at + 1)) ++count;
      return count;
    };
    const std::size_t before = times();
    shop.jangbu.signal(SIGHUP);
    wait_until(says, [&] { return times() > before; });
  };

  const std::string done = "the webhooks are as the configuration says";
  reload(configuration.table("a", a.url()) + configuration.table("b", b.url()), done);
  wait_for_state(operations, "b", "active");
  open_account(shop, "홍길동");
  a.wait_for(1);
  b.wait_for(1);

  const std::vector<std::string> wrong_files{
      configuration.table("b", "ftp://127.0.0.1/"),
      "[webhooks.a]\nurl = \"https://a.example\"\n",
      configuration.table("a", a.url(), "types = [\"NothingChanged\"]\n"),
      "[webhooks]\nurl = \"https://a.example\"\n",
      "[webhook.a]\n" + configuration.table("b", b.url()),  // not webhooks
      "[webhook.a]\nurl = \"https://a.example\"\n",
      "[webhooks.a] and more\n" + configuration.table("b", b.url()),
      configuration.table("a", a.url()) + configuration.table("a", b.url()),
      configuration.table("a", a.url(), "types = [\"AccountOpened\",\n\"AccountClosed\"]\n"),
      configuration.table("a", a.url(), "types = []\n"),
      "queeu = 77\n" + configuration.table("a", a.url()),
      "queue = many\n" + configuration.table("a", a.url())};
  for (const std::string& wrong : wrong_files) reload(wrong, "the webhooks stay as they were");
  CHECK(state_of(operations, "a") == "active");
  CHECK(state_of(operations, "b") == "active");

  std::string commented = configuration.table("b", b.url("/other"));
  commented.insert(commented.find('\n'), "  # a comment");
  reload("queue = 78\n" + commented, done);
  CHECK(state_of(operations, "a") == "webhook-not-found");
  wait_for_state(operations, "b", "active");
  open_account(shop, "황진이");
  b.wait_for(2);
  CHECK(b.received().back().target == "/other");
  CHECK(a.received().size() == 1);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("SIGHUP does not end a shop that has no configuration file, or is still starting") {
  NatsServer nats;
  PostgresServer postgres;
  ServeProcess::Options options{.nats_url = nats.url(),
                                .nats_monitor_url = nats.monitor_url(),
                                .database = postgres.create_database()};
  ServeProcess serve(options);
  serve.stop();
  nats.pause();  // so that it waits
  serve.launch();
  wait_until("starting", [&] {
    const std::string log = serve.log_text();
    return log.rfind(" starts") > log.rfind(" stopped at");
  });
  serve.signal(SIGHUP);
  nats.resume();
  wait_until("ready", [&] { return serve.ready(); });
  wait_until("nothing to read", [&] {
    return serve.log_text().find("there is nothing to read again") != std::string::npos;
  });
  CHECK(serve.stop() == 0);
}

TEST_CASE("the webhooks of a configuration are printed without secrets, and wrong ones refused") {
  const Configuration configuration;
  const auto print = [&] {
    return run({"serve", "--print-config", "--config", configuration.file()});
  };
  configuration.write("queue = 77\n" +
                      configuration.table("erp", "https://erp.example/hook?token=geheim",
                                          "types = [\"PurchaseCompleted\", \"StockChanged\"]\n") +
                      configuration.table("crm", "http://127.0.0.1:8080/"));
  const Ended printed = print();
  CAPTURE(printed.output);
  CHECK(printed.status == 0);
  CHECK_THAT(printed.output,
             ContainsSubstring("queue = 77\n") &&
                 ContainsSubstring("\n[webhooks.erp]\nallow_private = true\nsecret_file = \"" +
                                   configuration.secrets() +
                                   "\"\ntypes = [\"PurchaseCompleted\", \"StockChanged\"]\nurl = "
                                   "\"https://erp.example/hook?token=***\"\n") &&
                 ContainsSubstring("\n[webhooks.crm]\n") && !ContainsSubstring("geheim") &&
                 !ContainsSubstring("whsec_"));
  configuration.write(printed.output);
  CHECK(print().output == printed.output);  // it is a configuration file

  configuration.write(configuration.table("erp", "https://user:geheim@erp.example/"));
  const Ended refused = print();
  CHECK(refused.status == 2);
  CHECK_THAT(refused.output,
             ContainsSubstring("[webhooks.erp]: url") && !ContainsSubstring("geheim"));
  configuration.write("[webhooks.erp]\n");
  CHECK_THAT(print().output, ContainsSubstring("[webhooks.erp]: give url"));
  configuration.write("[webhooks.erp.more]\nurl = \"https://erp.example\"\n");
  CHECK_THAT(print().output, ContainsSubstring("such as [webhooks.erp]"));
  configuration.write("[webhook.erp]\nurl = \"https://erp.example\"\n");
  CHECK_THAT(print().output, ContainsSubstring("there is no table [webhook...]"));
  configuration.write("[webhooks.erp]\ntypes = [\n  \"StockChanged\",\n]\n");
  CHECK_THAT(print().output,
             ContainsSubstring("line 2 of the configuration: a list stands on one"));
  configuration.write("[webhooks.erp]\n\n[webhooks.erp]\n");
  CHECK_THAT(print().output, ContainsSubstring("there is a table [webhooks.erp] before"));
  ::unlink(configuration.file().c_str());
  REQUIRE(::mkfifo(configuration.file().c_str(), 0600) == 0);
  CHECK_THAT(print().output, ContainsSubstring("is not a file"));
}
