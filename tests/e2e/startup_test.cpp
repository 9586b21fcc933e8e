// What keeps `jangbu serve` from starting: it says what is wrong and what to do, and changes
// nothing.
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "infra/eventlog/nats_connection.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/replay.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/http/certificates.hpp"
#include "tests/http/client.hpp"
#include "tests/support/access_keys.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

using Flags = std::vector<std::string>;

struct Ended {
  int status;
  std::string output;
};

// Runs the program until it ends by itself.
Ended run_to_its_end(const Flags& arguments, const std::vector<std::string>& environment = {}) {
  const TemporaryFolder folder;
  const auto process = run_jangbu(arguments, folder.path() / "log", environment);
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

// `jangbu serve` that is not to come up, in a folder of its own.
struct Serve {
  std::string nats_url = "nats://127.0.0.1:1";
  std::string nats_monitor_url = "http://127.0.0.1:1";
  std::string database = "host=127.0.0.1 port=1 user=nobody dbname=nothing";
  int port_base = free_port_base();
  TemporaryFolder folder = {};

  Serve() = default;
  Serve(const NatsServer& nats, std::string own_database)
      : nats_url(nats.url()),
        nats_monitor_url(nats.monitor_url()),
        database(std::move(own_database)) {}

  Flags flags(const Flags& more = {}) const {
    Flags words{"serve",
                "--port-base",
                std::to_string(port_base),
                "--nats-url",
                nats_url,
                "--nats-monitor-url",
                nats_monitor_url,
                "--database",
                database,
                "--data",
                folder.path() / "data"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Ended run(const Flags& more = {}, const std::vector<std::string>& environment = {}) const {
    Flags with_wait{"--wait-s", "1"};
    with_wait.insert(with_wait.end(), more.begin(), more.end());
    return run_to_its_end(flags(with_wait), environment);
  }
};

Json api(const NatsServer& nats, const std::string& call, const Json& body) {
  jangbu::NatsConnection connection(nats.url(), "test", 10s);
  const auto answer = connection.request("$JS.API." + call, body.is_null() ? "" : body.dump(), 10s);
  return Json::parse(jangbu::payload(*answer));
}

bool has_stream(const NatsServer& nats) {
  return !api(nats, "STREAM.INFO.SHOP", nullptr).contains("error");
}

}  // namespace

TEST_CASE("Wrong usage ends with status 2") {
  for (const Flags& arguments : std::vector<Flags>{
           {},
           {"sevre"},
           {"serve", "--prot-base", "12000"},
           {"serve", "--port-base", "65532"},
           {"serve", "--port-base", "many"},
           {"serve", "--listen", "localhost"},
           {"serve", "--services", "account,gardening"},
           {"serve", "--workers", "0"},
           {"serve", "--queue", "-1"},
           {"serve", "--idempotency-keys", "10"},
           {"serve", "--stream", "two.words"},
           {"serve", "--shop", "two words"},
           {"serve", "--requests-per-second", "0.0001", "--print-config"},
           {"serve", "--requests-per-second", "nan", "--print-config"},
           {"serve", "--requests-per-second", "5", "--request-burst", "0.5", "--print-config"},
           {"serve", "--request-burst", "5", "--print-config"},
           {"serve", "--config", "/nonexistent/jangbu.toml"},
           {"demo", "--port-base"}}) {
    const Ended ended = run_to_its_end(arguments);
    CAPTURE(arguments, ended.output);
    CHECK(ended.status == 2);
    CHECK_FALSE(ended.output.empty());
  }
  CHECK(run_to_its_end({"--help"}).status == 0);
  CHECK_THAT(run_to_its_end({"serve", "--help"}).output,
             ContainsSubstring("--accept-weak-durability"));
  CHECK_THAT(run_to_its_end({"version"}).output, ContainsSubstring("jangbu "));
}

TEST_CASE("A server that is away is waited for, with a message, and then named") {
  SECTION("NATS") {
    const Ended ended = Serve().run();
    CAPTURE(ended.output);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.output, ContainsSubstring("waiting for NATS at nats://127.0.0.1:"));
    CHECK_THAT(ended.output, ContainsSubstring("no NATS server at nats://127.0.0.1:"));
  }
  SECTION("PostgreSQL") {
    NatsServer nats;
    Serve serve(nats, Serve().database);
    const Ended ended = serve.run();
    CAPTURE(ended.output);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.output, ContainsSubstring("waiting for PostgreSQL"));
    CHECK_THAT(ended.output, ContainsSubstring("PostgreSQL cannot be reached"));
    CHECK_THAT(ended.output, ContainsSubstring("--database"));
    CHECK_FALSE(has_stream(nats));
  }
}

