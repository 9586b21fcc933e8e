#include "api/access/tokens.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "api/access/token.hpp"
#include "infra/ids.hpp"
#include "tests/access/fake_provider.hpp"
#include "tests/access/signing_key.hpp"
#include "tests/http/certificates.hpp"
#include "tests/support/process.hpp"

namespace jangbu::access {
namespace {

using Catch::Matchers::ContainsSubstring;
using jangbu::test::wait_until;
using test::FakeProvider;
using test::Json;
using test::SigningKey;
using namespace std::chrono_literals;

Timestamp later(Timestamp time, std::chrono::milliseconds by) {
  return {time.ms + by.count()};
}

// A token of the provider for this subject, that lasts an hour.
std::string token_of(const FakeProvider& provider, const SigningKey& key,
                     const std::string& subject = "alice") {
  const std::int64_t now_s = system_now().ms / 1'000;
  const std::string algorithm = EVP_PKEY_is_a(key.get(), "RSA") == 1  ? "RS256"
                                : EVP_PKEY_is_a(key.get(), "EC") == 1 ? "ES256"
                                                                      : "EdDSA";
  return test::token({{"alg", algorithm}, {"kid", key.id()}, {"typ", "at+jwt"}},
                     {{"iss", provider.url()},
                      {"aud", "jangbu"},
                      {"sub", subject},
                      {"exp", now_s + 3'600},
                      {"iat", now_s},
                      {"roles", "clerk"}},
                     key);
}

std::shared_ptr<const Grant> grant_of(const Credential& credential) {
  const auto* grant = std::get_if<std::shared_ptr<const Grant>>(&credential);
  return grant ? *grant : nullptr;
}
std::shared_ptr<const Grant> check(Tokens& tokens, const std::string& token) {
  return grant_of(tokens.check(token, system_now()));
}

std::string reason(Tokens& tokens, const std::string& token, Timestamp now = system_now()) {
  const Credential credential = tokens.check(token, now);
  const auto* denied = std::get_if<Denied>(&credential);
  if (!denied) return "granted";
  CHECK((denied->why == Denied::Why::unavailable) == (denied->reason == "no-keys"));
  return std::string(denied->reason);
}

void wait_for_reason(Tokens& tokens, const std::string& token, const std::string& wanted) {
  wait_until(wanted, [&] { return reason(tokens, token) == wanted; });
}

// Waits until a fetch has failed, and says why.
std::string trouble(const Tokens& tokens) {
  wait_until("a failure", [&] { return tokens.status().front().failures > 0; });
  const Provider::Status status = tokens.status().front();
  CHECK(status.keys == 0);
  CHECK_FALSE(status.since);
  return status.trouble;
}

// Keys are fetched at the start, and once more when a token asks for it.
Tokens::Options seldom() {
  return {.provider = {.every = 1h, .between_asks = 1h}};
}

}  // namespace

TEST_CASE("a token is checked with keys that its issuer lists") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, seldom());
  const std::string token = token_of(provider, key);
  wait_for_reason(tokens, token, "granted");
  const auto grant = check(tokens, token);
  CHECK(grant->asker->name == provider.url() + "|alice");
  CHECK(grant->asker->roles == Roles{Role::clerk});
  CHECK(grant->holds(system_now()));
  CHECK(reason(tokens, "x.y.z") == "malformed");

  FakeProvider other;
  CHECK(reason(tokens, token_of(other, key)) == "unknown-issuer");
  const Provider::Status status = tokens.status().front();
  CHECK(status.name == "staff");
  CHECK(status.keys == 1);
  CHECK(status.fetches == 1);
  CHECK(status.failures == 0);
  CHECK(status.trouble.empty());
  CHECK(status.since.value() <= system_now());
  CHECK(provider.requests(FakeProvider::discovery) == 1);
  CHECK(provider.requests(FakeProvider::keys) == 1);
}

