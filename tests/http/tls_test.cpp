// What is special to TLS. That everything else is as without it, the other tests show, which run
// once more over TLS.
#include "api/http/tls.hpp"

#include <openssl/ssl.h>
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <deque>

#include "tests/http/exchanges.hpp"
#include "tests/http/log_lines.hpp"
#include "tests/http/test_server.hpp"

using namespace jangbu::http;
using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

Response text(std::string body) {
  return {.status = 200, .content_type = "text/plain", .body = std::move(body)};
}

Router small_router() {
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  router.add(Method::post, "/echo", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::move(request.body)));
  });
  return router;
}

// A server over TLS with certificates of its own.
struct Secure {
  explicit Secure(Router router = small_router(), const Limits& limits = {},
                  bool client_certificates = false)
      : tls(std::make_shared<Tls>(client_certificates ? files.paths_with_clients()
                                                      : files.paths())),
        server("127.0.0.1", 0, std::move(router), limits, 1, {}, {tls, client_certificates}) {
    server.start();
  }

  Client client(const TlsClient::Options& options = {}) const { return {server.port(), options}; }
  // A socket that is connected, and no more.
  Client silent() const { return Client::without_tls(server.port()); }

  CertificateFiles files;
  const std::shared_ptr<Tls> tls;
  Server server;
};

std::string first_flight() {
  TlsClient client;
  client.shake_hands();
  return client.outgoing();
}

