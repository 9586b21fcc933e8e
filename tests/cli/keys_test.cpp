// `jangbu keys`, the file that its lines go into, and the credential that tools show a shop.
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/cli/config_file.hpp"
#include "api/http/server.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tool.hpp"
#include "tests/http/log_lines.hpp"
#include "tests/support/files.hpp"
#include "tests/support/shop.hpp"

using namespace jangbu;
using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using std::filesystem::perms;

namespace {

// The keys in a file with this text.
std::vector<access::AccessKey> read_back(const std::string& text) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "keys.toml";
  write_text(file, text);
  std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
  return cli::read_access_keys(file);
}

std::string refused(const std::string& text) {
  try {
    read_back(text);
  } catch (const CLI::ParseError& wrong) {
    return wrong.what();
  }
  return "not refused";
}

// A shop that lets nobody in and remembers what it was shown.
class ClosedShop {
 public:
  explicit ClosedShop(int status = 401) : status_(status) { server_.start(); }

  std::string port() const { return std::to_string(server_.port()); }
  std::set<std::string> shown() const {
    const std::lock_guard lock(mutex_);
    return shown_;
  }

 private:
  http::Router router() {
    http::Router router;
    for (const char* path : {"/", "/health/ready", "/webhooks"})
      router.add(http::Method::get, path,
                 [this](http::Request&& request, const http::Exchange& exchange) {
                   const std::lock_guard lock(mutex_);
                   shown_.insert(std::string(request.header("Authorization").value_or("nothing")));
                   exchange.respond({.status = status_, .body = "{}"});
                 });
    return router;
  }

  const int status_;
  mutable std::mutex mutex_;
  std::set<std::string> shown_;
  http::Server server_{"127.0.0.1", 0, router()};
};

Ended run_with(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment) {
  const TemporaryFolder folder;
  const auto process =
      run_jangbu(arguments, folder.path() / "output", environment, folder.path() / "errors");
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
          read_text(folder.path() / "output"), read_text(folder.path() / "errors")};
}

}  // namespace

TEST_CASE("A new access key is printed once, with the lines that let it in") {
  const Ended told =
      run({"keys", "new", "van-7", "--role", "carrier,auditor", "--carrier", "L'우체국택배"});
  REQUIRE(told.status == 0);
  const std::string key = lines_of(told.output).front();
  CHECK(key.size() == std::string("jbk_van-7_").size() + 43);
  CHECK_THAT(told.errors, ContainsSubstring("shown only now") && !ContainsSubstring(key));
  const std::string lines = told.output.substr(key.size());
  CHECK_THAT(lines, !ContainsSubstring(key));

  access::AccessKeys keys;
  keys.configure(read_back(lines));
  const auto credential = keys.check(key);
  const auto* grant = std::get_if<std::shared_ptr<const access::Grant>>(&credential);
  REQUIRE(grant);
  CHECK((*grant)->asker->name == "key:van-7");
  CHECK((*grant)->asker->carrier == "L'우체국택배");
  CHECK((*grant)->asker->roles == Roles{Role::carrier, Role::auditor});
}

TEST_CASE("A new access key for machines") {
  const Ended told = run({"keys", "new", "till-3", "--role", "clerk", "--json"});
  REQUIRE(told.status == 0);
  const auto json = nlohmann::json::parse(told.output);
  CHECK(json.at("name") == "till-3");
  CHECK(json.at("roles") == nlohmann::json{"clerk"});
  CHECK_FALSE(json.contains("carrier"));
  const auto keys = read_back("[keys.till-3]\nrole = \"clerk\"\nsha256 = \"" +
                              json.at("sha256").get<std::string>() + "\"\n");
  access::AccessKeys all;
  all.configure(keys);
  CHECK(all.check(json.at("key").get<std::string>()).index() == 0);
}

