#include "api/access/token.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "api/http/ascii.hpp"
#include "infra/base64.hpp"
#include "infra/json_tree.hpp"
#include "infra/text.hpp"

namespace jangbu::access {

namespace {

using JsonTree = nlohmann::json;

constexpr std::size_t max_header_depth = 4;  // of parameters that we do not know
constexpr std::size_t max_claims_depth = 16;

// How a check ends early; caught at the end of the public functions.
[[noreturn]] void deny(std::string_view reason, std::string detail) {
  throw Denied{.why = Denied::Why::invalid, .reason = reason, .detail = std::move(detail)};
}

// --- The text ------------------------------------------------------------------------------------

// Header, claims and signature as they are encoded.
std::array<std::string_view, 3> split(std::string_view text) {
  const auto first = text.find('.');
  const auto second = first == text.npos ? text.npos : text.find('.', first + 1);
  if (second == text.npos || text.find('.', second + 1) != text.npos)
    deny("malformed", "The token is not a signed JWT: three parts with a dot between them");
  return {text.substr(0, first), text.substr(first + 1, second - first - 1),
          text.substr(second + 1)};
}

std::string decode(std::string_view part) {
  auto bytes = from_base64url(part);
  if (!bytes || bytes->empty())
    deny("malformed", "A part of the token is not base64url, or is empty");
  return std::move(*bytes);
}

JsonTree read_object(std::string_view part, std::size_t max_depth) {
  JsonTree json = parse_json_strictly(decode(part), max_depth);
  if (!json.is_object())
    deny("malformed",
         "The token's header or claims are not a JSON object in which each name occurs once");
  return json;
}

// Null when there is no such member.
const JsonTree* member(const JsonTree& object, const std::string& name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

void read_header(const JsonTree& header, Token& token) {
  const JsonTree* alg = member(header, "alg");
  const auto algorithm =
      alg && alg->is_string() ? parse_algorithm(alg->get_ref<const std::string&>()) : std::nullopt;
  if (!algorithm) deny("algorithm", "The token must be signed with RS256, PS256, ES256 or EdDSA");
  token.algorithm = *algorithm;

  const JsonTree* type = member(header, "typ");
  if (type && !type->is_string()) deny("malformed", "The token's typ is not a string");
  const std::string word = type ? type->get<std::string>() : "JWT";
  if (http::equal_ignoring_case(word, "at+jwt") ||
      http::equal_ignoring_case(word, "application/at+jwt"))
    token.type = Token::Type::access;
  else if (http::equal_ignoring_case(word, "JWT") ||
           http::equal_ignoring_case(word, "application/jwt"))
    token.type = Token::Type::plain;
  else
    deny("type", "The token is of a type that is no access token's: its typ must be at+jwt");

  if (member(header, "crit"))
    deny("malformed", "The token's header has crit, and so asks for something unknown here");
  const JsonTree* id = member(header, "kid");
  if (!id || !id->is_string() || id->get_ref<const std::string&>().empty())
    deny("unknown-key", "The token's header has no kid to say with which key it is signed");
  token.key_id = id->get<std::string>();
}

Token read_parts(std::string_view text) {
  if (text.size() > Token::longest)
    deny("too-long", "The token is longer than " + std::to_string(Token::longest) + " characters");
  const auto [header, claims, signature] = split(text);
  Token token;
  read_header(read_object(header, max_header_depth), token);
  token.claims = read_object(claims, max_claims_depth);
  token.signature = decode(signature);
  token.signed_text = text.substr(0, header.size() + 1 + claims.size());
  const JsonTree* issuer = member(token.claims, "iss");
  if (!issuer || !issuer->is_string())
    deny("unknown-issuer", "The token does not say who issued it (iss)");
  token.issuer = issuer->get<std::string>();
  return token;
}

// --- Claims --------------------------------------------------------------------------------------

// Milliseconds since 1970; nothing when there is no such claim (RFC 7519, NumericDate).
std::optional<double> read_time_ms(const JsonTree& claims, const char* name) {
  const JsonTree* time = member(claims, name);
  if (!time) return std::nullopt;
  const double ms = time->is_number() ? time->get<double>() * 1'000 : -1;
  if (!(ms >= 0 && ms <= static_cast<double>(Timestamp::latest_ms)))
    deny("claims", std::string("The token's ") + name + " is not a time in seconds since 1970");
  return std::floor(ms);
}

// Returns `exp`.
Timestamp check_times(const JsonTree& claims, Timestamp now) {
  using std::chrono::milliseconds;
  const double leeway_ms = static_cast<double>(milliseconds(Token::leeway).count());
  const double life_ms = static_cast<double>(milliseconds(Token::longest_life).count());
  const double now_ms = static_cast<double>(now.ms);
  const auto until_ms = read_time_ms(claims, "exp");
  if (!until_ms) deny("claims", "The token does not say until when it holds (exp)");
  if (now_ms >= *until_ms + leeway_ms) deny("expired", "The token has expired");
  if (*until_ms > now_ms + life_ms + leeway_ms)
    deny("too-far", "The token holds for more than 24 hours from now (exp), which is too long");
  for (const char* name : {"nbf", "iat"})
    if (read_time_ms(claims, name).value_or(0) > now_ms + leeway_ms)
      deny("not-yet-valid", std::string("The token is of the future, by its ") + name);
  return {static_cast<std::int64_t>(*until_ms)};
}

void check_audience(const JsonTree& claims, const Issuer& issuer) {
  const auto is_ours = [&](const JsonTree& word) { return word == issuer.audience; };
  const JsonTree* audience = member(claims, "aud");
  const bool fits = audience && (is_ours(*audience) ||
                                 (audience->is_array() && std::ranges::any_of(*audience, is_ours)));
  if (!fits) deny("audience", "The token is for somebody else: its aud does not name this shop");
}

// A claim by its name, or else by a path of names with dots between them; null when there is none.
const JsonTree* find_claim(const JsonTree& claims, const std::string& path) {
  if (const JsonTree* whole = member(claims, path)) return whole;
  const auto dot = path.find('.');
  if (dot == path.npos) return nullptr;
  const JsonTree* inner = member(claims, path.substr(0, dot));
  return inner && inner->is_object() ? find_claim(*inner, path.substr(dot + 1)) : nullptr;
}

// An ID token of the same issuer says who somebody is, and gives nobody anything.
void check_type(const Token& token, const Issuer& issuer) {
  if (token.type == Token::Type::access) return;
  if (!issuer.allow_typ_jwt)
    deny("type", "The token's typ must be at+jwt, which says that it is an access token");
  if (member(token.claims, "nonce") || member(token.claims, "at_hash") ||
      !find_claim(token.claims, issuer.access_claim))
    deny("type",
         "The token is no access token: it has nonce or at_hash, as ID tokens have, or lacks the "
         "claim by which access tokens of this issuer are known");
}

std::string read_subject(const JsonTree& claims) {
  const JsonTree* subject = member(claims, "sub");
  std::string text = subject && subject->is_string() ? subject->get<std::string>() : "";
  if (text.empty() || text.size() > Token::longest_subject ||
      !std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; }))
    deny("claims",
         "The token does not say whose it is: sub must have 1 to 255 visible ASCII "
         "characters");
  return text;
}

std::vector<std::string> words_of(const JsonTree& claim) {
  std::vector<std::string> list;
  const bool is_list = claim.is_array() && std::ranges::all_of(claim, [](const JsonTree& word) {
                         return word.is_string();
                       });
  if (!is_list && !claim.is_string())
    deny("claims", "The token's roles are neither a list of strings nor a string of words");
  if (is_list) return claim.get<std::vector<std::string>>();
  const std::string& text = claim.get_ref<const std::string&>();
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    list.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

// What the token says about its carrier; empty when that is no code, or not the issuer's to say.
std::string read_carrier(const JsonTree& claims, const Issuer& issuer) {
  const JsonTree* carrier = find_claim(claims, issuer.carrier_claim);
  if (!carrier || !carrier->is_string()) return {};
  std::string code;
  try {
    code = clean(carrier->get_ref<const std::string&>(), 1, longest_carrier, TextKind::line);
  } catch (const BadText&) {
    return {};
  }
  const auto& known = issuer.carriers;
  return known.empty() || std::ranges::find(known, code) != known.end() ? code : std::string();
}

Principal read_principal(const JsonTree& claims, const Issuer& issuer) {
  const std::string subject = read_subject(claims);
  Principal principal{.id = principal_id(issuer.url, subject), .name = issuer.url + "|" + subject};
  const JsonTree* claim = find_claim(claims, issuer.roles_claim);
  if (!claim) return principal;
  const std::string carrier = read_carrier(claims, issuer);
  for (const std::string& word : words_of(*claim)) {
    const auto role = parse_role(word);
    if (!role || !issuer.roles.has(*role)) continue;
    if (*role == Role::carrier) {
      if (carrier.empty()) continue;  // a carrier of nothing
      principal.carrier = carrier;
    }
    principal.roles.add(*role);
  }
  return principal;
}

}  // namespace

std::variant<Token, Denied> read_token(std::string_view text) {
  try {
    return read_parts(text);
  } catch (Denied& why) {
    return std::move(why);
  }
}

Credential check_token(const Token& token, const Issuer& issuer, const Jwks& keys, Timestamp now) {
  try {
    check_type(token, issuer);
    const PublicKey* key = keys.find(token.key_id, token.algorithm);
    if (!key && !keys.has(token.key_id))
      deny("unknown-key", "The token is signed with a key that its issuer does not list");
    if (!key) deny("algorithm", "The token's algorithm is not that of the key that it names");
    if (!key->verifies(token.algorithm, token.signed_text, token.signature))
      deny("signature", "The token's signature does not fit");
    const Timestamp until = check_times(token.claims, now);
    check_audience(token.claims, issuer);
    return std::make_shared<const Grant>(
        Grant{.asker = std::make_shared<const Principal>(read_principal(token.claims, issuer)),
              .until = until,
              .rate = {},
              .withdrawn = key->withdrawn});
  } catch (Denied& why) {
    return std::move(why);
  }
}

}  // namespace jangbu::access
