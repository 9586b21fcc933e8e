// What browsers get: the console, Swagger UI, the documents it shows, and CORS.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/e2e/requests.hpp"
#include "tests/support/files.hpp"

using namespace jangbu::test;

namespace {

// Stands in for the npm package.
void write_package(const std::filesystem::path& folder) {
  for (const char* name :
       {"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js",
        "favicon-32x32.png", "oauth2-redirect.html", "oauth2-redirect.js"})
    std::ofstream(folder / name) << "the bytes of " << name;
}

void write_uplot(const std::filesystem::path& folder) {
  std::filesystem::create_directory(folder / "dist");
  for (const char* name : {"dist/uPlot.esm.js", "dist/uPlot.min.css"})
    std::ofstream(folder / name) << "the bytes of " << name;
}

HttpClient plain(const Shop& shop, Service service) {
  return HttpClient(shop.jangbu.port(service));
}

// What a script of the console that is made at start exports, under its own name.
Json exported(const Shop& shop, const std::string& name) {
  const std::string script = plain(shop, Service::operations).get("/console/" + name + ".js").body;
  const std::string begin = "export const " + name + " = ";
  REQUIRE(script.starts_with(begin));
  return Json::parse(script.substr(begin.size(), script.rfind(';') - begin.size()));
}

}  // namespace

