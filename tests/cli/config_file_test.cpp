#include "api/cli/config_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/support/files.hpp"
#include "tests/support/process.hpp"

namespace jangbu::cli {
namespace {

using Catch::Matchers::ContainsSubstring;

ConfigFile read(const std::string& text) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "jangbu.toml";
  test::write_text(file, text);
  return read_config_file(file);
}

std::string wrong(const std::string& text) {
  try {
    read_issuers(read(text));
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "nothing";
}

const std::string staff =
    "[issuers.staff]\n"
    "allow_typ_jwt = true\n"
    "audience = \"jangbu\"\n"
    "roles = [\"clerk\", \"auditor\"]\n"
    "roles_claim = \"realm_access.roles\"\n"
    "url = \"https://id.example/realms/a-shop-with-a-long-name\"\n";

}  // namespace

TEST_CASE("issuers of a configuration are read beside its settings and webhooks") {
  const ConfigFile file = read("queue = 77\n\n[webhooks.erp]\nurl = \"https://erp.example\"\n\n" +
                               staff + "\n[issuers.people]\nroles = [\"buyer\"]  # and no more\n" +
                               "url = \"https://people.example\"\naudience = \"17\"\n");
  CHECK(file.settings.size() == 1);
  CHECK(file.webhooks.size() == 1);
  const auto issuers = read_issuers(file);
  REQUIRE(issuers.size() == 2);
  CHECK(issuers[0].name == "staff");
  CHECK(issuers[0].url == "https://id.example/realms/a-shop-with-a-long-name");
  CHECK(issuers[0].roles == Roles{Role::clerk, Role::auditor});
  CHECK(issuers[0].roles_claim == "realm_access.roles");
  CHECK(issuers[0].allow_typ_jwt);
  CHECK(issuers[1].roles == Roles{Role::buyer});
  CHECK(issuers[1].audience == "17");
}

TEST_CASE("tables of a configuration are shown as they are written, without secrets") {
  CHECK(tables_in_toml(read(staff)) == "\n" + staff);
  const std::string webhook =
      "[webhooks.erp]\n"
      "allow_private = true\n"
      "types = [\"StockChanged\"]\n"
      "url = \"https://erp.example/?token=geheim\"\n";
  const std::string shown = tables_in_toml(read(staff + "\n" + webhook));
  CHECK_THAT(shown, ContainsSubstring("token=***") && !ContainsSubstring("geheim") &&
                        ContainsSubstring("types = [\"StockChanged\"]") &&
                        ContainsSubstring(staff));
  CHECK(tables_in_toml(read(shown)) == shown);
}

TEST_CASE("a wrong table of issuers is told as such") {
  CHECK(wrong(staff) == "nothing");
  CHECK_THAT(wrong("[issuers.staff]\nurl = \"http://id.example\"\n"),
             ContainsSubstring("[issuers.staff]: url must begin with https://"));
  CHECK_THAT(wrong("[issuers]\nurl = \"https://id.example\"\n"),
             ContainsSubstring("such as [issuers.staff]"));
  CHECK_THAT(wrong("[issuers.a.b]\nurl = \"https://id.example\"\n"),
             ContainsSubstring("such as [issuers.staff]"));
  CHECK_THAT(wrong("[issuer.staff]\nurl = \"https://id.example\"\n"),
             ContainsSubstring("there is no table [issuer...]") &&
                 ContainsSubstring("[webhooks.erp] and [issuers.staff]"));
  CHECK_THAT(wrong(staff + staff), ContainsSubstring("there is a table [issuers.staff] before"));
}

}  // namespace jangbu::cli