TEST_CASE("a key of one issuer verifies no other's tokens") {
  const SigningKey one_key = SigningKey::p256("a"), other_key = SigningKey::p256("a");
  FakeProvider one, other;
  one.list({one_key});
  other.list({other_key});
  Issuer second = other.issuer();
  second.name = "people";
  second.roles = {Role::buyer};
  Tokens tokens({one.issuer(), second}, seldom());
  wait_for_reason(tokens, token_of(one, one_key), "granted");
  wait_for_reason(tokens, token_of(other, other_key), "granted");
  CHECK(reason(tokens, token_of(one, other_key)) == "signature");
  CHECK(reason(tokens, token_of(other, one_key)) == "signature");
  CHECK(
      check(tokens, token_of(other, other_key))->asker->roles.empty());  // clerk is not its to give
  CHECK(check(tokens, token_of(one, one_key))->asker->id !=
        check(tokens, token_of(other, other_key))->asker->id);
}

TEST_CASE("keys may be where discovery says, or where the configuration says") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Issuer issuer = provider.issuer();
  issuer.jwks_url = provider.url() + FakeProvider::keys;
  Tokens tokens({issuer}, seldom());
  wait_for_reason(tokens, token_of(provider, key), "granted");
  CHECK(provider.requests(FakeProvider::discovery) == 0);
}

TEST_CASE("keys are fetched over TLS from a provider that is who it should be") {
  const SigningKey key = SigningKey::ed25519("a");
  const auto& certificates = jangbu::test::test_certificates();
  FakeProvider provider({.tls = certificates.tls});
  provider.list({key});
  Issuer issuer = provider.issuer();
  REQUIRE(issuer.url.starts_with("https://"));
  {
    const Tokens tokens({issuer}, seldom());
    CHECK_THAT(trouble(tokens), ContainsSubstring("certificate is not trusted: see ca_file"));
    CHECK(provider.requests() == 0);
  }
  issuer.authorities = certificates.files.authority.certificate();
  Tokens tokens({issuer}, seldom());
  wait_for_reason(tokens, token_of(provider, key), "granted");
}

// --- A provider in trouble -----------------------------------------------------------------------

TEST_CASE("while a provider is away its tokens are neither taken nor refused") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  provider.answer_with([](const auto&) { return http::Response{.status = 503}; });
  Tokens tokens({provider.issuer()}, seldom());
  const std::string token = token_of(provider, key);
  CHECK_THAT(trouble(tokens), ContainsSubstring("it answers 503, not 200"));
  CHECK(reason(tokens, token) == "no-keys");
  provider.answer_with(nullptr);
  wait_for_reason(tokens, token, "granted");
  CHECK(tokens.status().front().trouble.empty());
}

TEST_CASE("keys that were fetched serve for a day while their provider is away") {
  const SigningKey key = SigningKey::ed25519("a"), other = SigningKey::ed25519("b");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, {.provider = {.every = 1ms}});
  const std::string token = token_of(provider, key);
  wait_for_reason(tokens, token, "granted");
  provider.answer_with([](const auto&) { return http::Response{.status = 500}; });
  wait_until("a failure", [&] { return tokens.status().front().failures > 0; });
  CHECK(reason(tokens, token) == "granted");
  // Whether it lists another by now nobody can say.
  CHECK(reason(tokens, token_of(provider, other)) == "no-keys");
  const Timestamp fetched = tokens.status().front().since.value();
  CHECK(reason(tokens, token_of(provider, key, "bob"), later(fetched, 24h - 1ms)) == "expired");
  CHECK(reason(tokens, token_of(provider, key, "bob"), later(fetched, 24h)) == "no-keys");
}

TEST_CASE("nobody waits for a provider that does not answer, nor does a stop") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.answer_with([](const auto&) { return std::nullopt; });
  {
    Tokens tokens({provider.issuer()}, {.provider = {.limits = {.timeout = 1h}}});
    wait_until("a request", [&] { return provider.requests() == 1; });
    CHECK(reason(tokens, token_of(provider, key)) == "no-keys");
    tokens.stop();
    CHECK(reason(tokens, token_of(provider, key)) == "no-keys");
  }
  const Tokens tokens({provider.issuer()}, {.provider = {.limits = {.timeout = 50ms}}});
  CHECK_THAT(trouble(tokens), ContainsSubstring("did not answer in time"));
}

