// A shop over HTTPS, with the program's own tools and with clients of OpenSSL.
#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/e2e/requests.hpp"
#include "tests/http/certificates.hpp"
#include "tests/http/client.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Told {
  int status;
  std::string text;
};

Told run(const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const auto process = run_jangbu(arguments, folder.path() / "log");
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

struct SecureShop {
  explicit SecureShop(bool client_certificates = false)
      : identity(files.authority.issue("an operator")),
        database(postgres.create_database()),
        jangbu(
            {.nats_url = nats.url(),
             .nats_monitor_url = nats.monitor_url(),
             .database = database,
             .flags = flags(client_certificates),
             .tls = TlsClient::Options{.ca = files.authority.certificate(),
                                       .identity = client_certificates ? identity : Identity{}}}) {
    write_text(file("ca"), files.authority.certificate());
    write_text(file("identity"), identity.certificate + identity.key);
  }

  std::vector<std::string> flags(bool client_certificates) const {
    const auto paths = client_certificates ? files.paths_with_clients() : files.paths();
    std::vector<std::string> all{"--tls-certificate", paths.certificate, "--tls-key", paths.key};
    if (client_certificates) all.insert(all.end(), {"--tls-client-ca", paths.client_ca});
    return all;
  }
  std::string file(const std::string& name) const { return folder.path() / name; }

  // One of the program's tools, told where the shop is.
  Told tool(std::vector<std::string> arguments, bool with_ca = true) const {
    arguments.insert(arguments.end(), {"--port-base", std::to_string(jangbu.port_base())});
    if (with_ca) arguments.insert(arguments.end(), {"--ca-file", file("ca")});
    return run(arguments);
  }

  const CertificateFiles files;
  const Identity identity;
  const TemporaryFolder folder;
  NatsServer nats;
  PostgresServer postgres;
  const std::string database;
  ServeProcess jangbu;
};

}  // namespace

TEST_CASE("A shop over TLS, from an account to a purchase") {
  SecureShop shop;
  auto accounts = shop.jangbu.client(Service::account);
  auto products = shop.jangbu.client(Service::product);
  auto purchases = shop.jangbu.client(Service::purchase);
  CHECK(accounts.post("/accounts", account("홍길동")).status == 201);
  CHECK(products.post("/products", product("한지 노트", 12'900, 5)).status == 201);
  const Reply bought = purchases.post("/purchases", one_line("홍길동", "한지 노트", 2));
  REQUIRE(bought.status == 201);
  const Reply found = purchases.get(at("/purchases/" + id_of(bought.json), bought.position()));
  CHECK(found.json.at("total").at("amount") == 25'800);

  // Its pages find the services over HTTPS, and pages of theirs over plain HTTP would be others'.
  const std::string port = std::to_string(shop.jangbu.port(Service::purchase));
  CHECK_THAT(shop.jangbu.client(Service::operations).get("/console/services.js").body,
             ContainsSubstring("\"https://127.0.0.1:" + port + "\""));
  const auto from = [&](const std::string& origin) {
    return purchases.post("/purchases", one_line("홍길동", "한지 노트"), {{"Origin", origin}})
        .status;
  };
  CHECK(from("https://127.0.0.1:" + port) == 201);
  CHECK(from("http://127.0.0.1:" + port) == 403);

  Told told = shop.tool({"status"});
  CAPTURE(told.text);
  CHECK(told.status == 0);
  CHECK_THAT(told.text, ContainsSubstring("https://127.0.0.1:" + port));
  CHECK(shop.tool({"demo"}).status == 0);
  told = shop.tool({"load", "--seconds", "1", "--rate", "50", "--json"});
  CHECK(told.status == 0);
  told = shop.tool({"status"}, false);
  CHECK(told.status == 1);
  CHECK_THAT(told.text, ContainsSubstring("--tls"));
  told = shop.tool({"status", "--tls"}, false);  // of an authority that the system does not know
  CHECK(told.status == 1);
  CHECK_THAT(told.text, ContainsSubstring("certificate"));

  const auto certificate = [&] {
    Client client(shop.jangbu.port(Service::delivery), TlsClient::Options{});
    client.get("/");
    return client.tls().server_certificate();
  };
  const std::string first = certificate();
  write_text(shop.files.paths().certificate, "nothing");
  shop.jangbu.signal(SIGHUP);
  wait_until("the error", [&] {
    return shop.jangbu.log_text().find("the certificates stay as they were") != std::string::npos;
  });
  CHECK(certificate() == first);
  const Identity next = shop.files.authority.issue("the server");
  shop.files.write(next);
  shop.jangbu.signal(SIGHUP);
  wait_until("the new certificate", [&] { return certificate() == next.certificate; });
  CHECK(purchases.get("/").status == 200);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("Operations for nobody without a client certificate, services for all") {
  SecureShop shop(true);
  CHECK(shop.jangbu.client(Service::operations).get("/health/live").status == 200);
  const auto nobody = [&](Service service) {
    return Client(shop.jangbu.port(service), TlsClient::Options{}).get("/").status;
  };
  CHECK_THROWS_WITH(nobody(Service::operations), ContainsSubstring("certificate required"));
  CHECK(nobody(Service::account) == 200);

  CHECK(shop.tool({"status"}).status == 1);
  CHECK(shop.jangbu.metric(
            R"(jangbu_http_tls_handshakes_total{service="operations",outcome="failed"})") >= 2);
  const Told told = shop.tool({"status", "--client-certificate", shop.file("identity")});
  CAPTURE(told.text);
  CHECK(told.status == 0);
  CHECK(shop.jangbu.stop() == 0);
}

TEST_CASE("TLS that is half configured is refused, with what to do") {
  const CertificateFiles files;
  const auto [certificate, key, clients] = files.paths_with_clients();
  const auto refused = [](std::vector<std::string> flags, const std::string& why) {
    flags.insert(flags.begin(), "serve");
    const Told told = run(flags);
    CAPTURE(told.text);
    CHECK(told.status == 1);
    CHECK_THAT(told.text, ContainsSubstring(why));
  };
  refused({"--tls-certificate", certificate}, "go together");
  refused({"--tls-key", key}, "go together");
  refused({"--tls-client-ca", clients}, "needs TLS");
  refused({"--tls-certificate", "/nowhere", "--tls-key", key}, "/nowhere cannot be read");
  refused({"--tls-certificate", certificate, "--tls-key", key, "--allow-load"},
          "--allow-load is not available");
  refused({"--tls-certificate", certificate, "--tls-key", key, "--other-instance",
           "http://shop-2.example:11000"},
          "is not https, as this instance is");
  refused({"--tls-certificate", certificate, "--tls-key", key, "--listen", "0.0.0.0"},
          "there is no access control");
}