TEST_CASE("Who waits for a server can be told to stop") {
  for (const bool nats_is_there : {false, true}) {
    CAPTURE(nats_is_there);
    NatsServer nats;
    const Serve serve = nats_is_there ? Serve(nats, Serve().database) : Serve();
    const TemporaryFolder folder;
    const auto process = run_jangbu(serve.flags({"--wait-s", "3600"}), folder.path() / "log");
    wait_until("it to wait", [&] {
      return process->log_text().find(nats_is_there ? "waiting for PostgreSQL"
                                                    : "waiting for NATS") != std::string::npos;
    });
    CHECK(process->stop(SIGTERM) == 0);
    CHECK_THAT(process->log_text(), ContainsSubstring("stopped on SIGTERM"));
  }
}

TEST_CASE("Listening beyond loopback takes access control and TLS, or to be said by name") {
  NatsServer nats;
  PostgresServer postgres;
  const std::string database = postgres.create_database();
  const TemporaryFolder folder;
  const KeyFile keys = one_of_each_role(folder.path() / "keys.toml");
  const CertificateFiles certificates;
  const auto [certificate, key, no_clients] = certificates.paths();
  const Flags access{"--access-keys", keys.path()};
  const Flags tls{"--tls-certificate", certificate, "--tls-key", key};
  const auto together = [](std::initializer_list<Flags> parts) {
    Flags all;
    for (const Flags& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };

  for (const char* address : {"0.0.0.0", "::"})
    for (const auto& [with, lacks] :
         {std::pair(Flags{}, "access control, nor TLS"), std::pair(access, "no TLS"),
          std::pair(tls, "no access control")}) {
      const Ended ended = Serve(nats, database).run(together({{"--listen", address}, with}));
      CAPTURE(ended.output);
      CHECK(ended.status == 1);
      CHECK_THAT(ended.output, ContainsSubstring(lacks));
      CHECK_THAT(ended.output, ContainsSubstring("--insecure"));
      CHECK_THAT(ended.output, ContainsSubstring("--access-keys"));
    }
  CHECK_FALSE(has_stream(nats));

  const auto starts = [&](const Flags& flags, std::optional<TlsClient::Options> client) {
    ServeProcess process({.nats_url = nats.url(),
                          .nats_monitor_url = nats.monitor_url(),
                          .database = database,
                          .flags = flags,
                          .tls = std::move(client)});
    return process.stop() == 0;
  };
  CHECK(starts({"--listen", "0.0.0.0", "--insecure"}, {}));
  CHECK(starts(together({{"--listen", "0.0.0.0"}, access, tls}), TlsClient::Options{}));
}

TEST_CASE("A burst of our own cannot be combined with access control") {
  const Serve serve;
  const TemporaryFolder folder;
  const KeyFile keys = one_of_each_role(folder.path() / "keys.toml");
  const Ended ended = serve.run({"--allow-load", "--access-keys", keys.path()});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("--allow-load is not available with access control"));
}