// "" when the client gets its answer, else why not.
std::string why_not(Client client) {
  try {
    return client.get("/hello").body == "hello" ? "" : "another answer";
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::chrono::microseconds processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace

TEST_CASE("TLS 1.2 and 1.3 with http/1.1, and nothing older or else") {
  const Secure secure;
  const auto version = [&](int only, const std::string& alpn = "http/1.1") {
    return secure.client({.ca = secure.files.authority.certificate(),
                          .least_version = only,
                          .most_version = only,
                          .alpn = alpn});
  };
  for (const int modern : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Client client = version(modern);
    CHECK(client.get("/hello").body == "hello");
    CHECK(client.get("/hello").body == "hello");
    CHECK(client.tls().chosen_protocol() == "http/1.1");
    CHECK(why_not(version(modern, "")).empty());
    CHECK_THAT(why_not(version(modern, "h2")), ContainsSubstring("no application protocol"));
  }
  CHECK_THAT(why_not(version(TLS1_1_VERSION)), ContainsSubstring("protocol version"));
  CHECK_THAT(why_not(secure.client({.ca = CertificateAuthority("a stranger").certificate()})),
             ContainsSubstring("certificate verify failed"));
}

TEST_CASE("requests and records need not begin and end together") {
  const Secure secure;
  Client client = secure.client();
  const std::string body(60 * kib, 'x');
  const std::string request = post_request("/echo", body);
  for (std::size_t at = 0; at < request.size(); at += 100) client.send(request.substr(at, 100));
  CHECK(client.read_answer().body == body);

  std::string many;
  for (int i = 0; i < 100; ++i) many += get_request("/hello");
  client.send(many);
  for (int i = 0; i < 100; ++i) REQUIRE(client.read_answer().body == "hello");

  // A record in pieces, with a pause in which the server sees each.
  client.tls().write(get_request("/hello"));
  const std::string record = client.tls().outgoing();
  for (std::size_t at = 0; at < record.size(); ++at) {
    client.send_raw(record.substr(at, 1));
    if (at + 1 < record.size()) CHECK_FALSE(client.readable_within(1ms));
  }
  CHECK(client.read_answer().body == "hello");
}

TEST_CASE("what TLS holds is not forgotten while an answer is awaited") {
  Exchanges exchanges;
  Router router = small_router();
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  const Secure secure(std::move(router));
  Client client = secure.client();
  client.send(get_request("/wait"));
  const Exchange first = exchanges.take();
  // More than is read while one is answered. The end of it is in OpenSSL, not in the socket.
  const int count = 100;
  for (int i = 0; i < count; ++i) client.send(post_request("/echo", std::string(1000, 'x')), false);
  Client other = secure.client();
  CHECK(other.get("/hello").body == "hello");
  first.respond(text("at last"));
  CHECK(client.read_answer().body == "at last");
  for (int i = 0; i < count; ++i) REQUIRE(client.read_answer().body.size() == 1000);
}

TEST_CASE("the end of a connection is told, and that of an answer cut short is not") {
  Exchanges exchanges;
  Limits limits;
  limits.idle_timeout = 300ms;
  Router router = small_router();
  router.add(Method::get, "/stream", [&](Request&&, const Exchange& exchange) {
    exchange.stream_start({.content_type = "text/plain", .body = "begun"});
    exchanges.put(exchange);
  });
  const Secure secure(std::move(router), limits);

  Client closing = secure.client();
  closing.send(get_request("/hello", "Connection: close\r\n"));
  CHECK(closing.read_answer().body == "hello");
  CHECK(closing.read_to_end().empty());
  CHECK(closing.tls().ended());

  Client idle = secure.client();
  CHECK(idle.read_to_end().empty());
  CHECK(idle.tls().ended());

  Client half_closed = secure.client();
  half_closed.send(get_request("/hello"));
  half_closed.end_sending();
  CHECK(half_closed.read_answer().body == "hello");
  CHECK(half_closed.read_to_end().empty());

  Client cut = secure.client();
  cut.send(get_request("/stream"));
  { const Exchange dropped = exchanges.take(); }
  cut.read_to_end();
  CHECK_FALSE(cut.tls().ended());
}

TEST_CASE("keys can be renewed, handshakes cannot") {
  const Secure secure;
  Client modern = secure.client({.least_version = TLS1_3_VERSION});
  for (int i = 0; i < 3; ++i) {
    CHECK(modern.get("/hello").body == "hello");
    modern.tls().update_key();
    modern.send_raw(modern.tls().outgoing());
  }
  CHECK(modern.get("/hello").body == "hello");

  Client older = secure.client({.most_version = TLS1_2_VERSION});
  CHECK(older.get("/hello").body == "hello");
  older.tls().renegotiate();
  older.send_raw(older.tls().outgoing());
  CHECK_THROWS_WITH(older.read_some(), ContainsSubstring("no renegotiation"));
  CHECK(why_not(secure.client()).empty());
}

TEST_CASE("a handshake that takes too long, or leads nowhere, is cut off") {
  Limits limits;
  limits.handshake_timeout = 1s;
  const Secure secure(small_router(), limits);
  const std::string hello = first_flight();
  REQUIRE(hello.size() > 100);

  SECTION("silence") {
    CHECK(secure.silent().read_to_end().empty());
  }
  SECTION("half a ClientHello") {
    Client client = secure.silent();
    client.send(hello.substr(0, hello.size() / 2));
    CHECK(client.read_to_end().empty());
  }
  SECTION("a byte now and then does not help") {
    Client client = secure.silent();
    for (std::size_t at = 0; !client.readable_within(20ms); ++at) {
      REQUIRE(at < hello.size());
      client.send(hello.substr(at, 1));
    }
    CHECK(client.read_to_end().empty());
  }
  SECTION("a ClientHello, and no more") {
    Client client = secure.silent();
    client.send(hello);
    client.read_to_end();  // the server's part
  }
  SECTION("garbage, and records that are too large, are refused at once") {
    const std::string record_of_65535("\x16\x03\x01\xff\xff", 5);
    for (const std::string& bytes :
         {std::string(1000, '\x16'), std::string(1000, '\0'), std::string(1000, '\x80'),
          record_of_65535 + std::string(65'535, 'x'),
          hello.substr(0, 60) + std::string(hello.size() - 60, '\xff')}) {
      Client client = secure.silent();
      client.send(bytes);
      client.end_sending();
      CHECK(client.read_to_end().size() < 100);  // an alert at most
    }
  }
  SECTION("clients that leave in the middle") {
    for (std::size_t size = 0; size <= hello.size(); size += 30) {
      Client client = secure.silent();
      client.send(hello.substr(0, size));
      if (size % 20 == 0) client.abort();
    }
  }
  CHECK(why_not(secure.client()).empty());
  wait_until("the server to be rid of them", [&] { return secure.server.connections() == 0; });
  CHECK(secure.server.traffic().handshakes_done() == 1);
  CHECK(secure.server.traffic().handshakes_failed() >= 1);
}

TEST_CASE("handshakes under way are bounded, and those that have waited longest make room") {
  Limits limits;
  limits.max_handshakes = 20;
  limits.handshake_timeout = 60s;
  const Secure secure(small_router(), limits);
  Client before = secure.client();
  CHECK(before.get("/hello").body == "hello");
  const std::string half = first_flight().substr(0, 100);
  std::deque<Client> begun;
  for (int i = 0; i < 3'000; ++i) {
    begun.push_back(secure.silent());
    if (i % 2 == 0) begun.back().send(half);
    if (begun.size() > 200) begun.pop_front();
  }
  CHECK(before.get("/hello").body == "hello");
  CHECK(why_not(secure.client()).empty());
  CHECK(secure.server.connections() <= 1 + limits.max_handshakes + 1);
  const auto used = processor_time();
  CHECK_FALSE(begun.back().readable_within(500ms));
  CHECK(processor_time() - used < 100ms);
}

TEST_CASE("whoever is turned away learns it over TLS, too") {
  Limits limits;
  limits.max_connections = 1;
  const Secure secure(small_router(), limits);
  Client served = secure.client();
  CHECK(served.get("/hello").body == "hello");
  CHECK(secure.client().get("/hello").status == 503);
}

TEST_CASE("plain HTTP on a port of TLS is told so") {
  const Secure secure;
  for (const std::string& request :
       {get_request("/hello"), post_request("/echo", "x"),
        std::string("DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n"), get_request("/hello").substr(0, 4)}) {
    Client client = secure.silent();
    client.send(request + get_request("/hello"));
    const Answer answer = client.read_answer();
    CHECK(answer.status == 400);
    if (request.size() > 4) CHECK_THAT(answer.body, ContainsSubstring("https://"));
    CHECK(answer.headers.at("connection") == "close");
    CHECK(client.read_to_end().empty());
  }
}

TEST_CASE("TLS on a port of plain HTTP is told so") {
  Server server("127.0.0.1", 0, small_router());
  server.start();
  Client client = Client::without_tls(server.port());
  client.send(first_flight());
  CHECK(client.read_answer().status == 400);
  CHECK(client.read_to_end().empty());
  CHECK(Client::without_tls(server.port()).get("/hello").body == "hello");
}

TEST_CASE("where client certificates are demanded, nobody says anything without") {
  const Secure secure(small_router(), {}, true);
  const CertificateAuthority stranger("an authority");  // of the same name
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto with = [&](Identity identity) {
      return why_not(secure.client(
          {.identity = std::move(identity), .least_version = version, .most_version = version}));
    };
    CHECK(with(secure.files.authority.issue("an operator")).empty());
    CHECK_THAT(with({}), ContainsSubstring(version == TLS1_2_VERSION ? "handshake failure"
                                                                     : "certificate required"));
    CHECK_THAT(with(stranger.issue("an operator")), ContainsSubstring("alert"));
    CHECK_THAT(with(secure.files.authority.issue("an operator", -24h)),
               ContainsSubstring("certificate expired"));
  }
  Client plain = secure.silent();
  CHECK(plain.get("/hello").status == 400);

  // The same certificates elsewhere, where none is demanded.
  Server open("127.0.0.1", 0, small_router(), {}, 1, {}, {secure.tls});
  open.start();
  CHECK(why_not({open.port(), TlsClient::Options{}}).empty());
}

TEST_CASE("certificates are read again, for new connections, and only good ones") {
  const Secure secure(small_router(), {}, true);
  const Identity operator_ = secure.files.authority.issue("an operator");
  const auto certificate = [&] {
    Client client = secure.client({.identity = operator_});
    CHECK(client.get("/hello").body == "hello");
    return client.tls().server_certificate();
  };
  Client before = secure.client({.identity = operator_});
  CHECK(before.get("/hello").body == "hello");
  const std::string first = certificate();

  const Identity next = secure.files.authority.issue("the server");
  write_text(secure.files.paths().certificate, next.certificate);
  CHECK_THROWS_WITH(secure.tls->reload(), ContainsSubstring("is not the key of"));
  CHECK(certificate() == first);
  secure.files.write(next);
  secure.tls->reload();
  CHECK(certificate() == next.certificate);
  CHECK(before.get("/hello").body == "hello");

  const CertificateAuthority other("another authority");
  write_text(secure.files.paths_with_clients().client_ca, other.certificate());
  secure.tls->reload();
  CHECK_THAT(why_not(secure.client({.identity = operator_})), ContainsSubstring("alert"));
  CHECK(why_not(secure.client({.identity = other.issue("an operator")})).empty());
  CHECK(before.get("/hello").body == "hello");
}

TEST_CASE("files that will not do are refused with what to do") {
  const CertificateFiles files;
  const TlsFiles paths = files.paths();
  const auto refused = [&](const std::string& why) {
    CHECK_THROWS_WITH(Tls(paths), ContainsSubstring(why));
  };
  SECTION("a certificate that is not there") {
    std::filesystem::remove(paths.certificate);
    refused("--tls-certificate " + paths.certificate.string() +
            " cannot be read: No such file or directory");
  }
  SECTION("a key that is not there") {
    std::filesystem::remove(paths.key);
    refused("--tls-key " + paths.key.string() + " cannot be read: No such file or directory");
  }
  SECTION("a folder") {
    std::filesystem::remove(paths.certificate);
    std::filesystem::create_directory(paths.certificate);
    refused("cannot be read: Is a directory");
  }
  SECTION("something else") {
    write_text(paths.certificate, "hello");
    refused("has no certificate in PEM");
  }
  SECTION("a chain that is damaged") {
    write_text(paths.certificate,
               files.authority.issue("it").certificate +
                   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----");
    refused("has a certificate that is damaged");
  }
  SECTION("another's key") {
    write_text(paths.key, files.authority.issue("another").key);
    refused("--tls-key " + paths.key.string() + " is not the key of the (first) certificate in " +
            paths.certificate.string());
  }
  SECTION("a key that everybody may read") {
    std::filesystem::permissions(paths.key, std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    refused("chmod o= " + paths.key.string());
  }
  SECTION("an encrypted key") {
    // openssl genpkey -algorithm ed25519 -aes256 -pass pass:x
    write_text(paths.key,
               "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
               "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh97EUnxBXjOQICCAAw\n"
               "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGYwVa+1vtaStdfren3lm2cEQNRp\n"
               "aQEwaNLIga2fpdZ5zKxFHZ+IjU1SdBNFtiXnI9ivxRTJ7V0VBAvILaSMD1why9PH\n"
               "B0vXNbvc6UZi5RlWdx8=\n"
               "-----END ENCRYPTED PRIVATE KEY-----\n");
    refused("is encrypted");
  }
  SECTION("clients' authorities that are none") {
    TlsFiles with_clients = files.paths_with_clients();
    write_text(with_clients.client_ca, files.authority.issue("nobody").certificate);
    CHECK_THROWS_WITH(Tls(with_clients), ContainsSubstring("not of an authority"));
  }
}

TEST_CASE("a certificate that has expired is used, with a warning") {
  LogLines log;
  const CertificateFiles files;
  files.write(files.authority.issue("the server", -24h));
  const Tls tls(files.paths());
  CHECK(log.count("has expired") == 1);
}