TEST_CASE("an answer without end is broken off") {
  FakeProvider provider;
  const FetchLimits limits{.timeout = 1h};
  provider.answer_without_end(std::string(limits.max_bytes + 1, ' '));
  const Tokens tokens({provider.issuer()}, {.provider = {.limits = limits}});
  CHECK_THAT(trouble(tokens), ContainsSubstring("it sends more than 262144 bytes"));
}

TEST_CASE("a redirect is not followed") {
  FakeProvider provider, elsewhere;
  for (const int status : {301, 302, 303, 307, 308}) {
    provider.answer_with([&](const std::string& target) {
      return http::Response{.status = status, .headers = {{"Location", elsewhere.url() + target}}};
    });
    const Tokens tokens({provider.issuer()}, seldom());
    CHECK_THAT(trouble(tokens), ContainsSubstring("it answers " + std::to_string(status)));
  }
  CHECK(elsewhere.requests() == 0);
}

TEST_CASE("what a provider says is not believed before it is understood") {
  FakeProvider provider, elsewhere;
  const auto trouble_with = [&](const std::string& discovery, const std::string& keys = "{}") {
    provider.answer_with([=](const std::string& target) {
      return FakeProvider::json(target == FakeProvider::keys ? keys : discovery);
    });
    const Tokens tokens({provider.issuer()}, seldom());
    return trouble(tokens);
  };
  for (const std::string garbage :
       {"", "<html>", "[]", "{}", R"({"issuer": 1})", "{\"issuer\": \"\xff\"}"})
    CHECK_THAT(trouble_with(garbage), ContainsSubstring("no discovery document"));
  CHECK_THAT(trouble_with(elsewhere.discovery_document()), ContainsSubstring("it calls itself"));
  const auto with_keys_at = [&](const Json& url) {
    return Json{{"issuer", provider.url()}, {"jwks_uri", url}}.dump();
  };
  CHECK_THAT(trouble_with(with_keys_at(17)), ContainsSubstring("needs jwks_uri"));
  for (const char* url : {"http://evil.example/keys", "file:///etc/passwd", "/keys", "",
                          "http://169.254.169.254/latest/meta-data"})
    CHECK_THAT(trouble_with(with_keys_at(url)), ContainsSubstring("from https:// only"));
  for (const std::string garbage : {"", "<html>", "[]", "{}"})
    CHECK_THAT(trouble_with(provider.discovery_document(), garbage),
               ContainsSubstring("no set of keys"));
  CHECK(elsewhere.requests() == 0);
}

TEST_CASE("one provider's trouble is not another's") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider sick, well;
  sick.answer_with([](const auto&) { return http::Response{.status = 500}; });
  well.list({key});
  Issuer second = well.issuer();
  second.name = "people";
  Tokens tokens({sick.issuer(), second}, seldom());
  wait_for_reason(tokens, token_of(well, key), "granted");
  CHECK(reason(tokens, token_of(sick, key)) == "no-keys");
}

// --- Keys that change ----------------------------------------------------------------------------

TEST_CASE("a new key is fetched when a token names it, and what an old one granted ends") {
  const SigningKey old_key = SigningKey::ed25519("old"), new_key = SigningKey::ed25519("new"),
                   kept_key = SigningKey::ed25519("kept");
  FakeProvider provider;
  provider.list({old_key, kept_key});
  Tokens tokens({provider.issuer()}, seldom());
  const std::string old_token = token_of(provider, old_key),
                    new_token = token_of(provider, new_key),
                    kept_token = token_of(provider, kept_key);
  wait_for_reason(tokens, old_token, "granted");
  const auto old_grant = check(tokens, old_token), kept_grant = check(tokens, kept_token);
  provider.list({new_key, kept_key});
  CHECK(reason(tokens, new_token) == "no-keys");
  wait_for_reason(tokens, new_token, "granted");
  CHECK_FALSE(old_grant->holds(system_now()));
  CHECK(reason(tokens, old_token) == "unknown-key");
  CHECK(kept_grant->holds(system_now()));
  CHECK(check(tokens, kept_token) == kept_grant);
  CHECK(tokens.status().front().fetches == 2);
}

