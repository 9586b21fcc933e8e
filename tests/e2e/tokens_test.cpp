// Access control by tokens of an OpenID provider, from its table in --config to what they open.
// What makes a token a good one is in tests/access.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <optional>
#include <string>

#include "events/values.hpp"
#include "infra/ids.hpp"
#include "tests/access/fake_provider.hpp"
#include "tests/access/signing_key.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/files.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using jangbu::access::test::FakeProvider;
using jangbu::access::test::SigningKey;

namespace {

// A shop that takes the tokens of a provider which is away at first.
struct TokenShop {
  TokenShop() {
    provider.list({key});
    provider.answer_with([](const std::string&) { return jangbu::http::Response{.status = 500}; });
    write_text(config, issuer(R"(["clerk", "auditor"])"));
  }

  std::string issuer(const std::string& roles) const {
    return "[issuers.staff]\nurl = \"" + provider.url() +
           "\"\naudience = \"jangbu\"\nroles = " + roles + "\n";
  }

  // Of alice, with this role.
  std::string token(const std::string& role, std::int64_t until_s, const SigningKey& by) const {
    return jangbu::access::test::token({{"alg", "EdDSA"}, {"kid", by.id()}, {"typ", "at+jwt"}},
                                       {{"iss", provider.url()},
                                        {"aud", "jangbu"},
                                        {"sub", "alice"},
                                        {"exp", until_s},
                                        {"roles", role}},
                                       by);
  }

  Reply get(Service service, const std::string& target, const std::string& token) {
    return shop->jangbu.client(service).get(target, {{"Authorization", "Bearer " + token}});
  }
  Reply accounts(const std::string& token) { return get(Service::account, "/accounts", token); }

  // Reads the file again with this text, and waits for what is said of it.
  void reload(const std::string& text, const std::string& says) {
    write_text(config, text);
    shop->jangbu.signal(SIGHUP);
    wait_until(says, [&] { return shop->jangbu.log_text().find(says) != std::string::npos; });
  }

  TemporaryFolder folder;
  const std::filesystem::path config = folder.path() / "jangbu.toml";
  const SigningKey key = SigningKey::ed25519("a");
  FakeProvider provider;
  std::optional<Shop> shop;
};

}  // namespace

TEST_CASE("Tokens of a provider open what their roles are for, while they and its table hold") {
  TokenShop staff;
  staff.shop.emplace(
      std::vector<std::string>{"--config", staff.config.string(), "--heartbeat-ms", "100"});
  const ServeProcess& process = staff.shop->jangbu;
  CHECK_THAT(process.log_text(),
             ContainsSubstring("access control is on: tokens of " + staff.provider.url()));
  const std::int64_t now_s = jangbu::system_now().ms / 1'000;
  const std::int64_t in_an_hour_s = now_s + 3'600;
  const std::string clerk = staff.token("clerk", in_an_hour_s, staff.key);

  const Reply away = staff.accounts(clerk);
  CHECK(away.status == 503);
  CHECK(away.code() == "provider-unavailable");
  CHECK(away.header("retry-after") == "1");
  staff.provider.answer_with({});
  // It is asked again after ever longer pauses, of up to a minute.
  wait_until(
      "its keys", [&] { return staff.accounts(clerk).status == 200; }, 180s);

  const Reply me = staff.get(Service::operations, "/me", clerk);
  CHECK(me.json == Json{{"accessControl", true},
                        {"name", staff.provider.url() + "|alice"},
                        {"roles", {"clerk"}},
                        {"until", to_string(jangbu::Timestamp{in_an_hour_s * 1'000})}});
  CHECK(staff.accounts(staff.token("buyer", in_an_hour_s, staff.key)).code() == "forbidden");
  const Reply forged =
      staff.accounts(staff.token("clerk", in_an_hour_s, SigningKey::ed25519(staff.key.id())));
  CHECK(forged.status == 401);
  CHECK_THAT(forged.header("www-authenticate"), ContainsSubstring("error=\"invalid_token\""));

  const std::string soon = staff.token("auditor", jangbu::system_now().ms / 1'000 + 3, staff.key);
  EventStream stream(process.port(Service::operations), "/events/stream", {},
                     "Authorization: Bearer " + soon + "\r\n");
  CHECK(stream.status() == 200);
  CHECK_FALSE(stream.next());
  CHECK(stream.clean_end());

  staff.reload(staff.issuer(R"(["auditor"])"), "the issuers are as the configuration says now");
  wait_until("no clerks", [&] { return staff.accounts(clerk).status == 403; });
  staff.reload(staff.issuer(R"(["king"])"), "the issuers and the webhooks stay as they were");
  CHECK(staff.accounts(clerk).status == 403);
  staff.reload("", "the next start would be without access control");
  wait_until("nobody", [&] { return staff.accounts(clerk).status == 401; });
}

TEST_CASE("The first issuer takes a restart, and the webhooks of its file do not wait for that") {
  TokenShop staff;
  const std::string table = staff.issuer(R"(["clerk"])");
  write_text(staff.config, "queue = 77\n");
  staff.shop.emplace(std::vector<std::string>{"--config", staff.config.string()});
  CHECK_THAT(staff.shop->jangbu.log_text(), ContainsSubstring("access control is off"));
  staff.reload(table, "the webhooks are as the configuration says now");
  CHECK_THAT(staff.shop->jangbu.log_text(),
             ContainsSubstring("the issuers stay as they were: the first [issuers.NAME] table"));
  CHECK(staff.shop->accounts().get("/accounts").status == 200);
  CHECK(staff.shop->operations().get("/me").json.at("accessControl") == false);
}