TEST_CASE("A key without a name, or with roles that there are not, is wrong usage") {
  const auto errors = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"keys", "new"});
    const Ended ended = run(arguments);
    CHECK(ended.status == 2);
    CHECK(ended.output.empty());
    return ended.errors;
  };
  CHECK_THAT(errors({"--role", "clerk"}), ContainsSubstring("name"));
  CHECK_THAT(errors({"till-3"}), ContainsSubstring("--role"));
  CHECK_THAT(errors({"till_3", "--role", "clerk"}), ContainsSubstring("letters, digits"));
  CHECK_THAT(errors({"till-3", "--role", "admin"}), ContainsSubstring("there is no role 'admin'"));
  CHECK_THAT(errors({"till-3", "--role", "carrier"}), ContainsSubstring("carrier: is missing"));
  CHECK_THAT(errors({"till-3", "--role", "carrier", "--carrier", "C\tJ"}),
             ContainsSubstring("carrier: must not have"));
  CHECK_THAT(errors({"till-3", "--role", "clerk", "--carrier", "CJ"}),
             ContainsSubstring("only the role carrier"));
}

TEST_CASE("A file of access keys that will not do is refused with its name, without the key") {
  const std::string key = access::new_access_key("a");
  const std::string digest(64, 'a');
  CHECK(read_back("").empty());
  CHECK(read_back("# none yet\n").empty());
  const auto keys = read_back("[keys.a]  # the till\nrole = 'clerk'\nsha256 = '" + digest +
                              "'\nrequests_per_second = 2.5\n\n[keys.b]\nroles = [\"buyer\", "
                              "\"seller\"]\nsha256 = \"" +
                              std::string(64, 'b') + "\"\n");
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].rate == access::Rate{2.5, 2});
  CHECK(keys[1].roles == Roles{Role::buyer, Role::seller});

  for (const std::string& wrong :
       {"[keys.a]\nrole = \"clerk\"\nsha256 = \"" + key + "\"\n", key + "\n",
        "key = \"" + key + "\"\n", "[keys.a]\n" + key + "\n", "[keys." + key + "]\n",
        "[keys." + key + "]\nrole = \"clerk\"\nsha256 = \"" + digest + "\"\n"}) {
    const std::string why = refused(wrong);
    CAPTURE(wrong, why);
    CHECK_THAT(why, ContainsSubstring("keys.toml: ") && !ContainsSubstring(key.substr(6)));
  }
  CHECK_THAT(refused("[keys.a]\nrole = \"clerk\"\nsha256 = \"" + key + "\"\n"),
             ContainsSubstring("[keys.a] sha256: this is a key itself"));
  CHECK_THAT(refused("[webhooks.a]\nurl = \"x\"\n"), ContainsSubstring("[keys.till-3]"));
  CHECK_THAT(refused("[keys]\nrole = \"clerk\"\n"), ContainsSubstring("[keys.till-3]"));
  CHECK_THAT(refused("[keys.a]\nrole = \"clerk\"\nsha256 = \"" + digest +
                     "\"\n[keys.b]\nrole = " + "\"clerk\"\nsha256 = \"" + digest + "\"\n"),
             ContainsSubstring("[keys.b] sha256: is that of [keys.a], too"));
  CHECK_THROWS_MATCHES(cli::read_access_keys("/nonexistent/keys.toml"), CLI::ParseError,
                       MessageMatches(ContainsSubstring("/nonexistent/keys.toml")));
}