TEST_CASE("keys are fetched from time to time, and a key that has gone counts for nothing") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, {.provider = {.every = 1ms}});
  const std::string token = token_of(provider, key);
  wait_for_reason(tokens, token, "granted");
  const auto grant = check(tokens, token);
  const int before = provider.requests(FakeProvider::keys);
  wait_until("a fetch", [&] { return provider.requests(FakeProvider::keys) > before + 1; });
  CHECK(grant->holds(system_now()));
  // A key of the same name is not the same key.
  provider.list({SigningKey::ed25519("a")});
  wait_until("the end of the grant", [&] { return !grant->holds(system_now()); });
  CHECK(reason(tokens, token) == "signature");
}

TEST_CASE("ten thousand unknown keys cause one fetch") {
  const SigningKey key = SigningKey::ed25519("a"), stranger = SigningKey::ed25519("b");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, seldom());
  wait_for_reason(tokens, token_of(provider, key), "granted");
  const auto claims = Json{{"iss", provider.url()}}.dump();
  int unavailable = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = "key-" + std::to_string(i);
    const std::string text =
        test::unsigned_token(Json{{"alg", "EdDSA"}, {"kid", id}, {"typ", "at+jwt"}}.dump(), claims);
    if (reason(tokens, test::with_signature(text, "x")) == "no-keys") ++unavailable;
  }
  CHECK(unavailable > 0);
  wait_for_reason(tokens, token_of(provider, stranger), "unknown-key");
  CHECK(provider.requests(FakeProvider::keys) == 2);
  CHECK(provider.requests(FakeProvider::discovery) == 2);
  CHECK(reason(tokens, token_of(provider, key)) == "granted");
}

TEST_CASE("an unknown key causes a fetch again after a while") {
  const SigningKey key = SigningKey::ed25519("a"), stranger = SigningKey::ed25519("b");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, {.provider = {.every = 1h, .between_asks = 1ms}});
  wait_for_reason(tokens, token_of(provider, key), "granted");
  wait_until("another fetch", [&] {
    reason(tokens, token_of(provider, stranger));
    return provider.requests(FakeProvider::keys) > 3;
  });
  provider.list({key, stranger});
  wait_for_reason(tokens, token_of(provider, stranger), "granted");
}

TEST_CASE("an empty set of keys takes everything back") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, {.provider = {.every = 1ms, .between_asks = 1h}});
  const std::string token = token_of(provider, key);
  wait_for_reason(tokens, token, "granted");
  provider.list({});
  wait_for_reason(tokens, token, "unknown-key");
}

// --- What is remembered --------------------------------------------------------------------------

TEST_CASE("a token is remembered for a minute, and no longer than it holds") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()}, seldom());
  wait_for_reason(tokens, token_of(provider, key), "granted");
  const std::string token = token_of(provider, key, "bob");
  const Timestamp first = system_now();
  const auto grant = grant_of(tokens.check(token, first));
  CHECK(grant_of(tokens.check(token, later(first, 60s - 1ms))) == grant);
  const auto anew = grant_of(tokens.check(token, later(first, 60s)));
  CHECK(anew != nullptr);
  CHECK(anew != grant);
  CHECK(grant_of(tokens.check(token, later(first, 61s))) == anew);

  const Timestamp before_end = later(*grant->until, -1ms);
  const auto last = grant_of(tokens.check(token, before_end));
  CHECK(grant_of(tokens.check(token, before_end)) == last);
  // In its leeway it is checked each time.
  const auto late = grant_of(tokens.check(token, *grant->until));
  CHECK(late != nullptr);
  CHECK(late != last);
  CHECK(grant_of(tokens.check(token, *grant->until)) != late);
  CHECK(reason(tokens, token, later(*grant->until, Token::leeway)) == "expired");
}

TEST_CASE("only tokens that are good take room, and a bounded one") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  provider.list({key});
  Tokens::Options options = seldom();
  options.most_remembered = 64;
  Tokens tokens({provider.issuer()}, options);
  wait_for_reason(tokens, token_of(provider, key), "granted");
  CHECK(tokens.remembered() == 1);
  const std::string token = token_of(provider, key);
  for (int i = 0; i < 200; ++i) {
    std::string forged = token;
    forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
    CHECK(reason(tokens, forged + std::to_string(i)) != "granted");
    CHECK(reason(tokens, forged) == "signature");
  }
  CHECK(tokens.remembered() == 1);
  for (int i = 0; i < 300; ++i)
    CHECK(reason(tokens, token_of(provider, key, std::to_string(i))) == "granted");
  CHECK(tokens.remembered() > 10);
  CHECK(tokens.remembered() <= 64);
}

