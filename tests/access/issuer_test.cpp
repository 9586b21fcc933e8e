#include "api/access/issuer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <stdexcept>
#include <string>

#include "tests/support/certificates.hpp"
#include "tests/support/files.hpp"
#include "tests/support/process.hpp"

namespace jangbu::access {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using Settings = decltype(SettingsTable::settings);

SettingsTable table(const std::string& name, Settings settings) {
  settings.insert(
      {{"url", {"https://id.example"}}, {"audience", {"jangbu"}}, {"roles", {"clerk"}}});
  return {.name = name, .settings = std::move(settings)};
}

std::string wrong_tables(const std::vector<SettingsTable>& tables) {
  try {
    read_issuers(tables);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

// What is wrong with the settings, which are otherwise right.
std::string wrong(Settings settings, const std::string& name = "staff") {
  return wrong_tables({table(name, std::move(settings))});
}

}  // namespace

TEST_CASE("an issuer's table is read, with what is usual where nothing is said") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "ca.pem";
  test::write_text(file, test::CertificateAuthority("an authority").certificate());
  const auto issuers = read_issuers(std::vector{
      table("staff", {}), table("people", {{"url", {"https://id.example/realms/people"}},
                                           {"audience", {"shop"}},
                                           {"roles", {"buyer", "carrier", "buyer"}},
                                           {"roles_claim", {"realm_access.roles"}},
                                           {"carrier_claim", {"company"}},
                                           {"carriers", {"CJ", " 우체국택배 "}},
                                           {"allow_typ_jwt", {"true"}},
                                           {"access_claim", {"scope"}},
                                           {"jwks_url", {"http://127.0.0.1:8080/keys?v=2"}},
                                           {"ca_file", {file}}})});
  REQUIRE(issuers.size() == 2);
  CHECK(issuers[0] == Issuer{.name = "staff",
                             .url = "https://id.example",
                             .audience = "jangbu",
                             .roles = {Role::clerk},
                             .roles_claim = "roles",
                             .carrier_claim = "carrier",
                             .allow_typ_jwt = false,
                             .access_claim = "client_id"});
  CHECK(issuers[1] == Issuer{.name = "people",
                             .url = "https://id.example/realms/people",
                             .audience = "shop",
                             .roles = {Role::buyer, Role::carrier},
                             .roles_claim = "realm_access.roles",
                             .carrier_claim = "company",
                             .carriers = {"CJ", "우체국택배"},
                             .allow_typ_jwt = true,
                             .access_claim = "scope",
                             .jwks_url = "http://127.0.0.1:8080/keys?v=2",
                             .authorities = test::read_text(file)});
}

TEST_CASE("a wrong setting of an issuer is told with its table, and what to do") {
  CHECK(wrong({}) == "nothing");
  CHECK_THAT(wrong({{"role", {"clerk"}}}), StartsWith("[issuers.staff]: ") &&
                                               ContainsSubstring("there is no setting role") &&
                                               ContainsSubstring("roles_claim"));
  CHECK_THAT(wrong({}, "Staff"), ContainsSubstring("lower-case letters"));
  CHECK_THAT(wrong({{"audience", {}}}), ContainsSubstring("give audience once"));
  CHECK_THAT(wrong({{"audience", {"a", "b"}}}), ContainsSubstring("give audience once"));
  CHECK_THAT(wrong({{"audience", {"a\x1b[2J"}}}), ContainsSubstring("audience must be a text"));
  CHECK_THAT(wrong({{"roles", {}}}), ContainsSubstring("give roles"));
  CHECK_THAT(wrong({{"roles", {"clerk", "root"}}}),
             ContainsSubstring("roles has root") &&
                 ContainsSubstring("buyer, seller, carrier, clerk, auditor, operator"));
  CHECK_THAT(wrong({{"carriers", {"CJ"}}}), ContainsSubstring("without the role carrier"));
  for (const std::vector<std::string>& codes : {std::vector<std::string>{}, {"CJ", "a\nb"}})
    CHECK_THAT(wrong({{"roles", {"carrier"}}, {"carriers", codes}}),
               StartsWith("[issuers.staff]: ") && ContainsSubstring("carriers"));
  CHECK_THAT(wrong({{"allow_typ_jwt", {"yes"}}}), ContainsSubstring("true or false"));
  CHECK_THAT(wrong({{"access_claim", {"scope"}}}), ContainsSubstring("allow_typ_jwt = true"));
  CHECK_THAT(wrong({{"ca_file", {"/nowhere/ca.pem"}}}), ContainsSubstring("/nowhere/ca.pem"));
  CHECK_THAT(wrong({{"jwks_url", {"ftp://id.example/keys"}}}), ContainsSubstring("jwks_url"));
  CHECK_THAT(wrong({{"url", {"https://id.example/?realm=shop"}}}), ContainsSubstring("query"));
  CHECK_THAT(wrong_tables({table("a", {}), table("b", {})}),
             StartsWith("[issuers.b]: [issuers.a] has the same url"));
}

TEST_CASE("keys are fetched over TLS, or from this machine, and from nowhere else") {
  for (const char* url :
       {"https://id.example", "https://id.example/realms/shop/", "https://id.example:8443/a?b=c",
        "https://10.0.0.1/", "http://127.0.0.1:8080/", "http://127.8.8.8/", "http://localhost/",
        "http://[::1]:8080/"}) {
    INFO(url);
    CHECK(may_fetch(url));
  }
  for (const char* url : {"",
                          "id.example",
                          "//id.example",
                          "https://",
                          "https:///keys",
                          "https:id.example",
                          "https:/id.example",
                          "http://id.example/",
                          "http://10.0.0.1/",
                          "http://0.0.0.0/",
                          "http://127.evil.example/",
                          "http://localhost.evil.example/",
                          "http://127.0.0.1.evil.example/",
                          "http://127.0.0.1@evil.example/",
                          "https://user:geheim@id.example/",
                          "https://id.example/#a",
                          "https://id.example:0/",
                          "https://id.example:99999/",
                          "file:///etc/passwd",
                          "ftp://127.0.0.1/",
                          "gopher://127.0.0.1/",
                          "HTTPX://id.example/",
                          "https://id.example/a b",
                          "https://id.example/\n",
                          "https://id.example\\@127.0.0.1/",
                          "https://shop.example/한지",
                          "http://[fe80::1]/",
                          "http://2130706433.evil.example/"}) {
    INFO(url);
    CHECK_FALSE(may_fetch(url));
  }
  CHECK_FALSE(may_fetch("https://id.example/" + std::string(2'000, 'a')));
}

}  // namespace jangbu::access
