// What every path does beside what it is there for.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <set>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;

namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// A target of the path; of an id that nothing has.
std::string target_of(std::string path) {
  const auto id = path.find("{id}");
  if (id != path.npos) path.replace(id, 4, "0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39");
  return path + (path.ends_with("findByName") ? "?name=x" : "");
}

bool is_stream(const Json& get) {
  return get.at("responses").at("200").at("content").contains("text/event-stream");
}

}  // namespace

TEST_CASE("Every path answers HEAD and OPTIONS, and says what else it takes") {
  Shop shop;
  std::size_t paths = 0;
  for (const Service service : {Service::operations, Service::account, Service::product,
                                Service::purchase, Service::delivery}) {
    HttpClient client = shop.jangbu.client(service);
    const Json document = client.get("/openapi.json").json;
    for (const auto& [path, item] : document.at("paths").items()) {
      ++paths;
      CAPTURE(path);
      const std::string target = target_of(path);
      std::set<std::string> allowed{"OPTIONS"};
      for (const auto& [method, operation] : item.items()) allowed.insert(upper(method));
      std::string other;
      for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
        if (!allowed.contains(method)) other = method;
      if (allowed.contains("GET")) allowed.insert("HEAD");

      Reply reply = client.send("OPTIONS", target, "", {});
      CHECK(reply.status == 204);
      CHECK(reply.header("allow") == joined(allowed));
      reply = client.send(other, target, "", {});
      CHECK(reply.status == 405);
      CHECK(reply.code() == "method-not-allowed");
      CHECK(reply.header("allow") == joined(allowed));

      if (!item.contains("get") || is_stream(item.at("get"))) continue;
      const Reply got = client.get(target);
      const Reply head = client.send("HEAD", target, "", {});
      CHECK(head.status == got.status);
      CHECK(head.body.empty());
      CHECK(head.header("content-type") == got.header("content-type"));
      CHECK(head.header("content-length") != "0");
      CHECK(head.header("etag") == got.header("etag"));
      CHECK(head.has("event-position") == got.has("event-position"));
    }
  }
  CHECK(paths > 30);
}
