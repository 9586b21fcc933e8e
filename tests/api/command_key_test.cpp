// When two requests with one idempotency key are the same.
#include "api/requests/command_key.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/requests/body.hpp"

using namespace jangbu;
using http::Method;

namespace {

struct Sent {
  Method method = Method::post;
  std::vector<std::string> segments{"accounts"};
  std::string body = R"({"name":"홍길동","count":2})";
  std::vector<std::string> keys{"k"};
};

http::Request request_of(const Sent& sent) {
  http::Request request;
  request.method = sent.method;
  request.segments = sent.segments;
  for (const std::string& segment : sent.segments) request.target += "/" + segment;
  request.body = sent.body;
  for (const std::string& key : sent.keys) request.headers.add("Idempotency-Key", key);
  return request;
}

KeyedRequest keyed(const Sent& sent, const Principal& asker = *anyone()) {
  return keyed_request(request_of(sent), asker).value();
}

bool same_body(std::string a, std::string b, Method method = Method::post) {
  return keyed({.method = method, .body = std::move(a)}).key ==
         keyed({.method = method, .body = std::move(b)}).key;
}

int status_of(const std::vector<std::string>& keys) {
  try {
    keyed_request(request_of({.keys = keys}), *anyone());
    return 200;
  } catch (const Problem& problem) {
    return problem.type.status;
  }
}

}  // namespace

TEST_CASE("Bodies that mean the same are the same request") {
  CHECK(same_body(
      R"({"name":"홍길동","address":{"line":"a","zipCode":"b"}})",
      "{ \"address\" : {\"zipCode\":\"b\",\t\"line\":\"a\"},\r\n \"name\":\"홍길동\" }\n"));
  CHECK(same_body(R"({"name":"a/é"})", R"({"n\u0061me":"\u0061\/e\u0301"})"));
  CHECK(same_body(R"({"amount":39900,"n":-0})", R"({"amount":39900.0,"n":0})"));
  CHECK(same_body(R"({"amount":39900,"f":0.5})", R"({"f":5e-1,"amount":3.99e4})"));
  CHECK(same_body(R"({"name":"a","email":null})", R"({"name":"a"})"));
  CHECK(same_body(R"({"name":" 홍길동\u3000"})", R"({"name":"홍길동"})"));
  CHECK(same_body(R"({"reason":"a\r\nb"})", R"({"reason":"a\nb"})"));
  CHECK(same_body("", "{}"));
  CHECK(same_body("", "ignored", Method::delete_));
}

TEST_CASE("Bodies that mean something else are another request") {
  CHECK_FALSE(same_body(R"({"name":"a"})", R"({"name":"b"})"));
  CHECK_FALSE(same_body(R"({"name":"a"})", R"({"email":"a"})"));
  CHECK_FALSE(same_body(R"({"amount":39900})", R"({"amount":39901})"));
  CHECK_FALSE(same_body(R"({"amount":9007199254740993})", R"({"amount":9007199254740992})"));
  CHECK_FALSE(same_body(R"({"n":2})", R"({"n":"2"})"));
  CHECK_FALSE(same_body(R"({"lines":[1,2]})", R"({"lines":[2,1]})"));
  CHECK_FALSE(same_body(R"({"a":{"b":1}})", R"({"a":{},"b":1})"));
  CHECK_FALSE(same_body(R"({"a":"\",\"b\":\""})", R"({"a":"","b":""})"));
  // In a merge patch null takes something away.
  CHECK_FALSE(same_body(R"({"email":null})", "{}", Method::patch));
  CHECK(same_body(R"({"email":null,"name":"a"})", R"({"name":"a","email":null})", Method::patch));
}

TEST_CASE("The operation and the target are part of the request") {
  const std::string id = "0199f3a2-7c41-7a30-9d5e-3f0b8c6a1e27";
  const Sent sent{.segments = {"accounts", id}};
  CHECK(keyed(sent).key != keyed({.method = Method::put, .segments = sent.segments}).key);
  CHECK(keyed(sent).key != keyed({.segments = {"products", id}}).key);
  CHECK(keyed(sent).key ==
        keyed({.segments = {"accounts", "0199F3A2-7C41-7A30-9D5E-3F0B8C6A1E27"}}).key);
  // However it came: percent-encoded, with an empty query.
  http::Request request = request_of(sent);
  request.target = "/%61ccounts/" + id + "?";
  CHECK(keyed_request(request, *anyone()).value().key == keyed(sent).key);
}

