// Who is let in, and to what: access control by access keys. Tokens have tests of their own
// (tests/access), ownership is in ownership_test.cpp.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <csignal>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/support/access_keys.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/files.hpp"

using namespace jangbu::test;

namespace {

// Who may use each operation. The table in api/access/policy.cpp says it too; here it is as it was
// decided, and each of the two finds a slip in the other.
const std::map<std::string, std::string> roles_of{
    {"getIndex", "everybody"},
    {"getOpenApi", "everybody"},
    {"getProblem", "everybody"},
    {"getLiveness", "everybody"},
    {"getReadiness", "everybody"},
    {"getAsyncApi", "everybody"},
    {"getSchema", "everybody"},

    {"openAccount", "buyer clerk"},
    {"importAccounts", "clerk"},
    {"getOwnAccount", "buyer"},
    {"listAccounts", "buyer clerk auditor"},
    {"findAccountByName", "buyer clerk auditor"},
    {"findAccountsByNameStartingWith", "clerk auditor"},
    {"getAccount", "buyer clerk auditor"},
    {"getAccountHistory", "buyer clerk auditor"},
    {"changeAccountDetails", "buyer clerk"},
    {"changeAddress", "buyer clerk"},
    {"closeAccount", "buyer clerk"},

    {"listProduct", "seller clerk"},
    {"importProducts", "seller clerk"},
    {"listProducts", "buyer seller clerk auditor"},
    {"findProductByName", "buyer seller clerk auditor"},
    {"findProductsByNameStartingWith", "buyer seller clerk auditor"},
    {"getProduct", "buyer seller clerk auditor"},
    {"getProductHistory", "buyer seller clerk auditor"},
    {"changePrice", "seller clerk"},
    {"changeStock", "seller clerk"},
    {"withdrawProduct", "seller clerk"},

    {"requestQuote", "buyer clerk"},
    {"purchase", "buyer clerk"},
    {"listPurchases", "buyer clerk auditor"},
    {"getPurchase", "buyer clerk auditor"},
    {"getPurchaseHistory", "buyer clerk auditor"},
    {"cancelPurchase", "buyer clerk"},

    {"listDeliveries", "buyer carrier clerk auditor"},
    {"getDelivery", "buyer carrier clerk auditor"},
    {"getDeliveryHistory", "buyer clerk auditor"},
    {"recordScan", "seller carrier clerk"},
    {"confirmReceipt", "buyer clerk"},
    {"streamDeliveries", "buyer clerk auditor"},
    {"streamDelivery", "buyer clerk auditor"},

    {"getAsker", "buyer seller carrier clerk auditor operator"},
    {"getMetrics", "auditor operator"},
    {"listEvents", "auditor"},
    {"streamEvents", "auditor"},
    {"listProjections", "auditor operator"},
    {"rebuildProjection", "operator"},
    {"getRebuild", "auditor operator"},
    {"listParked", "auditor operator"},
    {"listWebhooks", "auditor operator"},
    {"getWebhook", "auditor operator"},
    {"pauseWebhook", "operator"},
    {"resumeWebhook", "operator"},
    {"replayWebhook", "operator"},
    {"testWebhook", "operator"},
    {"handOverWriter", "operator"},
    {"startLoad", "operator"},
    {"getLoad", "auditor operator"},
    {"stopLoad", "operator"},
};

const std::vector<std::string> all_roles{"buyer", "seller",  "carrier",
                                         "clerk", "auditor", "operator"};

std::set<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// A target of the path. No operation has this parameter, so whoever is let in gets no further.
std::string harmless_target(std::string path) {
  for (auto open = path.find('{'); open != path.npos; open = path.find('{'))
    path.replace(open, path.find('}') - open + 1, "0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39");
  return path + "?NoSuchParameter=1";
}

struct SecureShop {
  explicit SecureShop(std::vector<std::string> flags = {})
      : shop(with_keys(std::move(flags), keys.path())) {}

  Reply ask(Service service, const std::string& method, const std::string& target,
            const HttpClient::Fields& fields, const std::string& body = {}) {
    return shop.jangbu.client(service).send(method, target, body, fields);
  }

  static std::vector<std::string> with_keys(std::vector<std::string> flags,
                                            const std::string& file) {
    flags.insert(flags.end(), {"--access-keys", file});
    return flags;
  }

