// What a server counts and tells of its answers, and the ids that they carry.
#include "api/http/traffic.hpp"

#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <set>

#include "tests/http/exchanges.hpp"
#include "tests/http/test_server.hpp"
#include "tests/support/process.hpp"

using namespace jangbu::http;
using namespace jangbu::test;

namespace {

// An Access whose texts are its own.
struct Told {
  std::optional<Method> method;
  std::string route;
  int status;
  std::size_t bytes;
  std::string request_id, traceparent;
  bool replayed, complete;
};

class Accesses {
 public:
  OnAccess recorder() {
    return [this](const Access& access) {
      const std::lock_guard lock(mutex_);
      told_.push_back({access.method, access.route ? access.route->pattern : "", access.status,
                       access.bytes, std::string(access.request_id),
                       std::string(access.traceparent), access.replayed, access.complete});
    };
  }
  Told next() {
    wait_until("an access", [this] {
      const std::lock_guard lock(mutex_);
      return told_.size() > taken_;
    });
    const std::lock_guard lock(mutex_);
    return told_[taken_++];
  }

 private:
  std::mutex mutex_;
  std::vector<Told> told_;
  std::size_t taken_ = 0;
};

struct Running {
  Running() : server(router(), {}, 1, accesses.recorder()) { server.start(); }

  Router router() {
    Router router;
    router.add(Method::get, "/things/{id}", [](Request&&, const Exchange& exchange) {
      exchange.respond({.content_type = "text/plain",
                        .body = "thing",
                        .headers = {{"Idempotent-Replayed", "true"}}});
    });
    router.add(Method::get, "/later",
               [this](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
    return router;
  }

  Client client() const { return Client(server.port()); }
  const Traffic& traffic() const { return server.traffic(); }

  Exchanges exchanges;
  Accesses accesses;
  TestServer server;
};

std::string get_with(const std::string& target, const std::string& fields) {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

std::uint64_t observed(const jangbu::Histogram& histogram) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) count += histogram.count(i);
  return count;
}

}  // namespace

TEST_CASE("every answer carries the request's id, or one that was made for it") {
  Running running;
  Client client = running.client();
  client.send(get_with("/things/1", "x-request-ID: abc-1\r\n"));
  CHECK(client.read_answer().headers.at("x-request-id") == "abc-1");

  std::set<std::string> made;
  for (const std::string& fields :
       {std::string(), std::string("X-Request-Id: two words\r\n"),
        "X-Request-Id: " + std::string(129, 'x') + "\r\n", std::string("X-Request-Id:\r\n")}) {
    client.send(get_with("/things/1", fields));
    const std::string id = client.read_answer().headers.at("x-request-id");
    CHECK(made.insert(id).second);
    CHECK(id.size() < 129);
    CHECK(fields.find(id) == fields.npos);
  }
  // 404, and what is no request.
  client.send(get_with("/nowhere", "X-Request-Id: abc-2\r\n"));
  CHECK(client.read_answer().headers.at("x-request-id") == "abc-2");
  client.send("nonsense\r\n\r\n");
  const Answer answer = client.read_answer();
  CHECK(answer.status == 400);
  CHECK(made.insert(answer.headers.at("x-request-id")).second);
}

TEST_CASE("answers are counted by route and status") {
  Running running;
  Client client = running.client();
  const auto ask = [&](const std::string& request) {
    client.send(request);
    client.read_answer();
  };
  ask(get_with("/things/1", ""));
  ask(get_with("/things/2?name=x", ""));
  ask(get_with("/nowhere", ""));
  ask("POST /things/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  CHECK(running.server.connections() == 1);
  ask("nonsense\r\n\r\n");

  const Traffic& traffic = running.traffic();
  REQUIRE(traffic.routes().size() == 2);
  CHECK(traffic.of_route(0).answered(200) == 2);
  CHECK(observed(traffic.of_route(0).duration) == 2);
  CHECK(observed(traffic.of_route(1).duration) == 0);
  CHECK(traffic.without_route().answered(404) == 1);
  CHECK(traffic.without_route().answered(405) == 1);
  CHECK(traffic.without_route().answered(400) == 1);
  CHECK(traffic.abandoned() == 0);
}

TEST_CASE("each request is told once, when its answer is complete") {
  Running running;
  Client client = running.client();
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  client.send(get_with("/things/1?name=x", "X-Request-Id: a\r\ntraceparent: " + trace + "\r\n"));
  client.read_answer();
  Told told = running.accesses.next();
  CHECK(told.method == Method::get);
  CHECK(told.route == "/things/{id}");
  CHECK(told.status == 200);
  CHECK(told.bytes > 5);
  CHECK(told.request_id == "a");
  CHECK(told.traceparent == trace);
  CHECK(told.replayed);
  CHECK(told.complete);

  // What the next request on the connection says is its own.
  client.send(get_with("/later", "traceparent: nonsense\r\n"));
  Exchange exchange = running.exchanges.take();
  exchange.stream_start({.content_type = "text/plain", .body = "one"});
  exchange.stream_write("two");
  exchange.stream_end();
  told = running.accesses.next();
  CHECK(told.route == "/later");
  CHECK(told.status == 200);
  CHECK(told.request_id != "a");
  CHECK(told.traceparent == "");
  CHECK_FALSE(told.replayed);
  CHECK(told.complete);
}

TEST_CASE("a request whose client goes is told as it is left") {
  Running running;
  {
    Client client = running.client();
    client.send(get_with("/later", ""));
    const Exchange taken = running.exchanges.take();
    client.abort();
    const Told told = running.accesses.next();
    CHECK(told.route == "/later");
    CHECK(told.status == 0);
    CHECK_FALSE(told.complete);
  }
  Client client = running.client();
  client.send(get_with("/later", ""));
  const Exchange exchange = running.exchanges.take();
  exchange.stream_start({.content_type = "text/plain", .body = "one"});
  client.read_some();
  client.abort();
  const Told told = running.accesses.next();
  CHECK(told.status == 200);
  CHECK(told.bytes > 0);
  CHECK_FALSE(told.complete);
  CHECK(running.traffic().abandoned() == 2);
}
