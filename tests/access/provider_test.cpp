// The provider that other tests and infra/up --secure have their tokens from.
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/access/tokens.hpp"
#include "infra/base64.hpp"
#include "infra/ids.hpp"
#include "tests/support/openid_provider.hpp"

namespace jangbu::test {
namespace {

// Header and payload of a token.
std::pair<Json, Json> read(const std::string& token) {
  const auto first = token.find('.'), second = token.find('.', first + 1);
  const auto part = [&](std::size_t begin, std::size_t end) {
    return Json::parse(from_base64url(token.substr(begin, end - begin)).value());
  };
  return {part(0, first), part(first + 1, second)};
}

// Where discovery says that they are.
std::vector<std::string> listed_keys(const OpenIdProvider& provider) {
  HttpClient client = provider.client();
  const Json discovery = client.get("/.well-known/openid-configuration").json;
  const std::string where = discovery.at("jwks_uri");
  REQUIRE(where.starts_with(provider.issuer()));
  const Json listed = client.get(where.substr(provider.issuer().size())).json;
  std::vector<std::string> ids;
  for (const Json& key : listed.at("keys")) {
    CHECK(!key.contains("d"));
    ids.push_back(key.at("kid"));
  }
  return ids;
}

}  // namespace

TEST_CASE("the OpenID provider gives access tokens as RFC 9068 has them") {
  if (const std::string why = OpenIdProvider::why_not(); !why.empty()) SKIP(why);
  const CertificateAuthority authority("a test");
  const OpenIdProvider provider(
      {.identity = authority.issue("localhost"), .ca = authority.certificate()});

  const Json discovery = provider.client().get("/.well-known/openid-configuration").json;
  CHECK(discovery.at("issuer") == provider.issuer());
  CHECK(provider.issuer().starts_with("https://"));

  for (const char* role : {"buyer", "seller", "carrier", "clerk", "auditor", "operator"}) {
    CAPTURE(role);
    const auto [header, claims] = read(provider.token(role));
    CHECK(header.at("typ") == "at+jwt");
    CHECK(header.at("alg") == "ES256");
    CHECK(header.at("kid") == listed_keys(provider).front());
    CHECK(claims.at("iss") == provider.issuer());
    CHECK(claims.at("aud") == "jangbu");
    CHECK(claims.at("sub") == std::string("tour-") + role);
    CHECK(claims.at("client_id") == claims.at("sub"));
    CHECK(claims.at("exp").get<std::int64_t>() == claims.at("iat").get<std::int64_t>() + 15 * 60);
    CHECK(!claims.at("jti").get<std::string>().empty());
    CHECK(claims.at("roles") == Json::array({role}));
    CHECK(claims.value("carrier", "") == (claims.at("roles").front() == "carrier" ? "CJ" : ""));
  }
}

TEST_CASE("the OpenID provider's keys outlive it, and the one before a new one stays listed") {
  if (const std::string why = OpenIdProvider::why_not(); !why.empty()) SKIP(why);
  OpenIdProvider provider;
  const std::vector<std::string> first = listed_keys(provider);
  const std::string secret = provider.secret("buyer");
  REQUIRE(first.size() == 1);

  provider.stop();
  provider.start();
  CHECK(listed_keys(provider) == first);
  CHECK(provider.secret("buyer") == secret);

  for (int i = 0; i < 2; ++i) {
    const std::string before = listed_keys(provider).front();
    provider.rotate_keys();
    const std::vector<std::string> both = listed_keys(provider);
    REQUIRE(both.size() == 2);
    CHECK(both.front() != before);
    CHECK(both.back() == before);
    CHECK(read(provider.token("buyer")).first.at("kid") == both.front());
  }
}

TEST_CASE("what the OpenID provider says of its clients is what their tokens give") {
  if (const std::string why = OpenIdProvider::why_not(); !why.empty()) SKIP(why);
  const CertificateAuthority authority("a test");
  OpenIdProvider provider(
      {.identity = authority.issue("localhost"), .ca = authority.certificate()});
  access::Tokens tokens({{.name = "local",
                          .url = provider.issuer(),
                          .audience = "jangbu",
                          .roles = {Role::buyer, Role::carrier},
                          .authorities = authority.certificate()}},
                        {.provider = {.between_asks = 10ms}});
  const auto asker = [&](const std::string& role) {
    std::shared_ptr<const access::Grant> grant;
    const std::string token = provider.token(role);
    wait_until("its key", [&] {
      const access::Credential credential = tokens.check(token, system_now());
      if (const auto* granted = std::get_if<std::shared_ptr<const access::Grant>>(&credential))
        grant = *granted;
      return grant != nullptr;
    });
    return grant->asker;
  };

  const Asker carrier = asker("carrier");
  CHECK(carrier->id == access::principal_id(provider.issuer(), "tour-carrier"));
  CHECK(carrier->roles == Roles{Role::carrier});
  CHECK(carrier->carrier == "CJ");

  provider.rotate_keys();
  CHECK(asker("buyer")->roles == Roles{Role::buyer});
}

}  // namespace jangbu::test
