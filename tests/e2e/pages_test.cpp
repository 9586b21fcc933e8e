// What browsers get: Swagger UI, the documents it shows, and CORS.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

// Stands in for the npm package.
void write_package(const std::filesystem::path& folder) {
  for (const char* name : {"swagger-ui.css", "swagger-ui-bundle.js",
                           "swagger-ui-standalone-preset.js", "favicon-32x32.png"})
    std::ofstream(folder / name) << "the bytes of " << name;
}

HttpClient plain(const Shop& shop, Service service) {
  return HttpClient(shop.jangbu.port(service));
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
        {"favicon-32x32.png", "image/png"}};
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

TEST_CASE("Unless said, no page of another origin may use a service") {
  Shop shop;
  const Reply reply =
      plain(shop, Service::account).get("/accounts", {{"Origin", "http://127.0.0.1:11001"}});
  CHECK(reply.status == 200);
  CHECK_FALSE(reply.has("access-control-allow-origin"));
  CHECK_FALSE(reply.has("vary"));
}