TEST_CASE("Swagger UI is served from memory, with headers that keep other scripts out") {
  TemporaryFolder package;
  write_package(package.path());
  Shop shop({"--swagger-ui", package.path()});
  std::filesystem::remove(package.path() / "swagger-ui.css");  // it was read at the start

  for (const Service service : {Service::operations, Service::account, Service::product,
                                Service::purchase, Service::delivery}) {
    HttpClient client = plain(shop, service);
    Reply reply = client.get("/swagger-ui");
    CHECK(reply.status == 308);
    CHECK(reply.header("location") == "/swagger-ui/");

    const std::pair<std::string, std::string> files[] = {
        {"", "text/html; charset=utf-8"},
        {"initializer.js", "text/javascript; charset=utf-8"},
        {"swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
        {"swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"},
        {"swagger-ui.css", "text/css; charset=utf-8"},
        {"favicon-32x32.png", "image/png"},
        {"oauth2-redirect.html", "text/html; charset=utf-8"},
        {"oauth2-redirect.js", "text/javascript; charset=utf-8"}};
    for (const auto& [name, type] : files) {
      CAPTURE(name);
      const std::string target = "/swagger-ui/" + name;
      reply = client.get(target);
      REQUIRE(reply.status == 200);
      CHECK(reply.header("content-type") == type);
      CHECK(reply.header("x-content-type-options") == "nosniff");
      CHECK(reply.header("cache-control") == "no-cache");
      const std::string policy = reply.header("content-security-policy");
      CHECK(policy.starts_with("default-src 'none'; script-src 'self';"));
      CHECK(policy.find("unsafe") == policy.npos);
      const std::string tag = reply.header("etag");
      const Reply again = client.get(target, {{"If-None-Match", tag}});
      CHECK(again.status == 304);
      CHECK(again.header("etag") == tag);
      CHECK(again.body.empty());
      const Reply head = client.send("HEAD", target, "", {});
      CHECK(head.status == 200);
      CHECK(head.header("content-length") == std::to_string(reply.body.size()));
    }
    CHECK(client.get("/swagger-ui/swagger-ui.css").body == "the bytes of swagger-ui.css");
    const std::string page = client.get("/swagger-ui/").body;
    CHECK(page.find("<script>") == page.npos);
    CHECK(client.get("/swagger-ui/..%2Fopenapi.json").status == 404);
    CHECK(client.get("/swagger-ui/absolute-path.js").status == 404);
  }
}

TEST_CASE("Without the package everything else works, and the page says what to do") {
  Shop shop({"--swagger-ui", "/nowhere"});
  HttpClient client = plain(shop, Service::account);
  const Reply page = client.get("/swagger-ui/");
  CHECK(page.status == 404);
  CHECK(page.header("content-type") == "text/html; charset=utf-8");
  CHECK(page.body.find("infra/install") != page.body.npos);
  CHECK(client.get("/swagger-ui").status == 308);
  CHECK(shop.jangbu.log_text().find("there is no Swagger UI") != std::string::npos);
  open_account(shop, "홍길동");
}

TEST_CASE("The document is sent once, and then only confirmed") {
  Shop shop;
  HttpClient client = plain(shop, Service::purchase);
  const Reply document = client.get("/openapi.json");
  REQUIRE(document.status == 200);
  CHECK(document.json.at("openapi") == "3.1.0");
  CHECK(document.json.at("paths").contains("/quotes"));
  CHECK(client.get("/openapi.json", {{"If-None-Match", document.header("etag")}}).status == 304);
}

TEST_CASE("Pages of configured origins may use the services, others may not") {
  const std::string ours = "http://shop.example:8080";
  Shop shop({"--cors-origin", "https://other.example," + ours});
  HttpClient accounts = plain(shop, Service::account);

  Reply reply = accounts.get("/accounts", {{"Origin", ours}});
  CHECK(reply.status == 200);
  CHECK(reply.header("access-control-allow-origin") == ours);
  CHECK(reply.header("access-control-expose-headers").find("Event-Position") != std::string::npos);
  CHECK(reply.header("vary") == "Origin");
  reply = accounts.get("/accounts/nobody", {{"Origin", ours}});
  CHECK(reply.status == 404);
  CHECK(reply.header("access-control-allow-origin") == ours);

  reply = accounts.send("OPTIONS", "/accounts", "",
                        {{"Origin", ours},
                         {"Access-Control-Request-Method", "POST"},
                         {"Access-Control-Request-Headers", "content-type,idempotency-key"}});
  CHECK(reply.status == 204);
  CHECK(reply.header("access-control-allow-origin") == ours);
  CHECK(reply.header("access-control-allow-methods") == "GET, HEAD, OPTIONS, POST");
  CHECK(reply.header("access-control-allow-headers").find("Idempotency-Key") != std::string::npos);

  for (const std::string origin : {"http://shop.example", "https://shop.example:8080", "null"}) {
    CAPTURE(origin);
    reply = accounts.get("/accounts", {{"Origin", origin}});
    CHECK(reply.status == 200);
    CHECK_FALSE(reply.has("access-control-allow-origin"));
    CHECK(reply.header("vary") == "Origin");
    reply = accounts.send("OPTIONS", "/accounts", "", {{"Origin", origin}});
    CHECK_FALSE(reply.has("access-control-allow-methods"));
  }
}

TEST_CASE("Unless said, only the services' own pages may use them") {
  Shop shop;
  HttpClient accounts = plain(shop, Service::account);
  for (const std::string host : {"http://127.0.0.1:", "http://localhost:"})
    for (const Service service : {Service::operations, Service::account, Service::product,
                                  Service::purchase, Service::delivery}) {
      const std::string origin = host + std::to_string(shop.jangbu.port(service));
      CAPTURE(origin);
      const Reply reply = accounts.get("/accounts", {{"Origin", origin}});
      CHECK(reply.status == 200);
      CHECK(reply.header("access-control-allow-origin") == origin);
      CHECK(reply.header("vary") == "Origin");
    }

  const std::string own_port = ":" + std::to_string(shop.jangbu.port(Service::account));
  const std::string other_port = ":" + std::to_string(shop.jangbu.port_base() + 5);
  for (const std::string& origin :
       {"https://127.0.0.1" + own_port, "http://127.0.0.2" + own_port,
        "http://shop.example" + own_port, "http://127.0.0.1.shop.example" + own_port,
        "http://127.0.0.1" + other_port, std::string("http://127.0.0.1"), std::string("null")}) {
    CAPTURE(origin);
    Reply reply = accounts.get("/accounts", {{"Origin", origin}});
    CHECK(reply.status == 200);
    CHECK_FALSE(reply.has("access-control-allow-origin"));
    CHECK(reply.header("vary") == "Origin");
    reply = accounts.send("OPTIONS", "/accounts", "",
                          {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}});
    CHECK_FALSE(reply.has("access-control-allow-origin"));
    CHECK_FALSE(reply.has("access-control-allow-methods"));
  }
}

