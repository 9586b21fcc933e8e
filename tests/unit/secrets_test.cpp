// Connection strings as people see them: whatever a password is, none of it is shown.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "infra/eventlog/server_urls.hpp"
#include "infra/postgres/conninfo.hpp"
#include "tests/support/property.hpp"

namespace jangbu::test {

namespace {

constexpr const char* secret = "geheim";

bool shows(const std::string& text) {
  return text.find(secret) != text.npos;
}

// A password as people choose them, and write them down without thinking of URLs.
rc::Gen<std::string> any_password() {
  const auto part = rc::gen::container<std::string>(
      rc::gen::elementOf(std::string("@:/,#?%[]()'\"\\ =&;!$*+-.0123456789\t~")));
  return rc::gen::apply(
      [](const std::string& before, const std::string& after) { return before + secret + after; },
      part, part);
}

std::string quoted(const std::string& text) {
  std::string words = "'";
  for (const char c : text) words += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return words + "'";
}

std::string percent_encoded(const std::string& text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return encoded;
}

}  // namespace

TEST_CASE("URLs of NATS are shown without who connects") {
  CHECK(without_credentials("") == "");
  CHECK(without_credentials("nats://127.0.0.1:4222") == "nats://127.0.0.1:4222");
  CHECK(without_credentials("one:4222,two") == "one:4222,two");
  CHECK(without_credentials("tls://[::1]:4222/") == "tls://[::1]:4222/");
  CHECK(without_credentials("nats://user:geheim@one:4222,nats://geheim@two") ==
        "nats://***@one:4222,nats://***@two");
  CHECK(without_credentials("nats://one,tls://user:geheim@two") == "nats://one,tls://***@two");
  CHECK(without_credentials("nats://user:a/b,geheim@one") == "nats://***@one");
  CHECK(without_credentials("nats://user:12,geheim@one:4222,two") == "nats://***@one:4222,two");
  CHECK(without_credentials("user:a,geheim@one") == "***@one");
  // No host: somebody forgot it.
  CHECK(without_credentials("nats://user:geheim") == "nats://***");
  CHECK(without_credentials("http://user:geheim@one:8222") == "http://***@one:8222");
}

TEST_CASE("No password of NATS is shown") {
  property("wherever it stands", [] {
    const std::string password = *any_password();
    for (const std::string& urls :
         {"nats://user:" + password + "@one:4222", "nats://" + password + "@one",
          "nats://zero:4222,nats://user:" + password + "@one:4222,nats://two",
          "user:" + password + "@one:4222,tls://" + password + "@two",
          "http://user:" + password + "@one:8222"})
      RC_ASSERT_FALSE(shows(without_credentials(urls)));
  });
}

TEST_CASE("Connection strings of PostgreSQL are shown without passwords") {
  CHECK(pg::without_secrets("") == "");
  CHECK(pg::without_secrets("shop") == "shop");
  CHECK(pg::without_secrets("host=db dbname=shop") == "host=db dbname=shop");
  CHECK(pg::without_secrets("host=db password = 'a geheim' user=jangbu") ==
        "host=db password = *** user=jangbu");
  CHECK(pg::without_secrets("password=a\\ geheim  sslpassword='it\\'s geheim'") ==
        "password=***  sslpassword=***");
  CHECK(pg::without_secrets("password==''geheim host=db") == "password=*** host=db");
  CHECK(pg::without_secrets("passfile=/etc/pgpass host=db") == "passfile=/etc/pgpass host=db");
  CHECK(pg::without_secrets("postgresql://jangbu:geheim@db:5432/shop") ==
        "postgresql://***@db:5432/shop");
  CHECK(pg::without_secrets("postgres://db/shop?p%61ssword=geheim&sslmode=require") ==
        "postgres://db/shop?p%61ssword=***&sslmode=require");
  CHECK(pg::without_secrets("postgresql://a,b:5433/shop?sslpassword=geheim") ==
        "postgresql://a,b:5433/shop?sslpassword=***");
}

TEST_CASE("What is no connection string is not quoted") {
  for (const char* wrong :
       {"postgresql://jangbu:a@geheim/b@db/shop", "postgresql://jangbu:a/geheim@db/shop",
        "postgresql://[/?],geheim@db/shop", "postgresql://[/?]:geheim@db/shop",
        "postgresql://[geheim]/@db/shop", "host=db password=a geheim", "host=db password='geheim",
        "host=db passwrd=geheim", "postgresql://jangbu:%geheim@db/shop",
        "postgresql://db/shop?geheim"}) {
    CAPTURE(wrong);
    const std::string why = pg::check_conninfo(wrong);
    CHECK_FALSE(why.empty());
    CHECK_FALSE(shows(why));
    CHECK(pg::without_secrets(wrong) == "***");
  }
  for (const char* right : {"", "shop", "host=127.0.0.1 port=5432 user=jangbu password='x y'",
                            "postgresql://jangbu:p%40ss@db/shop", "postgresql:///shop?user=a@b"}) {
    CAPTURE(right);
    CHECK(pg::check_conninfo(right).empty());
  }
}

TEST_CASE("No password of PostgreSQL is shown") {
  property("however it is written", [] {
    const std::string password = *any_password();
    for (const std::string& conninfo :
         {"postgresql://user:" + password + "@db/shop", "postgresql://" + password + "@db",
          "postgresql://user:" + percent_encoded(password) +
              "@db/shop?password=" + percent_encoded(password),
          "postgresql://db/shop?sslpassword=" + password, "password=" + password + " host=db",
          "host=db password = " + quoted(password) + " user=jangbu"}) {
      const std::string shown = pg::without_secrets(conninfo);
      RC_ASSERT_FALSE(shows(shown));
      RC_ASSERT(shown.find(percent_encoded(password)) == shown.npos);
      RC_ASSERT_FALSE(shows(pg::check_conninfo(conninfo)));
    }
  });
}

}  // namespace jangbu::test