TEST_CASE("What cannot be another instance is refused") {
  const auto check = [](const Flags& more, int status, const char* says) {
    Flags arguments{"serve", "--port-base", "11000"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    CAPTURE(arguments);
    const Ended ended = run_to_its_end(arguments);
    CHECK(ended.status == status);
    CHECK_THAT(ended.output, ContainsSubstring("--other-instance") && ContainsSubstring(says));
  };
  for (const char* wrong : {"shop-2.example:11000", "ftp://shop-2.example:11000",
                            "http://shop-2.example:11000/", "http://shop-2.example:11000/console"})
    check({"--other-instance", wrong}, 2, "must be an origin");
  for (const char* wrong : {"http://shop-2.example", "http://shop-2.example:", "http://a:b:11000"})
    check({"--other-instance", wrong}, 1, "needs the port of its operations");
  for (const char* wrong : {"http://shop-2.example:0", "http://shop-2.example:65532"})
    check({"--other-instance", wrong}, 1, "five services");
  for (const char* own :
       {"http://127.0.0.1:11000", "http://localhost:11000", "http://localhost:10998"})
    check({"--other-instance", own}, 1, "this instance itself");
  check({"--cors-origin", "https://shop-1.example:11000", "--other-instance",
         "https://shop-2.example:11000,https://shop-1.example:11000"},
        1, "shop-1.example:11000 is this instance itself");
}

TEST_CASE("A quote secret must be one") {
  const Serve serve;
  Ended ended = serve.run({}, {"JANGBU_QUOTE_SECRET=short"});
  CAPTURE(ended.output);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("JANGBU_QUOTE_SECRET"));

  // In its file, too, which nobody else may read.
  std::filesystem::create_directories(serve.folder.path() / "data");
  const auto file = serve.folder.path() / "data" / "quote-secret";
  std::ofstream(file) << "a secret that is long enough";
  std::filesystem::permissions(file, std::filesystem::perms{0644});
  ended = serve.run();
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("chmod 600"));
}

TEST_CASE("A port that is taken is named, and the other shop goes on") {
  Shop shop;
  open_account(shop, "홍길동");
  Serve serve(shop.nats, shop.postgres.create_database());
  serve.port_base = shop.jangbu.port_base() + 3;
  const Ended ended = serve.run();
  CAPTURE(ended.output);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output,
             ContainsSubstring("port " + std::to_string(shop.jangbu.port_base() + 3)));
  CHECK(shop.jangbu.ready());
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("A NATS server that does not fsync is refused, unless it is accepted by name") {
  NatsServer nats(NatsServer::Options{.sync_always = false});
  PostgresServer postgres;
  const std::string database = postgres.create_database();
  for (int again = 0; again < 2; ++again) {
    const Ended ended = Serve(nats, database).run();
    CAPTURE(ended.output);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.output, ContainsSubstring("fsync-not-always"));
    CHECK_THAT(ended.output, ContainsSubstring("sync_interval: always"));
  }
  CHECK_FALSE(has_stream(nats));

  const ServeProcess::Options options{.nats_url = nats.url(),
                                      .nats_monitor_url = nats.monitor_url(),
                                      .database = database,
                                      .flags = {"--accept-weak-durability"}};
  ServeProcess accepted(options);
  CHECK_THAT(accepted.log_text(), ContainsSubstring("accepted by --accept-weak-durability"));
  CHECK(accepted.client(Service::account).post("/accounts", account("홍길동")).status == 201);
  CHECK(accepted.stop() == 0);

  // Once accepted is not for ever.
  CHECK(Serve(nats, database).run().status == 1);
}