  TemporaryFolder folder;
  KeyFile keys = one_of_each_role(folder.path() / "keys.toml");
  Shop shop;
};

constexpr Service services[]{Service::operations, Service::account, Service::product,
                             Service::purchase, Service::delivery};

}  // namespace

TEST_CASE("Every route lets in the roles that it is for, and nobody else") {
  SecureShop secure;
  std::set<std::string> asked;
  for (const Service service : services) {
    HttpClient client = secure.shop.jangbu.client(service);
    const Json document = client.get("/openapi.json").json;
    for (const auto& [path, item] : document.at("paths").items())
      for (const auto& [method, operation] : item.items()) {
        const auto id = operation.at("operationId").get<std::string>();
        CAPTURE(id);
        REQUIRE(roles_of.contains(id));
        asked.insert(id);
        const std::set<std::string> roles = words_of(roles_of.at(id));
        const bool for_everybody = roles.contains("everybody");
        const std::string target = harmless_target(path);

        // The document says so, too.
        const auto told = operation.value("x-roles", std::set<std::string>());
        CHECK(told == (for_everybody ? std::set<std::string>() : roles));
        CHECK(operation.at("security").empty() == for_everybody);

        const Reply nobody = client.send(upper(method), target, "", {});
        CHECK(nobody.status == (for_everybody ? 422 : 401));
        if (!for_everybody) {
          CHECK(nobody.code() == "unauthorized");
          CHECK(nobody.header("www-authenticate") == "Bearer realm=\"jangbu\"");
        }
        for (const std::string& role : all_roles) {
          CAPTURE(role);
          const Reply reply = client.send(upper(method), target, "", secure.keys.fields(role));
          if (for_everybody || roles.contains(role)) {
            CHECK(reply.code() == "unknown-parameter");
          } else {
            CHECK(reply.code() == "forbidden");
            CHECK(reply.json.at("roles").get<std::set<std::string>>() == roles);
          }
        }
      }
  }
  CHECK(asked.size() == roles_of.size());
}

TEST_CASE("A credential that is not good opens nothing") {
  SecureShop secure;
  const std::string good = secure.keys.key("clerk");
  const auto with = [&](const std::string& authorization) {
    return secure.ask(Service::account, "GET", "/accounts", {{"Authorization", authorization}});
  };
  CHECK(with("Bearer " + good).status == 200);
  CHECK(with("bearer  " + good).status == 200);

  const auto refused = [&](const std::string& authorization) {
    CAPTURE(authorization);
    const Reply reply = with(authorization);
    CHECK(reply.status == 401);
    CHECK(reply.code() == "unauthorized");
    CHECK(reply.header("www-authenticate").starts_with("Bearer realm=\"jangbu\""));
    CHECK(reply.body.find(good.substr(8)) == std::string::npos);  // never repeated
    return reply;
  };
  std::string other = good;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  CHECK(refused("Bearer " + other).header("www-authenticate").find("invalid_token") !=
        std::string::npos);
  refused("Bearer " + good + "A");
  refused("Bearer " + good.substr(0, good.size() - 1));
  refused("Bearer jbk_nobody_" + good.substr(good.size() - 43));
  refused("Bearer " + good + " " + good);
  refused("Bearer ");
  refused("Basic Y2xlcms6Y2xlcms=");
  refused(good);
  refused("Bearer eyJhbGciOiJub25lIn0.e30.");
  const Reply twice =
      secure.ask(Service::account, "GET", "/accounts",
                 {{"Authorization", "Bearer " + good}, {"Authorization", "Bearer " + good}});
  CHECK(twice.status == 401);

  // Not in the query either.
  const Reply in_query = secure.ask(Service::account, "GET", "/accounts?access_token=" + good, {});
  CHECK(in_query.status == 401);
  CHECK(secure.shop.jangbu.log_text().find(good.substr(8)) == std::string::npos);
}