// --- Configuration -------------------------------------------------------------------------------

TEST_CASE("a new configuration holds at once, and takes back what it no longer gives") {
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider one, other;
  one.list({key});
  other.list({key});
  Tokens tokens({one.issuer()}, seldom());
  const std::string token = token_of(one, key);
  wait_for_reason(tokens, token, "granted");
  auto grant = check(tokens, token);

  Issuer second = other.issuer();
  second.name = "people";
  tokens.configure({one.issuer(), second});  // the first is as it was
  CHECK(check(tokens, token) == grant);
  wait_for_reason(tokens, token_of(other, key), "granted");

  Issuer poorer = one.issuer();
  poorer.roles = {Role::buyer};
  tokens.configure({poorer, second});  // its keys stay
  CHECK_FALSE(grant->holds(system_now()));
  grant = check(tokens, token);
  REQUIRE(grant);
  CHECK(grant->asker->roles.empty());

  tokens.configure({second});
  CHECK_FALSE(grant->holds(system_now()));
  CHECK(reason(tokens, token) == "unknown-issuer");
  CHECK(reason(tokens, token_of(other, key)) == "granted");

  Issuer moved = one.issuer();
  moved.jwks_url = other.url() + FakeProvider::keys;
  tokens.configure({moved});
  wait_for_reason(tokens, token, "granted");
  tokens.configure({});
  CHECK(reason(tokens, token) == "unknown-issuer");
  CHECK(tokens.status().empty());
}

TEST_CASE("tokens are checked on many threads while keys and configuration change") {
  const SigningKey key = SigningKey::ed25519("a"), other = SigningKey::ed25519("b");
  FakeProvider provider;
  provider.list({key});
  Tokens tokens({provider.issuer()},
                {.provider = {.every = 1ms, .between_asks = 1ms}, .most_remembered = 64});
  wait_for_reason(tokens, token_of(provider, key), "granted");
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i)
    texts.push_back(token_of(provider, i % 2 == 0 ? key : other, std::to_string(i)));
  std::atomic<int> granted = 0;
  std::atomic<bool> over = false;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!over)
        for (const std::string& text : texts)
          if (check(tokens, text)) ++granted;
    });
  Issuer changed = provider.issuer();
  for (int i = 0; i < 30; ++i) {
    provider.list(i % 2 == 0 ? std::vector{key, other} : std::vector{key});
    changed.roles.add(i % 3 == 0 ? Role::seller : Role::auditor);
    changed.name = "staff-" + std::to_string(i);
    tokens.configure({changed});
    tokens.status();
    const int before = granted;
    wait_until("more", [&] { return granted > before; });
  }
  over = true;
  CHECK(granted > 0);
}

// How long a check takes, for people.
TEST_CASE("speed of a check", "[.bench]") {
  const SigningKey rsa = SigningKey::rsa("rsa"), p256 = SigningKey::p256("p256"),
                   ed = SigningKey::ed25519("ed");
  FakeProvider provider;
  provider.list({rsa, p256, ed});
  Tokens::Options not_at_all = seldom();
  not_at_all.remembered_for = 0s;
  Tokens remembering({provider.issuer()}, seldom()), forgetting({provider.issuer()}, not_at_all);
  const auto measure = [](const std::string& what, Tokens& tokens, const std::string& token) {
    wait_for_reason(tokens, token, "granted");
    const auto begin = std::chrono::steady_clock::now();
    int checks = 0;
    for (; std::chrono::steady_clock::now() - begin < 1s; ++checks)
      if (!check(tokens, token)) FAIL("not granted");
    std::printf("%-18s %8d checks/s\n", what.c_str(), checks);
  };
  for (const SigningKey* key : {&rsa, &p256, &ed})
    measure(key->id(), forgetting, token_of(provider, *key));
  measure("remembered", remembering, token_of(provider, rsa));
}

}  // namespace jangbu::access
