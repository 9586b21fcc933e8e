#include "api/access/token.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "infra/base64.hpp"
#include "tests/access/signing_key.hpp"

namespace jangbu::access {
namespace {

using test::Json;
using test::SigningKey;

constexpr std::int64_t now_s = 1'772'000'000;
const Timestamp now{now_s * 1'000};

const SigningKey& ec_key() {
  static const SigningKey key = SigningKey::p256("ec");
  return key;
}
const SigningKey& rsa_key() {
  static const SigningKey key = SigningKey::rsa("rsa");
  return key;
}
const SigningKey& ed_key() {
  static const SigningKey key = SigningKey::ed25519("ed");
  return key;
}

Issuer issuer() {
  return {.name = "staff",
          .url = "https://id.example/shop",
          .audience = "jangbu",
          .roles = {Role::buyer, Role::seller, Role::carrier, Role::clerk}};
}

Json header(const std::string& algorithm, const SigningKey& key) {
  return {{"alg", algorithm}, {"kid", key.id()}, {"typ", "at+jwt"}};
}

Json claims() {
  return {{"iss", "https://id.example/shop"},
          {"aud", "jangbu"},
          {"sub", "alice"},
          {"exp", now_s + 300},
          {"iat", now_s},
          {"client_id", "page"},
          {"roles", Json::array({"buyer"})},
          {"jti", "some-id-17"}};
}

// A token of the EC key, which is the fastest to sign.
std::string with(const Json& changes) {
  Json all = claims();
  all.update(changes);
  return test::token(header("ES256", ec_key()), all, ec_key());
}
std::string without(const std::string& claim) {
  Json rest = claims();
  rest.erase(claim);
  return test::token(header("ES256", ec_key()), rest, ec_key());
}
std::string with_header(const Json& changes) {
  Json all = header("ES256", ec_key());
  all.update(changes);
  return test::token(all, claims(), ec_key());
}

// What the public functions make of a token together, as access::Tokens uses them.
Credential check(const std::string& text, const Jwks& keys, const Issuer& from = issuer(),
                 Timestamp at = now) {
  auto read = read_token(text);
  if (auto* denied = std::get_if<Denied>(&read)) return std::move(*denied);
  const Token& token = std::get<Token>(read);
  if (token.issuer != from.url) return Denied{.reason = "unknown-issuer", .detail = "none"};
  return check_token(token, from, keys, at);
}

const Jwks& ec_keys() {
  static const Jwks keys = read_jwks(test::jwks({ec_key()}));
  return keys;
}

// Why a token is denied, or "granted". What is said of it repeats nothing of it.
std::string reason(const std::string& text, const Jwks& keys = ec_keys(),
                   const Issuer& from = issuer(), Timestamp at = now) {
  const Credential credential = check(text, keys, from, at);
  const auto* denied = std::get_if<Denied>(&credential);
  if (!denied) return "granted";
  CHECK(denied->why == Denied::Why::invalid);
  CHECK_FALSE(denied->detail.empty());
  // It is put between quotes in a header field.
  CHECK(denied->detail.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;()+_-'") ==
        std::string::npos);
  for (const char* part : {"alice", "some-id-17", "page", "eyJ"})
    CHECK(denied->detail.find(part) == std::string::npos);
  return std::string(denied->reason);
}

const Principal& principal(const Credential& credential) {
  if (const auto* denied = std::get_if<Denied>(&credential)) FAIL(denied->detail);
  return *std::get<std::shared_ptr<const Grant>>(credential)->asker;
}

Issuer with_plain_jwt() {
  Issuer from = issuer();
  from.allow_typ_jwt = true;
  return from;
}

}  // namespace

// --- What is granted -----------------------------------------------------------------------------

TEST_CASE("a token of each algorithm gives what its claims say") {
  const Jwks keys = read_jwks(test::jwks({ec_key(), rsa_key(), ed_key()}));
  const std::vector<std::pair<std::string, const SigningKey*>> algorithms{
      {"RS256", &rsa_key()}, {"PS256", &rsa_key()}, {"ES256", &ec_key()}, {"EdDSA", &ed_key()}};
  for (const auto& [algorithm, key] : algorithms) {
    INFO(algorithm);
    const Credential credential = check(test::token(header(algorithm, *key), claims(), *key), keys);
    const Principal& who = principal(credential);
    CHECK(who.id == principal_id("https://id.example/shop", "alice"));
    CHECK(who.name == "https://id.example/shop|alice");
    CHECK(who.roles == Roles{Role::buyer});
    CHECK(who.carrier.empty());
    CHECK_FALSE(who.may_all);
    const Grant& grant = *std::get<std::shared_ptr<const Grant>>(credential);
    CHECK(grant.until == Timestamp{(now_s + 300) * 1'000});
    CHECK(grant.withdrawn == keys.find(key->id(), *parse_algorithm(algorithm))->withdrawn);
  }
}

TEST_CASE("a token for several, or of a type in other letters, is one too") {
  CHECK(reason(with({{"aud", {"erp", "jangbu"}}})) == "granted");
  for (const char* type : {"AT+JWT", "application/at+jwt", "Application/AT+jwt"})
    CHECK(reason(with_header({{"typ", type}})) == "granted");
  CHECK(reason(with({{"exp", now_s + 300.5}})) == "granted");
}

TEST_CASE("roles are those of the claim that the issuer may grant") {
  const auto roles = [](const Json& value, const Issuer& from = issuer()) {
    const Credential credential = check(with({{"roles", value}}), ec_keys(), from);
    return principal(credential).roles;
  };
  CHECK(roles(Json::array({"seller", "clerk"})) == Roles{Role::seller, Role::clerk});
  CHECK(roles("seller  clerk ") == Roles{Role::seller, Role::clerk});
  CHECK(roles("seller,clerk").empty());
  CHECK(roles(Json::array({"CLERK", "root", "", "clerk "})).empty());
  CHECK(roles(Json::array({"operator", "auditor", "buyer"})) == Roles{Role::buyer});
  CHECK(roles("").empty());
  Issuer of_buyers = issuer();
  of_buyers.roles = {Role::buyer};
  CHECK(roles("clerk buyer seller", of_buyers) == Roles{Role::buyer});
  CHECK(principal(check(without("roles"), ec_keys())).roles.empty());
  for (const Json& value : {Json(17), Json::object({{"clerk", true}}), Json::array({"clerk", 17}),
                            Json(nullptr), Json(true)})
    CHECK(reason(with({{"roles", value}})) == "claims");
}

TEST_CASE("the roles' claim may be within others, or have a dot in its name") {
  Issuer from = issuer();
  from.roles_claim = "realm_access.roles";
  const Json inner{{"realm_access", {{"roles", {"clerk"}}}}};
  CHECK(principal(check(with(inner), ec_keys(), from)).roles == Roles{Role::clerk});
  CHECK(principal(check(with({{"realm_access", "clerk"}}), ec_keys(), from)).roles.empty());
  CHECK(principal(check(with({{"realm_access.roles", "seller"}}), ec_keys(), from)).roles ==
        Roles{Role::seller});
  from.roles_claim = "https://shop.example/roles";
  CHECK(principal(check(with({{"https://shop.example/roles", "clerk"}}), ec_keys(), from)).roles ==
        Roles{Role::clerk});
}

TEST_CASE("a carrier is one with a code, and a code belongs to a carrier") {
  const auto who = [](const Json& changes) {
    const Credential credential = check(with(changes), ec_keys());
    return principal(credential);
  };
  const Principal carrier = who({{"roles", "carrier"}, {"carrier", "CJ"}});
  CHECK(carrier.roles == Roles{Role::carrier});
  CHECK(carrier.carrier == "CJ");
  CHECK(who({{"roles", "buyer"}, {"carrier", "CJ"}}).carrier.empty());
  CHECK(who({{"roles", "buyer carrier"}}).roles == Roles{Role::buyer});
  for (const Json& code : {Json(""), Json(" "), Json("a\nb"), Json(17), Json::array({"CJ"}),
                           Json(std::string(101, 'x'))})
    CHECK(who({{"roles", "carrier"}, {"carrier", code}}).roles.empty());
  Issuer from = issuer();
  from.carriers = {"우체국택배", "CJ"};
  const auto of_those = [&](const char* code) {
    const Credential credential =
        check(with({{"roles", "carrier"}, {"carrier", code}}), ec_keys(), from);
    return principal(credential);
  };
  CHECK(of_those("CJ").carrier == "CJ");
  CHECK(of_those("Hanjin").roles.empty());
  CHECK(of_those("Hanjin").carrier.empty());
  from.roles = {Role::buyer};
  const Credential without_role =
      check(with({{"roles", "carrier"}, {"carrier", "CJ"}}), ec_keys(), from);
  CHECK(principal(without_role).carrier.empty());
}

// --- Attacks -------------------------------------------------------------------------------------

TEST_CASE("an unsigned token is refused") {
  for (const char* none : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string text = test::unsigned_token(
        Json{{"alg", none}, {"kid", "ec"}, {"typ", "at+jwt"}}.dump(), claims().dump());
    CHECK(reason(text + ".") == "algorithm");
    CHECK(reason(text) == "malformed");
    CHECK(reason(test::with_signature(text, "x")) == "algorithm");
  }
  const std::string whole = with(Json::object());
  CHECK(reason(whole.substr(0, whole.rfind('.') + 1)) == "malformed");
  CHECK(reason(whole.substr(0, whole.rfind('.'))) == "malformed");
}

TEST_CASE("the bytes of a public key are no secret that signs") {
  const Jwks keys = read_jwks(test::jwks({rsa_key()}));
  for (const char* algorithm : {"HS256", "RS256", "PS256"})
    for (const std::string& secret : {rsa_key().pem(), rsa_key().jwk().dump(), std::string()}) {
      const std::string text =
          test::unsigned_token(header(algorithm, rsa_key()).dump(), claims().dump());
      CHECK(reason(test::with_signature(text, test::hmac_sha256(secret, text)), keys) ==
            (algorithm == std::string("HS256") ? "algorithm" : "signature"));
    }
}

TEST_CASE("other algorithms are refused, whatever they are") {
  for (const char* algorithm : {"HS256", "HS512", "RS384", "RS512", "PS512", "ES384", "ES512",
                                "ES256K", "RS1", "RSA1_5", "dir", "rs256", "es256", "EDDSA"})
    CHECK(reason(test::with_signature(
              test::unsigned_token(header(algorithm, ec_key()).dump(), claims().dump()),
              std::string(64, 'x'))) == "algorithm");
  for (const Json& value : {Json(nullptr), Json(256), Json::array({"ES256"})}) {
    Json odd = header("ES256", ec_key());
    odd["alg"] = value;
    const std::string text = test::unsigned_token(odd.dump(), claims().dump());
    CHECK(reason(test::with_signature(text, ec_key().sign("ES256", text))) == "algorithm");
  }
}

TEST_CASE("a key verifies only what it is for") {
  const Jwks keys = read_jwks(test::jwks({ec_key(), rsa_key(), ed_key()}));
  const std::vector<std::pair<std::string, const SigningKey*>> algorithms{
      {"RS256", &rsa_key()}, {"PS256", &rsa_key()}, {"ES256", &ec_key()}, {"EdDSA", &ed_key()}};
  for (const auto& [algorithm, key] : algorithms)
    for (const SigningKey* other : {&rsa_key(), &ec_key(), &ed_key()}) {
      if (other->id() == key->id()) continue;
      // Signed well, but the header names a key of another kind.
      const std::string text =
          test::unsigned_token(header(algorithm, *other).dump(), claims().dump());
      CHECK(reason(test::with_signature(text, key->sign(algorithm, text)), keys) == "algorithm");
    }
  Json jwk = rsa_key().jwk();
  jwk["alg"] = "RS256";
  const Jwks only_rs256 = read_jwks(Json{{"keys", {jwk}}}.dump());
  CHECK(reason(test::token(header("RS256", rsa_key()), claims(), rsa_key()), only_rs256) ==
        "granted");
  CHECK(reason(test::token(header("PS256", rsa_key()), claims(), rsa_key()), only_rs256) ==
        "algorithm");
  // RSA's two ways to pad are not taken for one another.
  const std::string text = test::unsigned_token(header("PS256", rsa_key()).dump(), claims().dump());
  CHECK(reason(test::with_signature(text, rsa_key().sign("RS256", text)), keys) == "signature");
}

TEST_CASE("a key that nobody knows verifies nothing") {
  const SigningKey stranger = SigningKey::p256("stranger");
  CHECK(reason(test::token(header("ES256", stranger), claims(), stranger)) == "unknown-key");
  // Nor does one that borrows the name of one that is known, which is the other issuer's key too.
  CHECK(reason(test::token(header("ES256", ec_key()), claims(), stranger)) == "signature");
  for (const char* id :
       {"../ec", "ec/../ec", "/etc/passwd", "../../../../dev/null", "ec\n", "EC", "ec ", "e",
        "https://evil.example/keys", "ec' OR '1'='1", "'; DROP TABLE keys; --"})
    CHECK(reason(with_header({{"kid", id}})) == "unknown-key");
  for (const Json& id : {Json(nullptr), Json(1), Json(""), Json::array({"ec"})})
    CHECK(reason(with_header({{"kid", id}})) == "unknown-key");
}

TEST_CASE("where a token says that its key is does not matter") {
  const SigningKey evil = SigningKey::p256("evil");
  for (const std::string id : {"ec", "evil"}) {
    for (const char* parameter : {"jku", "x5u"}) {
      Json pointing = header("ES256", evil);
      pointing["kid"] = id;
      pointing[parameter] = "https://evil.example/keys.json";
      CHECK(reason(test::token(pointing, claims(), evil)) ==
            (id == "ec" ? "signature" : "unknown-key"));
    }
    Json carrying = header("ES256", evil);
    carrying["kid"] = id;
    carrying["jwk"] = evil.jwk();
    carrying["x5c"] = Json::array({to_base64(evil.pem())});
    CHECK(reason(test::token(carrying, claims(), evil)) ==
          (id == "ec" ? "signature" : "unknown-key"));
  }
}

TEST_CASE("a signature is for one text, in one form") {
  const std::string alice = with(Json::object()),
                    mallory = with({{"sub", "mallory"}, {"roles", "clerk"}});
  const auto part = [](const std::string& text, int which) {
    const auto first = text.find('.'), second = text.rfind('.');
    return which == 0   ? text.substr(0, first)
           : which == 1 ? text.substr(first + 1, second - first - 1)
                        : text.substr(second + 1);
  };
  CHECK(reason(part(alice, 0) + "." + part(mallory, 1) + "." + part(alice, 2)) == "signature");
  CHECK(reason(alice) == "granted");

  const std::string text = test::unsigned_token(header("ES256", ec_key()).dump(), claims().dump());
  const std::string signature = ec_key().sign("ES256", text);
  CHECK(reason(test::with_signature(text, signature)) == "granted");
  CHECK(reason(test::with_signature(text, test::in_der(signature))) == "signature");
  for (const std::string& other :
       {signature.substr(1), signature + '\0', signature + signature, std::string(64, '\0'),
        std::string(64, '\xff'), signature.substr(32) + signature.substr(0, 32), std::string("x")})
    CHECK(reason(test::with_signature(text, other)) == "signature");
  const Jwks keys = read_jwks(test::jwks({rsa_key(), ed_key()}));
  for (const SigningKey* key : {&rsa_key(), &ed_key()})
    for (const std::size_t size : {1U, 63U, 64U, 65U, 255U, 256U, 257U, 512U}) {
      const std::string odd = test::unsigned_token(
          header(key == &ed_key() ? "EdDSA" : "RS256", *key).dump(), claims().dump());
      CHECK(reason(test::with_signature(odd, std::string(size, '\1')), keys) == "signature");
    }
}

TEST_CASE("a token is written in one way only") {
  const std::string good = with(Json::object());
  REQUIRE(reason(good) == "granted");
  const auto dot = good.find('.');
  std::vector<std::string> texts{
      "", ".", "..", "...", "a.b.c", good + ".", "." + good, good + "=", good + "==", good + " ",
      " " + good, good + "\n", good + "." + good, good + std::string(1, '\0'),
      good.substr(0, dot) + "=" + good.substr(dot), good.substr(0, dot) + "." + good.substr(dot),
      good.substr(0, dot + 5) + "\n" + good.substr(dot + 5),
      good.substr(0, dot + 5) + "+" + good.substr(dot + 6),
      // JWE has five parts, JSON serialization braces.
      good + ".a.b", R"({"payload":"e30","signatures":[]})"};
  // The last character of 64 bytes has four bits that mean nothing.
  std::string stray = good;
  REQUIRE(std::string("AQgw").find(stray.back()) != std::string::npos);
  ++stray.back();
  texts.push_back(stray);
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(reason(text) == "malformed");
  }
}

TEST_CASE("a token of any size is refused at once when it is too long") {
  CHECK(reason(std::string(100'000, 'a')) == "too-long");
  CHECK(reason(with_header({{"x", std::string(100'000, 'a')}})) == "too-long");
  CHECK(reason(with({{"x", std::string(Token::longest * 3 / 4, 'a')}})) == "too-long");
  CHECK(reason(with({{"x", std::string(Token::longest / 2, 'a')}})) == "granted");
  // It fits, but nests so deeply that other parsers fall over.
  CHECK(reason(test::unsigned_token(header("ES256", ec_key()).dump(), std::string(5'000, '[')) +
               ".eA") == "malformed");
}

TEST_CASE("each part of a token is one object of JSON that means one thing") {
  const auto signed_text = [](const std::string& head, const std::string& body) {
    const std::string text = test::unsigned_token(head, body);
    return test::with_signature(text, ec_key().sign("ES256", text));
  };
  const std::string head = header("ES256", ec_key()).dump(), body = claims().dump();
  REQUIRE(reason(signed_text(head, body)) == "granted");
  const auto adding = [](std::string object, const std::string& more) {
    object.back() = ',';
    return object + more + "}";
  };
  for (const char* more : {R"("sub":"mallory")", R"("\u0073ub":"mallory")", R"("roles":"clerk")",
                           R"("exp":9999999999)", R"("x":{"a":1,"a":2})", R"("aud":"jangbu")"})
    CHECK(reason(signed_text(head, adding(body, more))) == "malformed");
  for (const char* more : {R"("alg":"none")", R"("alg":"ES256")", R"("kid":"ec")"})
    CHECK(reason(signed_text(adding(head, more), body)) == "malformed");
  for (const std::string& odd :
       {"[" + body + "]", body + body, "\xEF\xBB\xBF" + body, body + '\0' + "x", std::string("17"),
        std::string("null"), std::string("\"x\""), "//\n" + body, adding(body, "\"x\":\"\xff\""),
        body.substr(1), adding(body, "\"x\":NaN"), std::string("{}}")}) {
    CHECK(reason(signed_text(head, odd)) == "malformed");
    CHECK(reason(signed_text(odd, body)) == "malformed");
  }
}

TEST_CASE("a token that asks for what is unknown here is refused") {
  CHECK(reason(with_header({{"crit", {"exp"}}})) == "malformed");
  CHECK(reason(with_header({{"crit", {"b64"}}, {"b64", false}})) == "malformed");
  CHECK(reason(with_header({{"crit", Json::array()}})) == "malformed");
  CHECK(reason(with_header({{"x", "y"}})) == "granted");
}

// --- Claims --------------------------------------------------------------------------------------

TEST_CASE("a token holds from its time to its time, give or take a minute") {
  const auto seconds = [](std::int64_t value) { return Json(now_s + value); };
  CHECK(reason(with({{"exp", seconds(-59)}})) == "granted");
  CHECK(reason(with({{"exp", seconds(-60)}})) == "expired");
  CHECK(reason(with({{"exp", 0}})) == "expired");
  CHECK(reason(with({{"exp", seconds(24 * 3'600 + 60)}})) == "granted");
  CHECK(reason(with({{"exp", seconds(24 * 3'600 + 61)}})) == "too-far");
  CHECK(reason(with({{"exp", 253'402'300'799}})) == "too-far");
  for (const char* name : {"nbf", "iat"}) {
    CHECK(reason(with({{name, seconds(60)}})) == "granted");
    CHECK(reason(with({{name, seconds(61)}})) == "not-yet-valid");
    CHECK(reason(with({{name, 0}})) == "granted");
  }
  CHECK(reason(without("iat")) == "granted");
  CHECK(reason(without("exp")) == "claims");
  for (const char* name : {"exp", "nbf", "iat"})
    for (const Json& value :
         {Json("1772000300"), Json(nullptr), Json(true), Json(-1), Json(1e300),
          Json(std::numeric_limits<std::uint64_t>::max()), Json::array({now_s + 300})})
      CHECK(reason(with({{name, value}})) == "claims");
}

TEST_CASE("a token is for us, from whom it says") {
  for (const Json& audience :
       {Json("erp"), Json("JANGBU"), Json("jangbu "), Json(""), Json::array(), Json(17),
        Json::array({"erp", 17}), Json(nullptr), Json::object({{"jangbu", "jangbu"}}),
        Json::array({Json::array({"jangbu"})})})
    CHECK(reason(with({{"aud", audience}})) == "audience");
  CHECK(reason(without("aud")) == "audience");
  CHECK(reason(without("iss")) == "unknown-issuer");
  for (const Json& other : {Json("https://id.example/shop/"), Json("https://evil.example"), Json(1),
                            Json::array({"https://id.example/shop"}), Json("")})
    CHECK(reason(with({{"iss", other}})) == "unknown-issuer");
}

TEST_CASE("a token says whose it is") {
  CHECK(reason(without("sub")) == "claims");
  CHECK(reason(with({{"sub", std::string(255, 'x')}})) == "granted");
  for (const Json& subject : {Json(17), Json(""), Json(std::string(256, 'x')), Json("a b"),
                              Json("a\nb"), Json("김"), Json(nullptr), Json::array({"alice"})})
    CHECK(reason(with({{"sub", subject}})) == "claims");
}

TEST_CASE("an ID token, or another kind of token, gives nothing") {
  const auto typed = [](const Json& type, const Json& changes = Json::object()) {
    Json head = header("ES256", ec_key());
    if (type.is_null())
      head.erase("typ");
    else
      head["typ"] = type;
    Json all = claims();
    all.update(changes);
    return test::token(head, all, ec_key());
  };
  for (const Json& type : {Json("JWT"), Json("jwt"), Json()}) {
    CHECK(reason(typed(type)) == "type");
    CHECK(reason(typed(type), ec_keys(), with_plain_jwt()) == "granted");
    for (const char* mark : {"nonce", "at_hash"})
      CHECK(reason(typed(type, {{mark, "x"}}), ec_keys(), with_plain_jwt()) == "type");
    Issuer by_scope = with_plain_jwt();
    by_scope.access_claim = "scope";
    CHECK(reason(typed(type), ec_keys(), by_scope) == "type");
    CHECK(reason(typed(type, {{"scope", "shop"}}), ec_keys(), by_scope) == "granted");
  }
  for (const Json& type : {Json("id+jwt"), Json("logout+jwt"), Json("secevent+jwt"),
                           Json("dpop+jwt"), Json("rt+jwt"), Json("JOSE"), Json("")})
    CHECK(reason(typed(type), ec_keys(), with_plain_jwt()) == "type");
  CHECK(reason(typed(17), ec_keys(), with_plain_jwt()) == "malformed");
}

}  // namespace jangbu::access