TEST_CASE("A key that is taken back opens nothing from the next SIGHUP on, and ends its streams") {
  SecureShop secure({"--heartbeat-ms", "100"});
  const auto fields = secure.keys.fields("auditor");
  const auto status = [&] {
    return secure.ask(Service::account, "GET", "/accounts", fields).status;
  };
  CHECK(status() == 200);
  const std::string field = "Authorization: Bearer " + secure.keys.key("auditor") + "\r\n";
  EventStream stream(secure.shop.jangbu.port(Service::operations), "/events/stream", {}, field);
  CHECK(stream.status() == 200);
  stream.await_heartbeat();
  secure.keys.remove("auditor");
  secure.shop.jangbu.signal(SIGHUP);
  wait_until("the key to be gone", [&] { return status() == 401; });
  CHECK_FALSE(stream.next());
  CHECK(stream.clean_end());

  // What cannot be read changes nothing.
  write_text(secure.keys.path(), "[keys.clerk]\nrole = \"king\"\n");
  secure.shop.jangbu.signal(SIGHUP);
  wait_until("the refusal in the log", [&] {
    return secure.shop.jangbu.log_text().find("the access keys stay as they were") !=
           std::string::npos;
  });
  CHECK(secure.ask(Service::account, "GET", "/accounts", secure.keys.fields("clerk")).status ==
        200);
}

TEST_CASE("No core file of a shop with access control could hold credentials") {
  const SecureShop secure;
  const std::string limits =
      read_text("/proc/" + std::to_string(secure.shop.jangbu.pid()) + "/limits");
  CAPTURE(limits);
  const std::size_t line = limits.find("Max core file size");
  REQUIRE(line != std::string::npos);
  std::istringstream words(limits.substr(line + std::string_view("Max core file size").size()));
  std::string soft, hard;
  words >> soft >> hard;
  CHECK(soft == hard);
  // Wherever the kernel is told to put it; but 0 where this machine allows no more.
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_CORE, &own) == 0);
  CHECK((hard == "1" || (hard == "0" && own.rlim_max == 0)));
}

TEST_CASE("Who asks for more than their share is told when there is room again") {
  SecureShop secure({"--requests-per-second", "0.01", "--request-burst", "2"});
  const auto status = [&](const char* who) {
    return secure.ask(Service::account, "GET", "/accounts", secure.keys.fields(who));
  };
  CHECK(status("clerk").status == 200);
  CHECK(status("clerk").status == 200);
  const Reply refused = status("clerk");
  CHECK(refused.status == 429);
  CHECK(refused.code() == "too-many-requests");
  CHECK(std::stoi(refused.header("retry-after")) > 0);
  CHECK(refused.header("ratelimit").find("r=0") != std::string::npos);
  CHECK(refused.header("ratelimit-policy").find("q=2") != std::string::npos);
  CHECK(status("auditor").status == 200);  // has a share of its own
  CHECK(secure.ask(Service::operations, "GET", "/health/ready", {}).status == 200);
}

TEST_CASE("Those who were turned away are in the metrics and in the access log, without secrets") {
  TemporaryFolder folder;
  const std::string file = (folder.path() / "access.log").string();
  SecureShop secure({"--access-log", file});
  secure.ask(Service::account, "GET", "/accounts", {});
  secure.ask(Service::account, "GET", "/accounts", {{"Authorization", "Bearer jbk_x_y"}});
  secure.ask(Service::account, "GET", "/accounts", secure.keys.fields("carrier"));
  secure.ask(Service::account, "GET", "/accounts", secure.keys.fields("clerk"));
  const std::string metrics =
      secure.ask(Service::operations, "GET", "/metrics", secure.keys.fields("operator")).body;
  for (const char* why : {"no-credential", "bad-credential", "wrong-role"})
    CHECK(metrics.find("jangbu_access_refused_total{why=\"" + std::string(why) + "\"} 1\n") !=
          std::string::npos);

  std::map<int, Json> lines;  // by status, of /accounts
  wait_until("the lines", [&] {
    std::istringstream text(read_text(file));
    for (std::string line; std::getline(text, line);) {
      const Json json = Json::parse(line, nullptr, false);
      if (json.is_object() && json.at("route") == "/accounts") lines[json.at("status")] = json;
    }
    return lines.contains(200);
  });
  CHECK(lines.at(403).at("asker") == "key:carrier");
  CHECK(lines.at(403).at("denied") == "wrong-role");
  CHECK(lines.at(200).at("asker") == "key:clerk");
  CHECK_FALSE(lines.at(200).contains("denied"));
  CHECK_FALSE(lines.at(401).contains("asker"));
  CHECK(lines.at(401).contains("denied"));
  for (const std::string& role : all_roles) {
    CHECK(read_text(file).find(secure.keys.key(role)) == std::string::npos);
    CHECK(metrics.find(secure.keys.key(role)) == std::string::npos);
    CHECK(secure.shop.jangbu.log_text().find(secure.keys.key(role)) == std::string::npos);
  }
}