TEST_CASE("The console knows the shop's other instances, and their consoles may use this one") {
  Shop shop({"--other-instance", "https://shop-2.example:11000,http://127.0.0.1:12000"});
  const Json services = exported(shop, "services");
  REQUIRE(services.size() == 3);
  CHECK(services.at(0).size() == 10);
  CHECK(services.at(1) == Json::array({
                              {{"name", "operations"}, {"origin", "https://shop-2.example:11000"}},
                              {{"name", "account"}, {"origin", "https://shop-2.example:11001"}},
                              {{"name", "product"}, {"origin", "https://shop-2.example:11002"}},
                              {{"name", "purchase"}, {"origin", "https://shop-2.example:11003"}},
                              {{"name", "delivery"}, {"origin", "https://shop-2.example:11004"}},
                          }));
  const auto policy_of = [&](const std::string& target) {
    return plain(shop, Service::operations)
        .get(target, {{"Accept", "text/html"}})
        .header("content-security-policy");
  };
  for (const std::string target : {"/", "/console/main.js", "/console/stream_hub.js"})
    for (const Json& instance : services)
      for (const Json& service : instance) {
        CAPTURE(target, service.dump());
        CHECK((policy_of(target) + " ").find(" " + std::string(service.at("origin")) + " ") !=
              std::string::npos);
      }
  CHECK(policy_of("/swagger-ui/").find("shop-2.example") == std::string::npos);

  for (const Service service : {Service::operations, Service::account, Service::product,
                                Service::purchase, Service::delivery}) {
    const auto answer = [&](const std::string& origin) {
      return plain(shop, service)
          .send("OPTIONS", "/", "",
                {{"Origin", origin},
                 {"Access-Control-Request-Method", "GET"},
                 {"Access-Control-Request-Headers", "authorization"}});
    };
    for (const std::string origin :
         {"https://shop-2.example:11000", "http://127.0.0.1:12000", "http://localhost:12000"}) {
      CAPTURE(origin);
      const Reply reply = answer(origin);
      CHECK(reply.header("access-control-allow-origin") == origin);
      CHECK(reply.header("access-control-allow-headers").find("Authorization") !=
            std::string::npos);
    }
    for (const std::string origin :
         {"http://shop-2.example:11000", "https://shop-2.example:11003", "https://shop-2.example",
          "http://localhost:12003", "http://127.0.0.2:12000"}) {
      CAPTURE(origin);
      CHECK_FALSE(answer(origin).has("access-control-allow-origin"));
    }
  }
  const auto opened_by = [&](const std::string& origin) {
    return plain(shop, Service::account)
        .send("POST", "/accounts", account("홍길동").dump(),
              {{"Origin", origin}, {"Content-Type", "application/json"}})
        .status;
  };
  CHECK(opened_by("https://shop-2.example:11001") == 403);
  CHECK(opened_by("https://shop-2.example:11000") == 201);
}

TEST_CASE("Where a service is not served, somebody else's page may be") {
  Shop shop({"--services", "account,product"});
  HttpClient accounts = plain(shop, Service::account);
  const auto is_allowed = [&](Service service) {
    const std::string origin = "http://127.0.0.1:" + std::to_string(shop.jangbu.port(service));
    return accounts.get("/accounts", {{"Origin", origin}}).has("access-control-allow-origin");
  };
  CHECK(is_allowed(Service::operations));
  CHECK(is_allowed(Service::product));
  CHECK_FALSE(is_allowed(Service::purchase));
  CHECK_FALSE(is_allowed(Service::delivery));
}

TEST_CASE("Operations has a page for people at its root, and links for programs") {
  TemporaryFolder package;
  write_uplot(package.path());
  Shop shop({"--uplot", package.path()});
  std::filesystem::remove_all(package.path() / "dist");  // it was read at the start
  HttpClient operations = shop.operations();

  Reply reply = operations.get("/");
  CHECK(reply.status == 200);
  CHECK(reply.header("content-type") == "application/json");
  CHECK(reply.json.at("service") == "operations");
  CHECK(reply.header("vary").find("Accept, Accept-Language") != std::string::npos);
  CHECK(operations.get("/", {{"Accept", "application/json, text/html;q=0.5"}}).json.is_object());

  const std::string browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  for (const auto& [target, languages, language] :
       std::vector<std::array<std::string, 3>>{{"/", "ko-KR,ko;q=0.9,en;q=0.8", "ko"},
                                               {"/", "de,en;q=0.9,ko;q=0.8", "en"},
                                               {"/", "de", "en"},
                                               {"/?lang=ko", "en", "ko"},
                                               {"/?lang=en", "ko", "en"},
                                               {"/?lang=xx", "ko", "ko"}}) {
    CAPTURE(target, languages);
    HttpClient::Fields fields{{"Accept", browser}, {"Accept-Language", languages}};
    reply = operations.get(target, fields);
    REQUIRE(reply.status == 200);
    CHECK(reply.header("content-type") == "text/html; charset=utf-8");
    CHECK(reply.header("content-language") == language);
    CHECK(reply.body.find("<html lang=\"" + language + "\">") != std::string::npos);
    CHECK(reply.body.find("{lang}") == std::string::npos);
    CHECK(reply.header("vary").find("Accept, Accept-Language") != std::string::npos);
    CHECK(reply.header("vary").find("Origin") != std::string::npos);
    const std::string policy = reply.header("content-security-policy");
    CHECK(policy.starts_with("default-src 'none'; script-src 'self';"));
    CHECK(policy.find("style-src 'self';") != std::string::npos);
    CHECK(policy.find("unsafe") == std::string::npos);
    CHECK(policy.find("connect-src 'self' http://127.0.0.1:" +
                      std::to_string(shop.jangbu.port_base())) != std::string::npos);
    fields.emplace_back("If-None-Match", reply.header("etag"));
    HttpClient browsing = plain(shop, Service::operations);
    CHECK(browsing.get(target, fields).status == 304);
    // The other language is another page.
    fields[1].second = language == "ko" ? "en" : "ko";
    if (target == "/") CHECK(browsing.get(target, fields).status == 200);
  }
}

