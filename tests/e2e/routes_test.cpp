// What every path does beside what it is there for.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <cstdio>
#include <set>

#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"

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
  if (const auto code = path.find("{code}"); code != path.npos) path.replace(code, 6, "not-found");
  const auto id = path.find("{id}");
  if (id != path.npos) path.replace(id, 4, "0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39");
  return path + (path.ends_with("findByName") ? "?name=x" : "");
}

std::string with_query(const std::string& target, const std::string& query) {
  return target + (target.find('?') == std::string::npos ? "?" : "&") + query;
}

bool is_stream(const Json& get) {
  return get.at("responses").at("200").at("content").contains("text/event-stream");
}

}  // namespace

TEST_CASE("Every operation takes the query parameters that its document tells of, each once") {
  Shop shop;
  std::size_t operations = 0, repeated = 0;
  for (const Service service : {Service::operations, Service::account, Service::product,
                                Service::purchase, Service::delivery}) {
    HttpClient client = shop.jangbu.client(service);
    const Json document = client.get("/openapi.json").json;
    for (const auto& [path, item] : document.at("paths").items())
      for (const auto& [method, operation] : item.items()) {
        ++operations;
        CAPTURE(path, method);
        const std::string target = target_of(path);
        Reply reply = client.send(upper(method), with_query(target, "BuyerId=1"), "", {});
        CHECK(reply.status == 422);
        CHECK(reply.code() == "unknown-parameter");
        CHECK(reply.json.at("field") == "BuyerId");
        const Json known = reply.json.at("expected");
        if (method == "get")
          CHECK(client.send("HEAD", with_query(target, "BuyerId=1"), "", {}).status == 422);
        for (const auto& reference : operation.value("parameters", Json::array())) {
          const Json& parameter = document.at(
              Json::json_pointer(reference.at("$ref").template get<std::string>().substr(1)));
          const std::string name = parameter.at("name");
          const bool in_query = parameter.at("in") == "query";
          CHECK(in_query == (std::find(known.begin(), known.end(), name) != known.end()));
          if (!in_query) continue;
          ++repeated;
          const std::string twice = name + "=1&" + name + "=1";
          reply = client.send(upper(method), with_query(target_of(path), twice), "", {});
          CHECK(reply.status == 422);
          CHECK(reply.code() == "invalid-field");
          CHECK(reply.json.at("field") == name);
        }
      }
  }
  CHECK(operations > 50);
  CHECK(repeated > 50);

  // What a client meant by it.
  open_account(shop, "홍길동");
  const Json alice = open_account(shop, "Alice");
  list_product(shop, "한지 노트", 12'900, 10);
  buy(shop, "홍길동", "한지 노트");
  const Reply bought = shop.purchases().post("/purchases", one_line("Alice", "한지 노트"));
  const std::string of_alice = "?buyerId=" + id_of(alice);
  for (const auto& [service, list] : {std::pair(Service::purchase, std::string("/purchases")),
                                      std::pair(Service::delivery, std::string("/deliveries"))}) {
    HttpClient own = shop.jangbu.client(service);
    CAPTURE(list);
    const Reply page = own.get(at(list + of_alice, bought.position()));
    REQUIRE(page.status == 200);
    REQUIRE(page.json.at("items").size() == 1);
    CHECK(page.json.at("items")[0].at("buyer").at("name") == "Alice");
    CHECK(own.get(list + of_alice + "&buyer=Alice").status == 422);
    CHECK(own.get(list + "?buyerId=Alice").status == 422);
  }
}

TEST_CASE("Only who calls a service by its name is answered") {
  Shop shop({"--allow-host", "shop.example,10.1.2.3"});
  const auto asked = [&](int port, const std::string& method, const std::string& host) {
    Client client(port);
    client.send(method + " / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n");
    return client.read_answer(method == "HEAD").status;
  };
  for (int service = 0; service < 5; ++service) {
    const int port = shop.jangbu.port_base() + service;
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
      CHECK(asked(port, method, "evil.example:" + std::to_string(port)) == 421);
    for (const char* ours : {"127.0.0.1", "localhost:1", "[::1]:11000", "Shop.example", "10.1.2.3"})
      CHECK(asked(port, "GET", ours) == 200);
    // What a page of another origin makes a browser send.
    Client client(port);
    client.send(
        "POST /projections/accounts/rebuild HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 0\r\nSec-Fetch-Site: cross-site\r\n\r\n");
    CHECK(client.read_answer().status == 403);
  }
  // A page of ours at another port may.
  const std::string page = "http://127.0.0.1:" + std::to_string(shop.jangbu.port_base());
  CHECK(
      shop.accounts()
          .post("/accounts", account("홍길동"), {{"Origin", page}, {"Sec-Fetch-Site", "same-site"}})
          .status == 201);
  CHECK(shop.accounts().post("/accounts", account("Alice"), {{"Origin", "null"}}).code() ==
        "foreign-origin");
}

TEST_CASE("What a client has already is not sent again, and what changed is") {
  Shop shop;
  HttpClient accounts = shop.accounts(), products = shop.products();
  const Json buyer = open_account(shop, "홍길동");
  const Reply listed = products.post("/products", product("한지 노트", 12'900, 10));
  const Json bought = buy(shop, "홍길동", "한지 노트");
  const std::uint64_t position = listed.position() + 1;
  const auto known = [&](HttpClient client, const std::string& path, bool waits = true) {
    CAPTURE(path);
    const Reply first = client.get(waits ? at(path, position) : path);
    REQUIRE(first.status == 200);
    const std::string tag = first.header("etag");
    for (const std::string& list : {tag, "W/" + tag, "\"x\", " + tag, std::string("*")}) {
      const Reply again = client.get(path, {{"If-None-Match", list}});
      CHECK(again.status == 304);
      CHECK(again.body.empty());
      CHECK(again.header("etag") == tag);
      CHECK(again.has("date"));
      CHECK(again.has("event-position") == first.has("event-position"));
      CHECK(client.send("HEAD", path, "", {{"If-None-Match", list}}).status == 304);
    }
    for (const char* other : {"\"x\"", "W/\"\"", "nonsense"})
      CHECK(client.get(path, {{"If-None-Match", other}}).status == 200);
    return tag;
  };
  known(shop.accounts(), "/accounts/" + id_of(buyer));
  known(shop.accounts(), "/accounts/search/findByName?name=%ED%99%8D%EA%B8%B8%EB%8F%99");
  known(shop.accounts(), "/accounts/" + id_of(buyer) + "?asOf=" + std::to_string(log_end(shop)),
        false);
  known(shop.purchases(), "/purchases/" + id_of(bought));
  known(shop.deliveries(), "/deliveries/" + id_of(bought));
  known(shop.accounts(), "/openapi.json", false);
  const std::string one = "/products/" + id_of(listed.json);
  const std::string tag = known(shop.products(), one);
  CHECK(tag != listed.header("etag"));  // the stock is another one, though the version is not
  buy(shop, "홍길동", "한지 노트");
  const Reply now = products.get(at(one, position + 1), {{"If-None-Match", tag}});
  CHECK(now.status == 200);
  CHECK(now.json.at("stock") == 8);

  // On what is closed, too: a version that is not its own is refused before anything else is.
  const auto version = [&](const std::string& of) {
    return HttpClient::Fields{{"If-Match", "\"" + of + "\""}};
  };
  const std::string delivery = "/deliveries/" + id_of(bought);
  record_scan(shop, id_of(bought), "delivered", "2026-03-03T14:10:00Z");
  const Reply received = shop.deliveries().post(delivery + "/receipt", Json::object());
  REQUIRE(received.status == 200);
  const std::string last = received.json.at("version");
  const auto receive = [&](const HttpClient::Fields& fields) {
    return shop.deliveries().post(delivery + "/receipt", Json::object(), fields).status;
  };
  CHECK(receive(version("1.0")) == 412);
  CHECK(receive({{"If-Match", "W/\"" + last + "\""}}) == 412);
  CHECK(receive(version(last)) == 200);
  CHECK(receive({{"If-Match", "*"}}) == 200);
  const std::string cancellation = "/purchases/" + id_of(bought) + "/cancellation";
  const Reply purchase =
      shop.purchases().get(at("/purchases/" + id_of(bought), received.position()));
  CHECK(shop.purchases().post(cancellation, Json::object(), version("1.0")).status == 412);
  CHECK(shop.purchases()
            .post(cancellation, Json::object(), {{"If-Match", purchase.header("etag")}})
            .code() == "purchase-closed");
  const Reply gone = accounts.delete_("/accounts/" + id_of(buyer));
  REQUIRE(gone.status == 200);
  const auto close_again = [&](const std::string& of) {
    return accounts.delete_("/accounts/" + id_of(buyer), {{"If-Match", of}}).status;
  };
  CHECK(close_again('"' + buyer.at("version").get<std::string>() + '"') == 412);
  CHECK(close_again(gone.header("etag")) == 200);
}

TEST_CASE("Bodies come as HTTP clients send them") {
  Shop shop;
  Client client(shop.jangbu.port(Service::account));
  const std::string head = "POST /accounts HTTP/1.1\r\nHost: localhost\r\n";
  const std::string json = "Content-Type: application/json\r\n";
  const auto chunk = [](const std::string& bytes) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx", bytes.size());
    return std::string(size) + "\r\n" + bytes + "\r\n";
  };
  const std::string body = account("홍길동").dump();
  client.send(head + json + "Transfer-Encoding: chunked\r\n\r\n" + chunk(body.substr(0, 17)) +
              chunk(body.substr(17)) + "0\r\n\r\n");
  CHECK(client.read_answer().status == 201);
  client.send(
      "POST /accounts:import HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n" +
      chunk(account("Alice").dump()) + chunk("\n" + account("Bob").dump()) + "0\r\n\r\n");
  const Answer rows = client.read_answer();
  CHECK(rows.status == 200);
  CHECK(rows.headers.contains("date"));
  CHECK(std::count(rows.body.begin(), rows.body.end(), '\n') == 2);

  client.send(head + json + "\r\n");
  CHECK(client.read_answer().status == 411);
  client.send(head + json + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n");
  const Answer encoded = client.read_answer();
  CHECK(encoded.status == 415);
  CHECK(encoded.headers.at("accept-encoding") == "identity");
}

TEST_CASE("The type of a problem leads to what it means, at every service") {
  Shop shop;
  for (const Service service : {Service::operations, Service::account, Service::product,
                                Service::purchase, Service::delivery}) {
    HttpClient client = shop.jangbu.client(service);
    const Reply problem = client.get("/?nonsense");
    REQUIRE(problem.code() == "unknown-parameter");
    const std::string type = problem.json.at("type");
    Reply reply = client.get(type);
    CHECK(reply.status == 200);
    CHECK(reply.json.at("type") == type);
    CHECK(reply.json.at("status") == problem.status);
    CHECK(reply.json.at("title") == problem.json.at("title"));
    CHECK(client.get(type, {{"If-None-Match", reply.header("etag")}}).status == 304);
    reply = client.get(type, {{"Accept", "text/html,application/xhtml+xml"}});
    CHECK(reply.header("content-type") == "text/html; charset=utf-8");
    CHECK(reply.body.find("<code>unknown-parameter</code>") != std::string::npos);
    CHECK(client.get("/problems/nonsense").code() == "not-found");
  }
}

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
      // "me" has the place of an id.
      if (path == "/accounts/me")
        for (const auto& [method, operation] : document.at("paths").at("/accounts/{id}").items())
          allowed.insert(upper(method));
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