TEST_CASE("A stream that someone else made is refused, and left as it is") {
  NatsServer nats;
  PostgresServer postgres;
  const std::string database = postgres.create_database();
  const auto check_refused = [&](const char* code) {
    const Json before = api(nats, "STREAM.NAMES", nullptr).at("streams");
    const Ended ended = Serve(nats, database).run();
    CAPTURE(ended.output);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.output, ContainsSubstring(code));
    CHECK(api(nats, "STREAM.NAMES", nullptr).at("streams") == before);
  };
  SECTION("with another configuration") {
    const Json made = api(nats, "STREAM.CREATE.SHOP",
                          {{"name", "SHOP"},
                           {"subjects", {"shop.commits"}},
                           {"storage", "file"},
                           {"max_age", 3'600'000'000'000}});
    check_refused("stream-differs");
    CHECK(api(nats, "STREAM.INFO.SHOP", nullptr).at("config") == made.at("config"));
  }
  SECTION("on our subject") {
    api(nats, "STREAM.CREATE.OTHER",
        {{"name", "OTHER"}, {"subjects", {"shop.>"}}, {"storage", "file"}});
    check_refused("subject-taken");
  }
}

TEST_CASE("A database that has seen more than the log holds is refused") {
  Shop shop;
  open_account(shop, "홍길동");
  open_account(shop, "김영희");
  projected_rows(shop);  // waits for them
  CHECK(shop.jangbu.stop() == 0);

  NatsServer other;
  const auto check_refused = [&] {
    const Ended ended = Serve(other, shop.database).run();
    CAPTURE(ended.output);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.output, ContainsSubstring("read model"));
    CHECK_THAT(ended.output, ContainsSubstring("--database"));
  };
  // The log is gone. No new one is begun in its place.
  check_refused();
  CHECK_FALSE(has_stream(other));

  // It is shorter, then another of the same length.
  const std::string other_database = shop.postgres.create_database();
  ServeProcess::Options options = shop.options();
  options.nats_url = other.url();
  options.nats_monitor_url = other.monitor_url();
  options.database = other_database;
  for (const char* name : {"이순신", "Ada Lovelace"}) {
    ServeProcess second(options);
    REQUIRE(second.client(Service::account).post("/accounts", account(name)).status == 201);
    CHECK(second.stop() == 0);
    check_refused();
  }
  CHECK(read_ledger(other).correlations.size() == 2);

  // Nothing was lost: with its own log the shop opens again.
  shop.jangbu.start();
  CHECK(
      shop.accounts().get("/accounts/search/findByName?name=" + percent_encoded("김영희")).status ==
      200);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Settings come from flags, over the environment, over a file") {
  NatsServer nats;
  PostgresServer postgres;
  const TemporaryFolder folder;
  const auto file = folder.path() / "jangbu.toml";
  const auto serves = [&](const Flags& arguments, const std::vector<std::string>& environment,
                          int port_base) {
    const auto process = run_jangbu(arguments, folder.path() / "log", environment);
    wait_until(
        "jangbu serve", [&] { return !process->running() || accepts_connections(port_base + 4); },
        60s);
    INFO(process->log_text());
    REQUIRE(process->running());
    CHECK(accepts_connections(port_base));
    CHECK_FALSE(accepts_connections(port_base + 2));
    CHECK(process->stop(SIGTERM) == 0);
  };
  const std::string database = postgres.create_database();
  int port_base = free_port_base();
  std::vector<std::string> environment{
      "JANGBU_NATS_URL=" + nats.url(),    "JANGBU_NATS_MONITOR_URL=" + nats.monitor_url(),
      "JANGBU_DATABASE=" + database,      "JANGBU_DATA=" + (folder.path() / "data").string(),
      "JANGBU_SERVICES=account,delivery", "JANGBU_PORT_BASE=" + std::to_string(port_base)};
  serves({"serve"}, environment, port_base);
  CHECK(std::filesystem::exists(folder.path() / "data" / "quote-secret"));

  const int other_port_base = free_port_base();
  serves({"serve", "--port-base", std::to_string(other_port_base)}, environment, other_port_base);

  const auto write_file = [&](int port) {
    std::ofstream(file) << "nats-url = \"" << nats.url() << "\"\n"
                        << "nats-monitor-url = \"" << nats.monitor_url() << "\"\n"
                        << "database = \"" << database << "\"\n"
                        << "data = \"" << (folder.path() / "data").string() << "\"\n"
                        << "services = [\"account\", \"delivery\"]\n"
                        << "port-base = " << port << "\n";
  };
  port_base = free_port_base();
  write_file(port_base);
  serves({"serve", "--config", file}, {}, port_base);
  serves({"serve"}, {"JANGBU_CONFIG=" + file.string()}, port_base);
  write_file(1);
  serves({"serve", "--config", file}, {"JANGBU_PORT_BASE=" + std::to_string(port_base)}, port_base);
  serves({"serve", "--config", file, "--port-base", std::to_string(port_base)},
         {"JANGBU_PORT_BASE=1"}, port_base);

  for (const char* wrong : {"JANGBU_SERVICES=account,deliveries", "JANGBU_PORT_BASE=99999"}) {
    const Ended ended = run_to_its_end({"serve", "--print-config"}, {wrong});
    CAPTURE(wrong, ended.output);
    CHECK(ended.status == 2);
  }
  std::ofstream(file) << "prot-base = 12000\n";
  CHECK(run_to_its_end({"serve", "--config", file}).status == 2);
}