TEST_CASE("The console's files are served from memory, and know where the services are") {
  TemporaryFolder package;
  write_uplot(package.path());
  Shop shop({"--uplot", package.path()});
  HttpClient operations = plain(shop, Service::operations);
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, std::string>>{{"main.js", "text/javascript"},
                                                        {"console.css", "text/css"},
                                                        {"services.js", "text/javascript"},
                                                        {"schemas.js", "text/javascript"},
                                                        {"uplot.js", "text/javascript"},
                                                        {"uplot.css", "text/css"}}) {
    CAPTURE(name);
    const Reply reply = operations.get("/console/" + name);
    REQUIRE(reply.status == 200);
    CHECK(reply.header("content-type") == type + "; charset=utf-8");
    CHECK(reply.header("x-content-type-options") == "nosniff");
    CHECK(reply.header("referrer-policy") == "no-referrer");
    CHECK(operations.get("/console/" + name, {{"If-None-Match", reply.header("etag")}}).status ==
          304);
  }
  CHECK(operations.get("/console/uplot.js").body == "the bytes of dist/uPlot.esm.js");
  for (const auto& entry : std::filesystem::directory_iterator(JANGBU_CONSOLE_PAGE)) {
    const std::string name = entry.path().filename();
    CAPTURE(name);
    if (name == "index.html") continue;
    CHECK(operations.get("/console/" + name).body == read_text(entry.path()));
  }
  CHECK(operations.get("/console/index.html").status == 404);
  CHECK(plain(shop, Service::account).get("/console/main.js").status == 404);

  const Json document = plain(shop, Service::purchase).get("/openapi.json").json;
  CHECK(exported(shop, "schemas").at("Quantity") ==
        document.at("components").at("schemas").at("Quantity"));
  CHECK(exported(shop, "access").at("on") == false);
  const Json services = exported(shop, "services");
  REQUIRE(services.size() == 1);       // instance
  CHECK(services.at(0).size() == 10);  // five of them, under two names
  const Json purchase{
      {"name", "purchase"},
      {"origin", "http://127.0.0.1:" + std::to_string(shop.jangbu.port(Service::purchase))}};
  CHECK(std::ranges::find(services.at(0), purchase) != services.at(0).end());
}

TEST_CASE("The pages know where people log in, who then may do what, and talk to nobody else") {
  TemporaryFolder folder;
  const std::filesystem::path configuration = folder.path() / "jangbu.toml";
  write_text(configuration,
             "[issuers.staff]\nurl = \"https://id.example/realms/shop\"\naudience = \"jangbu\"\n"
             "roles = [\"clerk\"]\nlogin_client = \"pages\"\n"
             "[issuers.machines]\nurl = \"https://other.example\"\naudience = \"jangbu\"\n"
             "roles = [\"seller\"]\n");
  Shop shop({"--config", configuration});
  const Json access = exported(shop, "access");
  CHECK(access.at("on") == true);
  CHECK(access.at("logins") == Json::array({{{"name", "staff"},
                                             {"issuer", "https://id.example/realms/shop"},
                                             {"clientId", "pages"},
                                             {"audience", "jangbu"}}}));
  CHECK(access.at("operations").at("changePrice") == Json({"seller", "clerk"}));
  for (const std::string target : {"/", "/console/main.js", "/swagger-ui/"}) {
    CAPTURE(target);
    const Reply reply = plain(shop, Service::operations).get(target, {{"Accept", "text/html"}});
    REQUIRE(reply.status == 200);
    const std::string policy = reply.header("content-security-policy");
    CHECK(policy.ends_with(" https://id.example"));
    CHECK(policy.find("other.example") == policy.npos);
  }
  const std::string initializer =
      plain(shop, Service::delivery).get("/swagger-ui/initializer.js").body;
  CHECK(initializer.find("\"clientId\":\"pages\"") != initializer.npos);
}

TEST_CASE("Without uPlot the console is there all the same") {
  Shop shop({"--uplot", "/nowhere"});
  HttpClient operations = plain(shop, Service::operations);
  CHECK(operations.get("/", {{"Accept", "text/html"}}).status == 200);
  CHECK(operations.get("/console/uplot.js").status == 404);
  CHECK(operations.get("/console/uplot.css").status == 404);
  CHECK(operations.get("/console/main.js").status == 200);
  CHECK(shop.jangbu.log_text().find("the console has no charts") != std::string::npos);
}
