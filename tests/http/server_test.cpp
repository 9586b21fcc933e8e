// What one well or badly behaved client sees.
#include "api/http/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>

#include "events/errors.hpp"
#include "tests/http/answering_thread.hpp"
#include "tests/http/exchanges.hpp"
#include "tests/http/log_lines.hpp"
#include "tests/http/test_server.hpp"
#include "tests/support/process.hpp"

using namespace jangbu::http;
using namespace jangbu::test;

namespace {

Response text(std::string body) {
  return {.status = 200, .content_type = "text/plain", .body = std::move(body)};
}

void say(Router& router, const std::string& pattern, const std::string& what) {
  router.add(Method::get, pattern,
             [what](Request&&, const Exchange& exchange) { exchange.respond(text(what)); });
}

class Running {
 public:
  explicit Running(Router router, Limits limits = {}) : server(std::move(router), limits) {
    server.start();
  }
  Client client() const { return Client(server.port()); }

  TestServer server;
};

std::string code_of(const Answer& answer) {
  CHECK(answer.headers.at("content-type") == "application/problem+json");
  const auto body = nlohmann::json::parse(answer.body);
  CHECK(body.at("status") == answer.status);
  CHECK(body.at("type") == "/problems/" + body.at("code").get<std::string>());
  CHECK_FALSE(body.at("title").get<std::string>().empty());
  return body.at("code");
}

Router echo_router() {
  Router router;
  router.add(Method::post, "/echo", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::move(request.body)));
  });
  say(router, "/hello", "hello");
  return router;
}

}  // namespace

TEST_CASE("a request is handed over decoded") {
  Router router;
  router.add(Method::put, "/accounts/{id}/notes/{note}",
             [](Request&& request, const Exchange& exchange) {
               exchange.respond(text(std::string(request.param("id")) + "|" +
                                     std::string(request.param("note")) + "|" +
                                     std::string(request.query_value("name").value()) + "|" +
                                     std::string(request.header("x-note").value()) + "|" +
                                     request.target + "|" + request.body));
             });
  const Running running(std::move(router));
  Client client = running.client();
  const std::string target = "/accounts/a%2Fb/notes/%ED%99%8D+?x=1&name=%EA%B8%B8+%EB%8F%99";
  client.send("PUT " + target +
              " HTTP/1.1\r\nHost: h\r\nX-Note: hm\r\nContent-Length: 2\r\n\r\nhi");
  const Answer answer = client.read_answer();
  CHECK(answer.status == 200);
  CHECK(answer.body == "a/b|홍+|길 동|hm|" + target + "|hi");

  client.send(get_request("/accounts/%zz"));
  CHECK(code_of(client.read_answer()) == "malformed-target");
  client.send(get_request("/accounts?name=%00"));
  CHECK(code_of(client.read_answer()) == "malformed-target");
}

