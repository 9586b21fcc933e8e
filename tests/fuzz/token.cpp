// Access tokens, and sets of keys: what is granted is bounded by the issuer's table, and what is
// said of a token that is refused is fit for a header field.
//
// An input is a set of keys and, behind the first line feed, a token.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <variant>

#include "api/access/token.hpp"
#include "infra/base64.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;
using namespace jangbu::access;

namespace {

constexpr Timestamp now{1'772'000'000'000};

Issuer issuer() {
  return {.name = "staff",
          .url = "https://id.example",
          .audience = "jangbu",
          .roles = {Role::buyer, Role::carrier},
          .roles_claim = "realm_access.roles",
          .allow_typ_jwt = true};
}

Jwks read_keys(std::string_view document) {
  try {
    return read_jwks(document);
  } catch (const std::runtime_error&) {
    return {};
  }
}

void check_keys(const Jwks& jwks) {
  invariant(jwks.keys.size() <= Jwks::max_keys, "a set of keys is bounded");
  for (const PublicKey& key : jwks.keys) {
    invariant(key.pkey && !key.id.empty() && jwks.has(key.id), "a key has a name");
    invariant(key.is_same_as(key), "a key is the same as itself");
    const int bits = EVP_PKEY_get_bits(key.pkey.get());
    invariant(key.kind != PublicKey::Kind::rsa ||
                  (bits >= Jwks::least_rsa_bits && bits <= Jwks::most_rsa_bits),
              "an RSA key is neither weak nor a burden");
    for (const Algorithm algorithm :
         {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa})
      invariant(!key.is_for(algorithm) || !key.verifies(algorithm, "a text", std::string(64, '1')),
                "no signature is made up");
  }
}

void check_refusal(const Denied& denied) {
  invariant(denied.why == Denied::Why::invalid && !denied.reason.empty(), "a refusal has a reason");
  for (const char c : denied.detail)
    invariant(c >= ' ' && c <= '~' && c != '"' && c != '\\', "a detail can be quoted");
}

void check_grant(const Grant& grant) {
  const Principal& who = *grant.asker;
  invariant((who.roles & issuer().roles) == who.roles, "roles are those that the issuer may grant");
  invariant(who.roles.has(Role::carrier) == !who.carrier.empty(), "a carrier has a code");
  invariant(!who.may_all, "a token does not switch access control off");
  invariant(who.name.starts_with("https://id.example|"), "a principal is one of the issuer's");
  invariant(grant.until && grant.until->ms <= now.ms + (24 * 3'600 + 60) * 1'000,
            "a grant ends within a day");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const auto end = std::min(input.find('\n'), input.size());
  const Jwks jwks = read_keys(input.substr(0, end));
  check_keys(jwks);
  const std::string_view text = input.substr(std::min(end + 1, input.size()));
  const auto read = read_token(text);
  if (const auto* denied = std::get_if<Denied>(&read)) {
    check_refusal(*denied);
    return 0;
  }
  const Token& token = std::get<Token>(read);
  invariant(std::string(token.signed_text) + "." + to_base64url(token.signature) == text,
            "a token is written in one way");
  invariant(token.claims.is_object() && token.claims.at("iss") == token.issuer,
            "the claims are those of the issuer that is named");
  const Credential credential = check_token(token, issuer(), jwks, now);
  if (const auto* denied = std::get_if<Denied>(&credential))
    check_refusal(*denied);
  else
    check_grant(*std::get<std::shared_ptr<const Grant>>(credential));
  return 0;
}
