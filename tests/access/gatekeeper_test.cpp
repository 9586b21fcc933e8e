// The door of all services: whom it stops for how often they come, and whom that does not concern.
#include "api/access/gatekeeper.hpp"

#include <netinet/in.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/access/tokens.hpp"
#include "api/answers/problem.hpp"
#include "api/http/connection.hpp"
#include "api/http/mailbox.hpp"
#include "api/http/pending_answer.hpp"
#include "infra/base64.hpp"
#include "infra/ids.hpp"
#include "infra/sha256.hpp"
#include "tests/access/fake_provider.hpp"
#include "tests/access/signing_key.hpp"
#include "tests/support/process.hpp"

namespace jangbu::access {
namespace {

using jangbu::test::wait_until;
using test::FakeProvider;
using test::SigningKey;
using namespace std::chrono_literals;

constexpr Permission for_clerks{.roles = {Role::clerk}};
constexpr Rate never_again{.per_second = slowest_rate, .burst = 100};  // once it is used up
constexpr int ok = 200;

// An exchange whose answer goes nowhere.
struct Nowhere {
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  std::shared_ptr<http::Connection> connection =
      std::make_shared<http::Connection>(-1, reinterpret_cast<sockaddr*>(&address));
  http::Exchange exchange{std::make_shared<http::PendingAnswer>(std::make_shared<http::Mailbox>(),
                                                                connection, http::WireForm{}, 0)};
  Nowhere() { connection->gone = true; }
};

struct Asked {
  std::string bearer = {};  // empty: no Authorization
  std::string peer = "192.0.2.1";
  std::string forwarded = {};
};

// The status of the answer.
int ask(Gatekeeper& gatekeeper, const Asked& asked, const Permission& permission = for_clerks) {
  const Nowhere nowhere;
  http::Request request;
  request.peer = http::parse_ip_address(asked.peer).value();
  if (!asked.bearer.empty()) request.headers.add("Authorization", "Bearer " + asked.bearer);
  if (!asked.forwarded.empty()) request.headers.add("X-Forwarded-For", asked.forwarded);
  try {
    gatekeeper.admit(request, nowhere.exchange, permission);
    return ok;
  } catch (const Problem& problem) {
    return problem.type.status;
  }
}

// How many of these get another answer than 429, in a row.
int asked_until_too_many(Gatekeeper& gatekeeper, const Asked& asked) {
  for (int count = 0;; ++count)
    if (count > 1'000 || ask(gatekeeper, asked) == 429) return count;
}

struct Keys {
  Keys() {
    keys.configure(read_access_keys(
        {{.name = "till",
          .settings = {{"role", {"clerk"}}, {"sha256", {to_hex(sha256({good}))}}}}}));
  }

  const std::string good = new_access_key("till");
  const std::string bad = new_access_key("till");
  AccessKeys keys;
};

std::string token_of(const FakeProvider& provider, const SigningKey& key,
                     const std::string& subject) {
  const std::int64_t now_s = system_now().ms / 1'000;
  return test::token({{"alg", "EdDSA"}, {"kid", key.id()}, {"typ", "at+jwt"}},
                     {{"iss", provider.url()},
                      {"aud", "jangbu"},
                      {"sub", subject},
                      {"exp", now_s + 3'600},
                      {"roles", "clerk"}},
                     key);
}

}  // namespace

TEST_CASE("bad keys of an address get 429 after a hundred, and lock no good key out") {
  Keys of;
  Gatekeeper gatekeeper(&of.keys, nullptr, {.failures = never_again});
  CHECK(ask(gatekeeper, {of.bad}) == 401);
  CHECK(asked_until_too_many(gatekeeper, {of.bad}) == 99);
  CHECK(ask(gatekeeper, {"x.y.z"}) == 429);  // whatever kind it is of
  CHECK(ask(gatekeeper, {of.good}) == ok);
  CHECK(ask(gatekeeper, {of.bad, "192.0.2.2"}) == 401);
  CHECK(gatekeeper.refused(Gatekeeper::Refused::bad_credential) == 101);
  CHECK(gatekeeper.refused(Gatekeeper::Refused::too_many) == 2);
}

TEST_CASE("failures count for who asked a trusted proxy, and for the peer elsewhere") {
  Keys of;
  Gatekeeper::Options options{.failures = never_again};
  options.proxies.emplace_back("192.0.2.0/24");
  Gatekeeper gatekeeper(&of.keys, nullptr, std::move(options));
  CHECK(asked_until_too_many(gatekeeper, {of.bad, "192.0.2.1", "198.51.100.7"}) == 100);
  CHECK(ask(gatekeeper, {of.bad, "192.0.2.2", "198.51.100.7"}) == 429);
  CHECK(ask(gatekeeper, {of.bad, "192.0.2.1", "198.51.100.8"}) == 401);
  CHECK(ask(gatekeeper, {of.bad, "203.0.113.1", "198.51.100.7"}) == 401);
}

TEST_CASE("a token that was found good passes whatever others behind its address send") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, {.provider = {.every = 1h, .between_asks = 1h}});
  Gatekeeper gatekeeper(nullptr, &tokens, {.failures = never_again});
  const std::string known = token_of(provider, key, "alice");
  const std::string unknown = token_of(provider, key, "bob");
  wait_until("the keys", [&] { return tokens.status().front().keys > 0; });
  CHECK(ask(gatekeeper, {known}) == ok);
  CHECK(asked_until_too_many(gatekeeper, {"x.y.z"}) == 100);
  CHECK(ask(gatekeeper, {known}) == ok);
  // Its signature would have to be verified first.
  CHECK(ask(gatekeeper, {unknown}) == 429);
  CHECK(ask(gatekeeper, {unknown, "192.0.2.2"}) == ok);
  CHECK(ask(gatekeeper, {unknown}) == ok);
}

TEST_CASE("tokens that nobody can judge while their provider is away count against nobody") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.answer_with([](const std::string&) { return http::Response{.status = 500}; });
  Tokens tokens({provider.issuer()});
  Gatekeeper gatekeeper(nullptr, &tokens, {.failures = never_again});
  for (int i = 0; i < 150; ++i) CHECK(ask(gatekeeper, {token_of(provider, key, "alice")}) == 503);
  CHECK(ask(gatekeeper, {"x.y.z"}) == 401);
}

TEST_CASE("who shows no credential is counted by address where requests are limited") {
  Keys of;
  const Rate two{.per_second = slowest_rate, .burst = 2};
  Gatekeeper gatekeeper(&of.keys, nullptr, {.rate = two});
  CHECK(ask(gatekeeper, {}) == 401);
  CHECK(ask(gatekeeper, {}) == 401);
  CHECK(ask(gatekeeper, {}) == 429);
  CHECK(ask(gatekeeper, {"", "192.0.2.2"}) == 401);
  CHECK(ask(gatekeeper, {}, {.everybody = true}) == ok);
  CHECK(ask(gatekeeper, {of.good}) == ok);

  Gatekeeper without_limit(&of.keys, nullptr, {.failures = never_again});
  for (int i = 0; i < 200; ++i) CHECK(ask(without_limit, {}) == 401);
}

}  // namespace jangbu::access