TEST_CASE("Whoever else may write to the files that say who is let in is warned of") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "keys.toml";
  write_text(file, "");
  const auto warnings = [&](::mode_t mode) {
    ::chmod(file.c_str(), mode);
    const LogLines log;
    CHECK(cli::read_access_keys(file).empty());
    return std::pair(log.count("can be written by others"), log.count("tells everybody"));
  };
  CHECK(warnings(0600) == std::pair<std::ptrdiff_t, std::ptrdiff_t>(0, 0));
  CHECK(warnings(0640) == std::pair<std::ptrdiff_t, std::ptrdiff_t>(0, 0));
  CHECK(warnings(0660) == std::pair<std::ptrdiff_t, std::ptrdiff_t>(1, 0));
  CHECK(warnings(0602) == std::pair<std::ptrdiff_t, std::ptrdiff_t>(1, 0));
  CHECK(warnings(0604) == std::pair<std::ptrdiff_t, std::ptrdiff_t>(0, 1));

  const auto warnings_of_config = [&](::mode_t mode) {
    ::chmod(file.c_str(), mode);
    const LogLines log;
    CHECK(cli::read_config_file(file).issuers.empty());
    return log.count("can be written by others");
  };
  CHECK(warnings_of_config(0644) == 0);
  CHECK(warnings_of_config(0664) == 1);
  CHECK(warnings_of_config(0602) == 1);
}

TEST_CASE("Tools show a shop the access key that is in a file or in the environment") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "key";
  write_text(file, "jbk_ops_fromfile\n");
  ::chmod(file.c_str(), 0600);
  using Shown = std::set<std::string>;

  const ClosedShop shop;
  const Ended told = run({"status", "--port-base", shop.port(), "--credential-file", file});
  CHECK(told.status == 1);
  CHECK_THAT(told.errors, ContainsSubstring("answered 401. Give an access key"));
  CHECK(shop.shown() == Shown{"Bearer jbk_ops_fromfile"});

  const ClosedShop second;
  const std::vector<std::string> webhooks{"webhooks", "list", "--port-base", second.port()};
  CHECK_THAT(run_with(webhooks, {"JANGBU_CREDENTIAL=jbk_ops_fromenv"}).errors,
             ContainsSubstring("answered 401. Give an access key"));
  CHECK(second.shown() == Shown{"Bearer jbk_ops_fromenv"});
  run_with(webhooks, {"JANGBU_CREDENTIAL=x", "JANGBU_CREDENTIAL_FILE=" + file.string()});
  CHECK(second.shown() == Shown{"Bearer jbk_ops_fromenv", "Bearer jbk_ops_fromfile"});

  const ClosedShop third(403);
  CHECK_THAT(run({"load", "--port-base", third.port(), "--seconds", "1"}).errors,
             ContainsSubstring("answered 403") && ContainsSubstring("does not have the role"));
  CHECK(third.shown() == Shown{"nothing"});
}

TEST_CASE("A credential in a file that others can read is not used") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "key";
  const ClosedShop shop;
  const auto errors = [&] {
    const Ended ended = run({"status", "--port-base", shop.port(), "--credential-file", file});
    CHECK(ended.status == 2);
    CHECK_THAT(ended.errors, ContainsSubstring(file.string()) && !ContainsSubstring("jbk_ops"));
    return ended.errors;
  };
  CHECK_THAT(errors(), ContainsSubstring("cannot be read"));
  write_text(file, "jbk_ops_x");
  for (const ::mode_t mode : {0640, 0604}) {
    ::chmod(file.c_str(), mode);
    CHECK_THAT(errors(), ContainsSubstring("can be read by others: chmod 600 it"));
  }
  ::chmod(file.c_str(), 0600);
  write_text(file, " \n");
  CHECK_THAT(errors(), ContainsSubstring("is empty"));
  write_text(file, std::string(20'000, 'x'));
  CHECK_THAT(errors(), ContainsSubstring("is too long"));
  std::filesystem::remove(file);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK_THAT(errors(), ContainsSubstring("is not a file"));
  CHECK(shop.shown().empty());

  const Ended unfit =
      run_with({"status", "--port-base", shop.port()}, {"JANGBU_CREDENTIAL=jbk_ops two"});
  CHECK(unfit.status == 1);
  CHECK_THAT(unfit.errors, ContainsSubstring("JANGBU_CREDENTIAL") && !ContainsSubstring("jbk_ops"));
  CHECK(shop.shown().empty());
}
