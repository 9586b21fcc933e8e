// A command of our own client: once a try was uncertain only a decision settles it.
#include "api/client/shop_client.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <deque>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "api/http/server.hpp"
#include "infra/handle.hpp"

using namespace jangbu;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

// Answers commands as it is told, one after the other, and the last way for ever.
class Script {
 public:
  struct Said {
    int status;  // 0: the connection is lost
    std::string code = {};
    std::string retry_after = {};
  };

  explicit Script(std::vector<Said> said, std::string credential = {})
      : said_(std::move(said)), credential_(std::move(credential)) {
    server_.start();
  }

  ShopClient::Answer command(std::chrono::milliseconds patience = 60s) {
    // The port of operations is the first.
    ShopClient shop({.port_base = server_.port(), .credential = credential_}, 10s);
    return shop.command(ShopClient::Service::operations, "/things", "{}", "k", patience);
  }
  std::size_t asked() const { return asked_; }
  const std::set<std::string>& keys() const { return keys_; }
  const std::set<std::string>& credentials() const { return credentials_; }

 private:
  void answer(const http::Request& request, const http::Exchange& exchange) {
    keys_.insert(std::string(request.header("Idempotency-Key").value_or("")));
    credentials_.insert(std::string(request.header("Authorization").value_or("none")));
    const Said& said = said_[std::min(asked_++, said_.size() - 1)];
    if (said.status == 0) return exchange.stream_start({});  // and nobody goes on
    http::Response response{.status = said.status, .body = R"({"code":")" + said.code + "\"}"};
    if (!said.retry_after.empty()) response.headers.emplace_back("Retry-After", said.retry_after);
    exchange.respond(std::move(response));
  }

  const std::vector<Said> said_;
  const std::string credential_;
  std::size_t asked_ = 0;
  std::set<std::string> keys_;
  std::set<std::string> credentials_;
  http::Server server_{
      "127.0.0.1", 0,
      http::Router().add(http::Method::post, "/things",
                         [this](http::Request&& request, const http::Exchange& exchange) {
                           answer(request, exchange);
                         })};
};

}  // namespace

TEST_CASE("What was uncertain is asked for until it is decided, under one key") {
  for (const Script::Said& first :
       {Script::Said{0}, Script::Said{503, "outcome-unknown"}, Script::Said{500}, Script::Said{504},
        Script::Said{409, "idempotency-key-in-flight"}}) {
    CAPTURE(first.status, first.code);
    Script script({first, {503, "not-ready"}, {201}});
    CHECK(script.command().status == 201);
    CHECK(script.asked() == 3);
    CHECK(script.keys() == std::set<std::string>{"k"});
  }
}

TEST_CASE("A decision is one, and so is a refusal that will not change") {
  for (const Script::Said& said :
       {Script::Said{201}, Script::Said{200}, Script::Said{409, "account-name-taken"},
        Script::Said{422, "invalid-field"}, Script::Said{403, "foreign-origin"}}) {
    Script script({said});
    CHECK(script.command().status == said.status);
    CHECK(script.asked() == 1);
  }
}

TEST_CASE("At the end of its patience a client says whether the outcome is unknown") {
  CHECK_THROWS_MATCHES(
      Script({{503, "not-ready"}}).command(400ms), Unavailable,
      MessageMatches(ContainsSubstring("not-ready") && !ContainsSubstring("outcome is unknown")));
  CHECK_THROWS_MATCHES(Script({{0}, {503, "not-ready"}}).command(400ms), Unavailable,
                       MessageMatches(ContainsSubstring("Its outcome is unknown")));
  // The server's word counts: it will not be ready sooner.
  Script script({{503, "overloaded", "30"}});
  CHECK_THROWS_AS(script.command(5s), Unavailable);
  CHECK(script.asked() == 1);
}

TEST_CASE("Who is not there at all is not waited for") {
  ShopClient shop({.port_base = 1}, 10s);
  CHECK_THROWS_AS(shop.command(ShopClient::Service::operations, "/", "{}", "k"), NobodyListens);
}

TEST_CASE(
    "A client says who it is with every request, and is told what to do if that does not do") {
  Script script({{503, "not-ready"}, {201}}, "jbk_till-3_a-b_c.~+/=");
  CHECK(script.command().status == 201);
  CHECK(script.credentials() == std::set<std::string>{"Bearer jbk_till-3_a-b_c.~+/="});
  Script unknown({Script::Said{201}});
  unknown.command();
  CHECK(unknown.credentials() == std::set<std::string>{"none"});

  // Whoever is not let in is not asked twice, and may not be told in a body.
  Script refused({{401, "unauthorized"}}, "jbk_till-3_x");
  CHECK(refused.command().status == 401);
  CHECK(refused.asked() == 1);
  for (const long status : {401, 403, 429})
    CHECK_THAT(refusal_in(status, R"({"detail":"It is so."})"),
               ContainsSubstring("answered " + std::to_string(status) + ": It is so. "));
  for (const char* body : {"", "no", "[]", "{}", R"({"detail":7})"})
    CHECK_THAT(refusal_in(401, body), ContainsSubstring("answered 401. Give an access key"));
  for (const long status : {0, 200, 404, 503}) CHECK(refusal_in(status, "{}").empty());
}

TEST_CASE("A client that asked too often waits as long as it is told") {
  Script script({{429, "too-many-requests", "1"}, {201}});
  const auto begun = std::chrono::steady_clock::now();
  CHECK(script.command().status == 201);
  CHECK(std::chrono::steady_clock::now() - begun >= 1s);
  CHECK(script.asked() == 2);
}

TEST_CASE("A credential does not leave this machine without TLS") {
  const Handle<CURL, curl_easy_cleanup> curl(curl_easy_init());
  const auto with = [&](const std::string& host, bool tls) {
    set_up(curl.get(), {.host = host, .tls = tls, .credential = "jbk_till-3_x"});
  };
  for (const char* host :
       {"shop.example", "192.0.2.1", "2001:db8::1", "127.0.0.1.example", "localhost.example"}) {
    CAPTURE(host);
    CHECK_THROWS_MATCHES(
        with(host, false), std::invalid_argument,
        MessageMatches(ContainsSubstring("give --tls") && !ContainsSubstring("jbk_")));
    CHECK_NOTHROW(with(host, true));
    CHECK_NOTHROW(set_up(curl.get(), {.host = host}));
  }
  for (const char* host : {"127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"})
    CHECK_NOTHROW(with(host, false));
}

TEST_CASE("What cannot be a credential is not sent, nor repeated") {
  for (const char* wrong : {"a b", "a\r\nX: y", "a\"", "열쇠"})
    CHECK_THROWS_MATCHES(
        Script({Script::Said{201}}, wrong).command(), std::invalid_argument,
        MessageMatches(ContainsSubstring("--credential-file") && !ContainsSubstring(wrong)));
}