TEST_CASE("routes: literals beat parameters, and the rest is answered for them") {
  Router router;
  say(router, "/accounts/{id}", "one");
  say(router, "/accounts/search", "search");
  say(router, "/accounts", "list");
  say(router, "/accounts/{id}/history", "history");
  say(router, "/", "index");
  say(router, "/swagger-ui/", "page");
  router.add(Method::post, "/accounts:import",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("import")); });
  router.add(Method::post, "/accounts/search",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("posted")); });
  const Running running(std::move(router));
  Client client = running.client();

  CHECK(client.get("/accounts/7").body == "one");
  CHECK(client.get("/accounts/search").body == "search");
  CHECK(client.get("/accounts/se%61rch").body == "search");
  CHECK(client.get("/accounts").body == "list");
  CHECK(client.get("/accounts/search/history").body == "history");
  CHECK(client.get("/").body == "index");
  CHECK(client.get("/swagger-ui/").body == "page");
  client.send(post_request("/accounts%3Aimport", ""));
  CHECK(client.read_answer().body == "import");

  CHECK(code_of(client.get("/nothing")) == "not-found");
  CHECK(client.get("/accounts/").status == 404);
  CHECK(client.get("/swagger-ui").status == 404);

  client.send(post_request("/accounts/7", ""));
  const Answer refused = client.read_answer();
  CHECK(refused.status == 405);
  CHECK(code_of(refused) == "method-not-allowed");
  CHECK(refused.headers.at("allow") == "GET, HEAD, OPTIONS");

  client.send("OPTIONS /accounts/search HTTP/1.1\r\nHost: h\r\n\r\n");
  const Answer options = client.read_answer();
  CHECK(options.status == 204);
  CHECK(options.headers.at("allow") == "GET, HEAD, OPTIONS, POST");
  CHECK_FALSE(options.headers.contains("content-length"));
  client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.read_answer().headers.at("allow") == "GET, HEAD, OPTIONS, POST");
  client.send("OPTIONS /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.read_answer().status == 404);

  client.send("HEAD /accounts HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.read_answer(true).headers.at("content-length") == "4");
  CHECK(client.get("/accounts").body == "list");  // nothing of a body was in between
}

TEST_CASE("a route that could never be reached is a bug") {
  const Handler handler = [](Request&&, const Exchange&) {};
  Router router;
  router.add(Method::get, "/a/{b}", handler, "getB");
  CHECK_THROWS_AS(router.add(Method::get, "/a/{c}", handler), std::logic_error);
  CHECK_THROWS_AS(router.add(Method::get, "a", handler), std::logic_error);
  CHECK_THROWS_AS(router.add(Method::head, "/a", handler), std::logic_error);
  router.add(Method::put, "/a/{c}", handler);
  REQUIRE(router.routes().size() == 2);
  CHECK(router.routes()[0].operation == "getB");
  CHECK(router.routes()[1].pattern == "/a/{c}");
}

TEST_CASE("a problem quotes bytes that are not UTF-8 as U+FFFD") {
  const Response answer = problem({422, "invalid-field", "Invalid field"}, "not \"a\xff\"");
  CHECK(answer.status == 422);
  CHECK(nlohmann::ordered_json::parse(answer.body) ==
        nlohmann::ordered_json{{"type", "/problems/invalid-field"},
                               {"title", "Invalid field"},
                               {"status", 422},
                               {"detail", "not \"a\uFFFD\""},
                               {"code", "invalid-field"}});
}

TEST_CASE("what escapes a handler is answered, and not told") {
  LogLines log;
  Router router;
  router.add(Method::get, "/bug",
             [](Request&&, const Exchange&) { throw std::runtime_error("secret"); });
  router.add(Method::get, "/odd", [](Request&&, const Exchange&) { throw 42; });
  router.add(Method::get, "/away",
             [](Request&&, const Exchange&) { throw jangbu::Unavailable("host db1 secret"); });
  router.add(Method::get, "/late", [](Request&&, const Exchange& exchange) {
    exchange.respond_with([]() -> Response { throw std::runtime_error("secret"); });
  });
  router.add(Method::get, "/forgotten", [](Request&&, const Exchange&) {});
  router.add(Method::get, "/param",
             [](Request&& request, const Exchange&) { request.param("id"); });
  router.add(Method::get, "/split", [](Request&&, const Exchange& exchange) {
    exchange.respond({.status = 200, .headers = {{"Location", "/a\r\nSet-Cookie: secret"}}});
  });
  router.add(Method::get, "/twice", [](Request&&, const Exchange& exchange) {
    exchange.respond(text("first"));
    exchange.respond(text("second"));
    throw std::runtime_error("third");
  });
  const Running running(std::move(router));
  Client client = running.client();
  for (const auto* target : {"/bug", "/odd", "/late", "/forgotten", "/param", "/split"}) {
    INFO(target);
    const Answer answer = client.get(target);
    CHECK(answer.status == 500);
    CHECK(code_of(answer) == "internal-error");
    CHECK(answer.body.find("secret") == std::string::npos);
  }
  const Answer away = client.get("/away");
  CHECK(away.status == 503);
  CHECK(code_of(away) == "unavailable");
  CHECK(away.headers.at("retry-after") == "1");
  CHECK(away.body.find("secret") == std::string::npos);
  CHECK(client.get("/twice").body == "first");
  CHECK(client.get("/twice").body == "first");
  CHECK(log.count("secret") == 2);  // /bug and /late
}

TEST_CASE("a framing error is answered, closed, and what follows is never run") {
  std::atomic<int> smuggled = 0;
  Router router = echo_router();
  router.add(Method::get, "/admin", [&](Request&&, const Exchange& exchange) {
    ++smuggled;
    exchange.respond(text("smuggled"));
  });
  const Running running(std::move(router));
  const std::string second = get_request("/admin");
  const std::string line = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  const std::pair<std::string, int> cases[] = {
      {line + "Content-Length: abc\r\n\r\n" + second, 400},
      {line + "Content-Length: -1\r\n\r\n" + second, 400},
      {line + "Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + second, 400},
      {line + "Content-Length : 60\r\n\r\n" + second, 400},
      {line + "X: a\r\n Content-Length: 60\r\n\r\n" + second, 400},
      {line + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + second, 400},
      {line + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n" + second, 400},
      {line + "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n" + second, 400},
      {line + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + second, 400},
      {line + "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + second, 413},
      {line + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + second, 501},
      {line + "transfer-encoding:\txchunked\r\n\r\n5\r", 501},
      {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second, 400},
      {line + "Content-Encoding: gzip\r\nContent-Length: 60\r\n\r\n" + second, 415},
      {line + "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n" + second, 403},
      {"GET /admin HTTP/1.1\nHost: h\n\n" + second, 400},
      {line + "Content-Length: 65537\r\n\r\n" + second, 413},
      {"GET /" + std::string(18'000, '/') + " HTTP/1.1\r\nHost: h\r\n\r\n" + second, 414},
      {line + "X: " + std::string(9'000, 'x') + "\r\n\r\n" + second, 431},
      {line + "Expect: a-miracle\r\nContent-Length: 5\r\n\r\n" + second, 417},
      {"BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n" + second, 501},
      {"GET /admin HTTP/3.0\r\nHost: h\r\n\r\n" + second, 505},
  };
  for (const auto& [bytes, status] : cases) {
    INFO(bytes.substr(0, 200));
    Client client = running.client();
    client.send(bytes);
    const Answer answer = client.read_answer();
    CHECK(answer.status == status);
    code_of(answer);
    CHECK(answer.headers.at("connection") == "close");
    CHECK(client.read_to_end().empty());
  }
  CHECK(smuggled == 0);
}

TEST_CASE("header fields that Pistache's own parsers throw on are no reason to refuse") {
  const Running running(echo_router());
  Client client = running.client();
  client.send(get_request("/hello",
                          "Cookie: foo\r\nCache-Control: immutable\r\nAccept: odd;;\r\n"
                          "Authorization: ?\r\nContent-Type: what\r\nDate: never\r\n"
                          "Content-Encoding: ?\r\nExpect: 100-continue\r\nServer:\r\n"));
  CHECK(client.read_answer().body == "hello");
}

TEST_CASE("a large answer to a refused upload is not lost in a reset") {
  const Running running(echo_router());
  Client client = running.client();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
  const std::string piece(64 * kib, 'x');
  for (int i = 0; i < 8; ++i) client.send(piece, false);
  CHECK(client.read_answer().status == 413);
  CHECK(client.read_to_end().empty());
}

TEST_CASE("a body in chunks is a body as any other") {
  const Running running(echo_router());
  Client client = running.client();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";
  const std::string chunks = "5;x\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n";
  client.send(head + "\r\n" + chunks + get_request("/hello"));
  CHECK(client.read_answer().body == "hello world");
  CHECK(client.read_answer().body == "hello");
  for (const char byte : head + "\r\n" + chunks) client.send(std::string(1, byte));
  CHECK(client.read_answer().body == "hello world");
  client.send(head + "Expect: 100-continue\r\n\r\n");
  CHECK(client.read_some() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(chunks);
  CHECK(client.read_answer().body == "hello world");
}

TEST_CASE("a body that is encoded is not taken for one that is not") {
  const Running running(echo_router());
  for (const char* fields : {"Content-Encoding: gzip\r\n", "content-encoding: identity, br\r\n",
                             "Content-Encoding: identity\r\nContent-Encoding: deflate\r\n"}) {
    INFO(fields);
    Client client = running.client();
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n" + std::string(fields) +
                "\r\nbody");
    const Answer answer = client.read_answer();
    CHECK(answer.status == 415);
    CHECK(code_of(answer) == "unsupported-content-encoding");
    CHECK(answer.headers.at("accept-encoding") == "identity");
  }
  Client client = running.client();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
      "Content-Encoding: Identity\r\n\r\nbody");
  CHECK(client.read_answer().body == "body");
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
      "Content-Encoding: gzip\r\n\r\n");
  CHECK(client.read_answer().status == 200);
}

namespace {

// IMF-fixdate, of now or a little before.
bool is_now(const std::string& date) {
  std::tm utc{};
  const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  if (date.size() != 29 || !end || *end) return false;
  const auto ago = std::time(nullptr) - ::timegm(&utc);
  return ago >= 0 && ago < 300;
}

}  // namespace

TEST_CASE("every answer says when it was given") {
  Router router = echo_router();
  router.add(Method::get, "/unchanged",
             [](Request&&, const Exchange& exchange) { exchange.respond({.status = 304}); });
  router.add(Method::get, "/stream", [](Request&&, const Exchange& exchange) {
    exchange.stream_start({.content_type = "text/plain", .body = "all"});
    exchange.stream_end();
  });
  const Running running(std::move(router));
  for (const std::string& request :
       {get_request("/hello"), get_request("/unchanged"), get_request("/stream"),
        get_request("/nothing"), post_request("/hello", ""), post_request("/echo", "body"),
        std::string("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), std::string("rubbish\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n")}) {
    INFO(request);
    Client client = running.client();
    client.send(request);
    CHECK(is_now(client.read_answer().headers["date"]));
  }
}

TEST_CASE("only who calls a server by its name is answered") {
  Router router = echo_router();
  router.answer_to(Hosts({"localhost", "Shop.Example", "::1", "10.0.0.1"}));
  const Running running(std::move(router));
  const auto ask = [&](const std::string& request) {
    Client client = running.client();
    client.send(request);
    const Answer answer = client.read_answer(request.starts_with("HEAD"));
    if (answer.status == 421 && !request.starts_with("HEAD"))
      CHECK(code_of(answer) == "misdirected-request");
    return answer.status;
  };
  const auto called = [&](const std::string& host) {
    INFO(host);
    return ask("GET /hello HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const char* ours :
       {"localhost", "localhost:80", "LocalHost:12345", "localhost:", "shop.example:443",
        "[::1]:11001", "[0:0:0:0:0:0:0:1]", "10.0.0.1:1", "[::ffff:10.0.0.1]", "127.0.0.1",
        "127.0.0.1:99"})  // the last two: where the connection came to
    CHECK(called(ours) == 200);
  for (const char* other :
       {"evil.example", "localhost.evil.example:11001", "evil.localhost", "localhost:80:80",
        "localhost:x", "10.0.0.2", "127.0.0.2", "[::2]", "::1", "[::1]x", "[localhost]", ":80", "",
        "shop.example@evil.example", "0.0.0.0"})
    CHECK(called(other) >= 400);
  CHECK(called("evil.example") == 421);
  CHECK(called("") == 421);

  const std::string foreign = " HTTP/1.1\r\nHost: evil.example:11001\r\n";
  CHECK(ask("HEAD /hello" + foreign + "\r\n") == 421);
  CHECK(ask("OPTIONS *" + foreign + "\r\n") == 421);
  CHECK(ask("GET /nothing" + foreign + "\r\n") == 421);
  CHECK(ask("DELETE /hello" + foreign + "\r\n") == 421);
  CHECK(ask("POST /echo" + foreign + "Content-Length: 4\r\n\r\nbody") == 421);
  CHECK(ask("GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n") == 421);
  CHECK(ask("GET http://localhost/hello" + foreign + "\r\n") == 421);
  CHECK(ask("GET http://localhost:1/hello HTTP/1.1\r\nHost: localhost\r\n\r\n") == 200);
  CHECK(ask("GET /hello HTTP/1.0\r\n\r\n") == 200);
  CHECK(ask("GET /hello HTTP/1.0\r\nHost: evil.example\r\n\r\n") == 421);
}

TEST_CASE("what a foreign page makes a browser send is not carried out") {
  std::atomic<int> done = 0;
  Router router;
  for (const Method method : {Method::post, Method::put, Method::patch, Method::delete_})
    router.add(method, "/do", [&](Request&&, const Exchange& exchange) {
      ++done;
      exchange.respond(text("done"));
    });
  say(router, "/do", "seen");
  router.allow(Cors({.origins = {"https://friend.example"}}));
  const Running running(std::move(router));
  const auto ask = [&](const std::string& fields, const std::string& method = "POST",
                       const std::string& host = "localhost:11003") {
    INFO(method << " " << fields);
    Client client = running.client();
    client.send(method + " /do HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n" + fields +
                "\r\n");
    const Answer answer = client.read_answer();
    if (answer.status == 403) CHECK(code_of(answer) == "foreign-origin");
    return answer.status;
  };
  for (const char* foreign :
       {"Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin:\r\n",
        "Origin: http://localhost:11003.evil.example\r\n", "Origin: http://localhost:11004\r\n",
        "Origin: http://localhost\r\n", "Origin: http://127.0.0.1:11003\r\n",
        "Origin: ftp://localhost:11003\r\n", "Origin: http://friend.example\r\n",
        "Origin: http://localhost:11003\r\nOrigin: http://evil.example\r\n",
        "Origin: null\r\nSec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"})
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE"})
      CHECK(ask(foreign, method) == 403);
  CHECK(done == 0);
  for (const char* ours :
       {"", "Origin: http://localhost:11003\r\n", "Origin: http://LOCALHOST:11003\r\n",
        "Origin: https://friend.example\r\nSec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"})
    CHECK(ask(ours) == 200);
  // A proxy that took off the TLS, and ports that go without saying.
  CHECK(ask("Origin: https://shop.example\r\n", "POST", "shop.example") == 200);
  CHECK(ask("Origin: https://shop.example\r\n", "POST", "shop.example:443") == 200);
  CHECK(ask("Origin: http://shop.example\r\n", "POST", "shop.example:80") == 200);
  CHECK(ask("Origin: http://shop.example\r\n", "POST", "shop.example:443") == 403);
  CHECK(done == 9);
  // Reading changes nothing, and a link may lead here; that no page reads it is CORS' business.
  CHECK(ask("Origin: http://evil.example\r\n", "GET") == 200);
  CHECK(ask("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", "GET") == 200);
}

TEST_CASE("100-continue is said when the body is waited for") {
  const Running running(echo_router());
  Client client = running.client();
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  client.send(head);
  CHECK(client.read_some() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("he");
  client.send("llo");
  CHECK(client.read_answer().body == "hello");
  client.send(head + "again");  // the body came without waiting: nothing to say
  CHECK(client.read_answer().status == 200);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n");
  CHECK(client.read_answer().status == 413);
}

TEST_CASE("HTTP/1.0, and clients that close their side early") {
  const Running running(echo_router());
  Client old = running.client();
  old.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(old.read_answer().headers.at("connection") == "keep-alive");
  old.send("GET /hello HTTP/1.0\r\n\r\n");
  const Answer last = old.read_answer();
  CHECK(last.headers.at("connection") == "close");
  CHECK(last.body == "hello");
  CHECK(old.read_to_end().empty());

  Client half = running.client();
  half.send(get_request("/hello") + get_request("/hello"));
  half.end_sending();
  CHECK(half.read_answer().body == "hello");
  CHECK(half.read_answer().body == "hello");
  CHECK(half.read_to_end().empty());
}

TEST_CASE("pipelined requests are answered in order, however late each answer is") {
  Router router = echo_router();
  AnsweringThread later;
  router.add(Method::get, "/later/{n}", [&](Request&& request, const Exchange& exchange) {
    later.run([n = std::string(request.param("n")), exchange] { exchange.respond(text(n)); });
  });
  router.add(Method::get, "/now/{n}", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::string(request.param("n"))));
  });
  const Running running(std::move(router));
  Client client = running.client();
  std::string requests;
  for (int i = 0; i < 200; ++i)
    requests += get_request((i % 2 ? "/now/" : "/later/") + std::to_string(i));
  client.send(requests);
  for (int i = 0; i < 200; ++i) REQUIRE(client.read_answer().body == std::to_string(i));

  // In pieces that cut requests anywhere.
  for (std::size_t at = 0; at < requests.size(); at += 37)
    client.send(std::string_view(requests).substr(at, 37));
  for (int i = 0; i < 200; ++i) REQUIRE(client.read_answer().body == std::to_string(i));
}

TEST_CASE("a client that only sends is not read from for ever") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  const Running running(std::move(router));
  Client client = running.client();
  const std::string piece = get_request("/wait");
  std::string burst;
  while (burst.size() < mib) burst += piece;
  std::size_t sent = 0;
  // The kernel's buffers on both ways take some megabytes, the server about 72 KiB.
  while (const std::size_t taken = client.send(burst, false)) {
    sent += taken;
    REQUIRE(sent < 64 * burst.size());
    if (taken < burst.size() && !client.readable_within(50ms)) {
      if (client.send("x", false) == 0) break;
    }
  }
  exchanges.take().respond(text("first"));
  CHECK(client.read_answer().body == "first");
  exchanges.take().respond(text("second"));
  CHECK(client.read_answer().body == "second");
}

TEST_CASE(
    "who works on an answer learns that its client has closed its side, and may answer still") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  const Running running(std::move(router));
  Client client = running.client();
  client.send(get_request("/wait"));
  const Exchange exchange = exchanges.take();
  CHECK_FALSE(exchange.client_left());
  client.end_sending();
  wait_until("the end of the client's side", [&] { return exchange.client_left(); });
  CHECK_FALSE(exchange.client_gone());
  exchange.respond(text("half of it"));
  CHECK(client.read_answer().body == "half of it");
}

TEST_CASE("an answer for a client that has gone is dropped") {
  Exchanges exchanges;
  Router router = echo_router();
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  const Running running(std::move(router));
  Client gone = running.client();
  gone.send(get_request("/wait"));
  const Exchange late = exchanges.take();
  gone.abort();

  // These get the descriptors that became free, on both sides.
  Client next = running.client();
  CHECK(next.get("/hello").body == "hello");
  next.send(get_request("/wait"));
  const Exchange current = exchanges.take();
  late.respond(text("not yours"));
  current.respond(text("yours"));
  CHECK(next.read_answer().body == "yours");
  CHECK(next.get("/hello").body == "hello");
}

TEST_CASE("exchanges may outlive their server") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  auto running = std::make_unique<Running>(std::move(router));
  Client client = running->client();
  client.send(get_request("/wait"));
  const Exchange late = exchanges.take();
  running.reset();
  late.respond(text("too late"));
  CHECK_FALSE(late.stream_write("too late"));
  CHECK_THROWS(client.read_answer());
}

TEST_CASE("an address that cannot be had is named") {
  const Running running(echo_router());
  const auto message_of = [](const std::string& address, int port) {
    try {
      const Server server(address, port, echo_router());
    } catch (const std::system_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string port = std::to_string(running.server.port());
  CHECK(message_of("127.0.0.1", running.server.port()) ==
        "cannot listen on 127.0.0.1 port " + port + ": Address already in use");
  CHECK(message_of("localhost", 0) == "cannot listen on localhost port 0: Invalid argument");
  CHECK_FALSE(message_of("127.0.0.1", 65536).empty());
  CHECK_FALSE(message_of("192.0.2.1", 0).empty());
}

TEST_CASE("several servers, several workers") {
  TestServer one(echo_router(), {}, 3);
  TestServer two(echo_router(), {}, 2);
  one.start();
  two.start();
  for (int i = 0; i < 50; ++i) {
    CHECK(Client(one.port()).get("/hello").status == 200);
    CHECK(Client(two.port()).get("/hello").status == 200);
  }
  CHECK(one.drain(60s));
  CHECK(Client(two.port()).get("/hello").status == 200);
  CHECK_THROWS(Client(one.port()));
}

TEST_CASE("a handler knows the address that a request came from", "[plain]") {
  Router router;
  router.add(Method::get, "/peer", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(to_string(request.peer)));
  });
  router.add_streaming(Method::post, "/peer",
                       [](Request&& request, BodyStream, const Exchange& exchange) {
                         exchange.respond(text(to_string(request.peer)));
                       });
  const Running server(std::move(router));
  for (const char* own : {"127.0.0.1", "127.0.0.99"}) {
    Client client = Client::unconnected();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, own, &address.sin_addr) == 1);
    REQUIRE(::bind(client.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
            0);
    client.connect(server.server.port());
    CHECK(client.get("/peer").body == own);
    CHECK(client.get("/peer").body == own);
    client.send(post_request("/peer", "x"));
    CHECK(client.read_answer().body == own);
  }
}

TEST_CASE("the address of a peer is the same in both families") {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  REQUIRE(::inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr) == 1);
  CHECK(ip_address_of(reinterpret_cast<const sockaddr&>(v4)) == parse_ip_address("192.0.2.1"));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  REQUIRE(::inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr) == 1);
  CHECK(ip_address_of(reinterpret_cast<const sockaddr&>(v6)) == parse_ip_address("192.0.2.1"));
  REQUIRE(::inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr) == 1);
  CHECK(ip_address_of(reinterpret_cast<const sockaddr&>(v6)) == parse_ip_address("2001:db8::1"));
}