TEST_CASE("A key in quotation marks is the key") {
  CHECK(keyed({.keys = {"\"k\""}}).key == keyed({.keys = {"k"}}).key);
  CHECK(keyed({.keys = {"\"k"}}).key != keyed({.keys = {"k"}}).key);
  CHECK(keyed({.keys = {"\"k\\\"\""}}).key != keyed({.keys = {"k\\\""}}).key);
  CHECK(status_of({}) == 200);
  CHECK(status_of({"k"}) == 200);
  CHECK(status_of({"k", "k"}) == 400);
  CHECK(status_of({"\"\""}) == 400);
  CHECK(status_of({"\""}) == 200);
  CHECK(status_of({"\"a b\""}) == 400);
  CHECK(status_of({std::string(255, 'k')}) == 200);
  CHECK(status_of({'"' + std::string(255, 'k') + '"'}) == 200);
  CHECK(status_of({std::string(256, 'k')}) == 400);
}

TEST_CASE("How keys were made before is known still") {
  const KeyedRequest made =
      keyed({.segments = {"accounts"}, .body = R"({"b":1, "a":2.0})", .keys = {"\"k\""}});
  // SHA-256 of `"k"`, and of `POST /accounts`, a line feed and the body's bytes.
  CHECK(to_string(made.former.at(0).key) == "37664d58-95f7-8758-ec8e-94e440b30c9a");
  CHECK(to_string(made.former.at(0).request) == "41739b0a-445c-6574-14f8-ad497b4d9114");
  // SHA-256 of `k`, and of `POST /accounts`, a line feed and {"a":2,"b":1}.
  CHECK(to_string(made.key.key) == "8254c329-a928-50f6-d539-dd376f4816ee");
  CHECK(to_string(made.key.request) == "d38ac45d-3c74-8ded-a950-cf32b2ae9c6f");
}

TEST_CASE("A key is that of whoever sends it") {
  const Principal alice{.id = {{1}}, .name = "https://id.example|alice"};
  const Principal bob{.id = {{2}}, .name = "https://id.example|bob"};
  const Sent sent{.segments = {"accounts"}, .body = R"({"a":1})", .keys = {"k"}};
  CHECK(keyed(sent, alice).key.key != keyed(sent, bob).key.key);
  CHECK(keyed(sent, alice).key.key != keyed(sent).key.key);
  CHECK(keyed(sent, alice).key.request == keyed(sent, bob).key.request);
  // SHA-256 of `principal 01000000-0000-0000-0000-000000000000`, a line feed, and `k`.
  CHECK(to_string(keyed(sent, alice).key.key) == "53659409-b6ad-f7c1-5de7-ddb28b9a86da");
  // As it was while access control was off: in both forms of that time.
  const auto& former = keyed(sent, alice).former;
  CHECK(former == std::vector{keyed(sent).former.at(0), keyed(sent).key});
}

TEST_CASE("The rows of an import have keys of their own") {
  const auto keyed_row = [](const std::string& key, std::uint64_t line, std::string_view row) {
    return RowKeys::of(request_of({.segments = {"accounts:import"}, .keys = {key}}), *anyone())
        ->of_row(line, row, Body(row));
  };
  const auto first = keyed_row("k", 1, R"({"a":1,"b":null,"c":2})");
  CHECK(first.key == keyed_row("\"k\"", 1, R"({"c":2.0,"a":1})").key);
  CHECK(first.key.key != keyed_row("k", 2, R"({"a":1,"c":2})").key.key);
  CHECK(first.key.request != keyed_row("k", 1, R"({"a":1,"c":3})").key.request);
  CHECK(first.key.key != keyed({.keys = {"k"}}).key.key);
  CHECK_FALSE(RowKeys::of(request_of({.keys = {}}), *anyone()));
}