TEST_CASE("Where few files may be opened, idle clients of the services leave operations its own") {
  const auto prlimit = [](int files) {
    return std::vector<std::string>{"prlimit", "--nofile=" + std::to_string(files)};
  };
  const TemporaryFolder folder;
  const auto refused = run_jangbu(Serve().flags(), folder.path() / "log", prlimit(100));
  CHECK(refused->wait(30s) != 0);
  CHECK_THAT(refused->log_text(), ContainsSubstring("ulimit -Hn"));

  Shop shop({}, {.environment = prlimit(400)});
  std::vector<Client> idle;
  for (int i = 0; i < 200; ++i)
    for (const Service service : {Service::account, Service::purchase, Service::delivery})
      idle.emplace_back(shop.jangbu.port(service));
  for (const char* path : {"/health/live", "/health/ready", "/metrics"})
    CHECK(shop.operations().get(path).status == 200);
  CHECK(shop.products().get("/products").status == 200);  // nor are they in each other's way
  // The process can still open what it needs.
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("The settings are printed as a file, with secrets masked") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "jangbu.toml";
  const auto print = [&](const Flags& more, const std::vector<std::string>& environment = {}) {
    Flags arguments{"serve", "--print-config"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = run_to_its_end(arguments, environment);
    CHECK(ended.status == 0);
    return ended.output;
  };
  std::ofstream(file) << "queue = 77\n"
                      << "nats-url = \"nats://jangbu:geheim1@one:4222,nats://geheim2@two\"\n";
  const std::string printed =
      print({"--config", file, "--services", "account,product", "--insecure"},
            {"JANGBU_DATABASE=postgresql://jangbu:geheim3@db/shop?password=geheim4&sslmode=require",
             "JANGBU_QUOTE_SECRET=geheim5geheim5geheim5"});
  CAPTURE(printed);
  CHECK(printed.find("geheim") == std::string::npos);
  for (const char* line :
       {"queue = 77", "shop = \"shop\"", "insecure = true", "no-projector = false",
        "no-writer = false", "services = [\"account\", \"product\"]",
        "nats-url = \"nats://***@one:4222,nats://***@two\"",
        "database = \"postgresql://***@db/shop?password=***&sslmode=require\"",
        "quote-secret = \"***\"", "port-base = 11000"})
    CHECK_THAT(printed, ContainsSubstring(std::string(line) + "\n"));
  CHECK_THAT(print({"--database", "host=db password='it\\'s geheim' user=jangbu"}),
             !ContainsSubstring("geheim"));
  CHECK_THAT(print({"--nats-url", "nats://jangbu:a/b,geheim@one:4222", "--nats-monitor-url",
                    "http://jangbu:geheim@one:8222"}),
             !ContainsSubstring("geheim") && ContainsSubstring("nats://***@one:4222"));

  CHECK_THAT(print({"--stream", "SEOUL_2"}), ContainsSubstring("shop = \"seoul_2\"\n"));
  CHECK_THAT(print({"--stream", "SEOUL_2", "--shop", "Busan"}),
             ContainsSubstring("shop = \"Busan\"\n"));
  CHECK_THAT(print({"--allow-host", "shop.example,::1"}),
             ContainsSubstring("allow-host = [\"shop.example\", \"::1\"]\n"));
  CHECK_THAT(print({}, {"JANGBU_OTHER_INSTANCE=http://shop-2.example:11000,http://[::1]:12000"}),
             ContainsSubstring("other-instance = [\"http://shop-2.example:11000\", "
                               "\"http://[::1]:12000\"]\n"));

  // What is printed is a configuration file.
  const std::string defaults = print({"--port-base", "12000"});
  std::ofstream(file) << defaults;
  CHECK(print({"--config", file}) == defaults);
}

TEST_CASE("What is wrong with a connection string is told without it") {
  const auto check = [](const Flags& arguments, int status, const char* says) {
    CAPTURE(arguments);
    const Ended ended = run_to_its_end(arguments);
    CAPTURE(ended.output);
    CHECK(ended.status == status);
    CHECK_THAT(ended.output, ContainsSubstring(says) && !ContainsSubstring("geheim"));
  };
  const std::string nats = "nats://jangbu:a,geheim@127.0.0.1:1";
  check({"serve", "--database", "postgresql://jangbu:a@geheim/b@db/shop"}, 2, "percent-encoded");
  check({"serve", "--database", "host=db password=a geheim"}, 2, "password='a secret'");
  check({"serve", "--databse", "postgresql://jangbu:geheim@db/shop"}, 2, "--databse");
  check({"serve", "--databse=password=geheim host=db"}, 2, "--databse");
  check({"serve", "--nats-url", nats, "--wait-s", "0"}, 1, "NATS");
  check({"events", "list", "--nats-url", nats}, 1, "NATS");
}

TEST_CASE("Nobody else can read what the program writes") {
  const auto mask = ::umask(0);  // of the child, too
  const TemporaryFolder folder;
  NatsServer nats;
  PostgresServer postgres;
  ServeProcess serve(
      {.nats_url = nats.url(),
       .nats_monitor_url = nats.monitor_url(),
       .database = postgres.create_database(),
       .flags = {"--access-log", folder.path() / "access.log", "--snapshot-events", "1"},
       .quote_secret = {}});
  ::umask(mask);
  CHECK(serve.client(Service::account).post("/accounts", account("홍길동")).status == 201);
  CHECK(serve.stop() == 0);
  for (const auto& file :
       {serve.data() / "quote-secret", serve.data() / "snapshot", folder.path() / "access.log"}) {
    CAPTURE(file.string());
    CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms{0600});
  }
  // Nothing is left of what they were made from.
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(serve.data()))
    ++files;
  CHECK(files == 2);
}

TEST_CASE("Demo data is loaded once") {
  Shop shop;
  const Flags demo{"demo", "--port-base", std::to_string(shop.jangbu.port_base())};
  CHECK(run_to_its_end(demo).status == 0);
  const auto first = read_ledger(shop.nats);
  CHECK(first.sales.size() == 2);
  CHECK(first.views.accounts.size() == 6);
  CHECK(run_to_its_end(demo).status == 0);
  CHECK(read_ledger(shop.nats).correlations == first.correlations);

  // Nor when the shop has restarted, or has changed meanwhile.
  CHECK(shop.jangbu.stop() == 0);
  shop.jangbu.start();
  buy(shop, "홍길동", "쑥차 50g");
  CHECK(run_to_its_end(demo).status == 0);
  CHECK(read_ledger(shop.nats).correlations.size() == first.correlations.size() + 1);
  CHECK(shop.jangbu.stop() == 0);

  const Ended nobody_there = run_to_its_end(demo);
  CHECK(nobody_there.status == 1);
  CHECK_THAT(nobody_there.output, ContainsSubstring("Is the shop up?"));
}
