#include "api/webhooks/endpoint.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/support/files.hpp"
#include "tests/support/process.hpp"
#include "tests/support/tls_receiver.hpp"

namespace jangbu::webhook {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using Settings = decltype(SettingsTable::settings);

constexpr std::string_view types[] = {"PurchaseCompleted", "PurchaseCancelled", "StockChanged"};
const std::string secret = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const std::string other_secret = "whsec_////////////////////////////////";

class SecretFile {
 public:
  explicit SecretFile(const std::string& text, ::mode_t mode = 0600) {
    test::write_text(path(), text);
    ::chmod(path().c_str(), mode);
  }
  std::string path() const { return (folder_.path() / "secret").string(); }

 private:
  test::TemporaryFolder folder_;
};

Endpoint read(Settings settings, const std::string& name = "erp") {
  return read_endpoint({.name = name, .settings = std::move(settings)}, types);
}

// What is wrong with the settings, which are otherwise right.
std::string wrong(Settings settings, const std::string& name = "erp") {
  static const SecretFile file(secret + "\n");
  settings.insert({{"url", {"https://shop.example/hook"}}});
  if (!settings.contains("secret_env")) settings.insert({{"secret_file", {file.path()}}});
  try {
    read(std::move(settings), name);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("a webhook's table is read with its secrets") {
  const SecretFile file(secret + "\n" + other_secret + "\n\n");
  const test::TlsReceiver receiver("localhost");
  const Endpoint endpoint = read({{"url", {"https://erp.example:8443/hooks/jangbu?token=1"}},
                                  {"types", {"StockChanged", "PurchaseCompleted"}},
                                  {"secret_file", {file.path()}},
                                  {"allow_private", {"true"}},
                                  {"ca_file", {receiver.certificate_file()}}});
  CHECK(endpoint.name == "erp");
  CHECK(endpoint.url == "https://erp.example:8443/hooks/jangbu?token=1");
  CHECK(endpoint.types == std::vector<std::string>{"PurchaseCompleted", "StockChanged"});
  CHECK(endpoint.secrets.size() == 2);
  CHECK(endpoint.secrets.front().size() == 32);
  CHECK(endpoint.allow_private);
  CHECK(endpoint.authorities == test::read_text(receiver.certificate_file()));

  ::setenv("JANGBU_TEST_SECRETS", (secret + " " + other_secret).c_str(), 1);
  const Endpoint other =
      read({{"url", {"https://erp.example"}}, {"secret_env", {"JANGBU_TEST_SECRETS"}}}, "erp-2");
  CHECK(other.secrets == endpoint.secrets);
  CHECK(other.types.empty());
  CHECK_FALSE(other.allow_private);
}

TEST_CASE("a wrong setting of a webhook is told with its table, and what to do") {
  CHECK(wrong({}) == "nothing");
  CHECK_THAT(wrong({{"secret", {secret}}}),
             StartsWith("[webhooks.erp]: ") && ContainsSubstring("there is no setting secret") &&
                 ContainsSubstring("secret_file") && !ContainsSubstring(secret));
  CHECK_THAT(wrong({{"types", {"StockChanged", "NothingChanged"}}}),
             ContainsSubstring("NothingChanged") &&
                 ContainsSubstring("PurchaseCompleted, PurchaseCancelled, StockChanged"));
  CHECK_THAT(wrong({{"allow_private", {"yes"}}}), ContainsSubstring("true or false"));
  CHECK_THAT(wrong({{"types", {}}}), ContainsSubstring("leave it out"));
  CHECK_THAT(wrong({{"types", {""}}}), ContainsSubstring("leave it out"));
  CHECK_THAT(wrong({{"ca_file", {"/nowhere/ca.pem"}}}), ContainsSubstring("/nowhere/ca.pem"));
  const SecretFile no_certificate("geheim");
  CHECK_THAT(wrong({{"ca_file", {no_certificate.path()}}}),
             ContainsSubstring("has no certificate") && !ContainsSubstring("geheim"));
  CHECK_THAT(wrong({{"url", {}}}), ContainsSubstring("give url once"));
  CHECK_THAT(wrong({{"url", {"https://one.example", "https://two.example"}}}),
             ContainsSubstring("give url once"));
  for (const std::string name :
       {"", "Erp", "e_rp", "e.rp", "한", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    CHECK_THAT(wrong({}, name), ContainsSubstring("lower-case letters, digits and '-'"));
}

TEST_CASE("the URL of a webhook says where to go, and nothing else") {
  for (const char* url :
       {"", "shop.example/hook", "//shop.example/hook", "https://", "https:///hook",
        "https:/shop.example/", "https:shop.example", "https://shop.example/한지",
        "https://shop.example/a b", "https://shop.example:99999/", "https://shop.example:x/",
        "https://shop.example:0/"})
    CHECK(wrong({{"url", {url}}}) != "nothing");
  for (const char* url : {"ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/",
                          "javascript:alert(1)", "HTTPX://shop.example/"})
    CHECK_THAT(wrong({{"url", {url}}, {"allow_private", {"true"}}}), ContainsSubstring("https://"));
  for (const char* url :
       {"https://user:geheim@shop.example/", "https://user@shop.example/", "https://@shop.example/",
        "https://shop.example@127.0.0.1/", "https://shop.example\\@127.0.0.1/"}) {
    INFO(url);
    CHECK_THAT(wrong({{"url", {url}}}), StartsWith("[webhooks.erp]: url") &&
                                            !ContainsSubstring("geheim") &&
                                            !ContainsSubstring("@"));
  }
  CHECK_THAT(wrong({{"url", {"https://shop.example/#top"}}}), ContainsSubstring("fragment"));
  CHECK_THAT(wrong({{"url", {"http://shop.example/"}}}), ContainsSubstring("allow_private = true"));
  CHECK(wrong({{"url", {"http://shop.example/"}}, {"allow_private", {"true"}}}) == "nothing");
  CHECK(wrong({{"url", {"https://shop.example/a@b?c=d@e"}}}) == "nothing");
}

TEST_CASE("a webhook's secrets are where others cannot read them, and are secrets") {
  const std::string url = "https://shop.example/";
  const auto wrong_file = [&](const SecretFile& file) {
    return wrong({{"secret_file", {file.path()}}});
  };
  CHECK_THAT(wrong_file(SecretFile(secret, 0640)), ContainsSubstring("chmod 600"));
  CHECK_THAT(wrong_file(SecretFile(secret, 0604)), ContainsSubstring("chmod 600"));
  CHECK_THAT(wrong_file(SecretFile("")), ContainsSubstring("openssl rand"));
  CHECK_THAT(wrong_file(SecretFile(secret + "\ngeheim\n")),
             ContainsSubstring("openssl rand") && !ContainsSubstring("geheim"));
  CHECK_THAT(wrong_file(SecretFile(std::string(5'000, ' ') + secret)),
             ContainsSubstring("too long"));
  CHECK_THAT(wrong({{"secret_file", {"/nowhere/secret"}}}), ContainsSubstring("/nowhere/secret"));
  const test::TemporaryFolder folder;
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THAT(wrong({{"secret_file", {pipe}}}), ContainsSubstring("is not a file"));
  CHECK_THAT(wrong({{"secret_env", {"JANGBU_TEST_NOT_SET"}}}),
             ContainsSubstring("JANGBU_TEST_NOT_SET, which is not set"));
  CHECK_THAT(wrong({{"secret_env", {"PATH"}}, {"secret_file", {"/nowhere"}}}),
             ContainsSubstring("either secret_file"));
}

TEST_CASE("people are shown a webhook's URL without what may be secret") {
  CHECK(shown_url("https://chat.example/api/webhooks/1234567890123456/token-of-a-channel/") ==
        "https://chat.example/api/webhooks/***/***/");
  CHECK(shown_url("https://chat.example/123456789012345?a=b/1234567890123456") ==
        "https://chat.example/123456789012345?a=***");
  CHECK(shown_url("https://shop.example") == "https://shop.example");
  CHECK(shown_url("https://a-long-name-of-a-host.example/") ==
        "https://a-long-name-of-a-host.example/");
  CHECK(shown_url("https://shop.example/hook") == "https://shop.example/hook");
  CHECK(shown_url("https://shop.example/hook?token=geheim&v=2") ==
        "https://shop.example/hook?token=***&v=***");
  CHECK(shown_url("https://shop.example?geheim") == "https://shop.example?***");
  CHECK(shown_url("https://shop.example/?a=&geheim&b=c=d") ==
        "https://shop.example/?a=***&***&b=***");
}

}  // namespace jangbu::webhook
