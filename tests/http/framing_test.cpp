#include "api/http/framing.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

using namespace jangbu::http;

namespace {

const Limits limits;

// What read_head says of bytes that come in any way: whole, or a little at a time.
struct Verdict {
  int refused = 0;
  std::optional<Head> head;
};

Verdict read(std::string_view bytes) {
  auto read = read_head(bytes, limits);
  if (const auto* refusal = std::get_if<Refusal>(&read)) return {refusal->type.status, {}};
  if (auto* head = std::get_if<Head>(&read)) return {0, std::move(*head)};
  return {};
}

Verdict read_bytewise(std::string_view bytes) {
  for (std::size_t size = 1; size < bytes.size(); ++size)
    if (Verdict verdict = read(bytes.substr(0, size)); verdict.refused || verdict.head)
      return verdict;
  return read(bytes);
}

int refusal_of(const std::string& bytes) {
  INFO(bytes.substr(0, 200));
  const Verdict whole = read(bytes);
  const Verdict bytewise = read_bytewise(bytes);
  REQUIRE(whole.refused != 0);
  // A byte at a time another rule may be the first to see it; it is refused all the same.
  REQUIRE(bytewise.refused != 0);
  return whole.refused;
}

Head head_of(const std::string& bytes) {
  INFO(bytes);
  const Verdict whole = read(bytes);
  REQUIRE(whole.head);
  const Verdict bytewise = read_bytewise(bytes);
  REQUIRE(bytewise.head);
  REQUIRE(bytewise.head->size == whole.head->size);
  REQUIRE(bytewise.head->target == whole.head->target);
  return *whole.head;
}

std::string with(std::string_view fields) {
  return "POST /a HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

}  // namespace

TEST_CASE("a head is read up to its empty line") {
  const std::string bytes =
      "POST /accounts?limit=2 HTTP/1.1\r\nHost: localhost:11001\r\n"
      "Content-Length: 5\r\nIdempotency-Key:  k 1 \r\nCookie: foo\r\n\r\n";
  const Head head = head_of(bytes + "hello");
  CHECK(head.method == Method::post);
  CHECK(head.target == "/accounts?limit=2");
  CHECK(head.size == bytes.size());
  CHECK(head.body_size == 5);
  CHECK(head.keep_alive);
  CHECK(head.headers.size() == 4);
  CHECK(head.headers.find("idempotency-key") == "k 1");
  CHECK(head.headers.find("COOKIE") == "foo");
  CHECK_FALSE(head.headers.find("accept"));
}

TEST_CASE("an incomplete head is waited for") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Verdict verdict = read(bytes.substr(0, size));
    CHECK(verdict.refused == 0);
    CHECK_FALSE(verdict.head);
  }
}

TEST_CASE("forms of the target") {
  CHECK(head_of("GET http://localhost:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n").target == "/a?b");
  CHECK(head_of("GET HTTP://localhost HTTP/1.1\r\nHost: h\r\n\r\n").target == "/");
  CHECK(head_of("GET http://localhost?b HTTP/1.1\r\nHost: h\r\n\r\n").target == "/?b");
  CHECK(head_of("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").target == "*");
  CHECK(head_of("GET /?name=홍길동 HTTP/1.1\r\nHost: h\r\n\r\n").target == "/?name=홍길동");
  CHECK(refusal_of("GET * HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET a HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n") == 501);
}

TEST_CASE("when the connection stays open") {
  const auto keep_alive = [](std::string_view version, std::string_view fields) {
    return head_of("GET / HTTP/" + std::string(version) + "\r\nHost: h\r\n" + std::string(fields) +
                   "\r\n")
        .keep_alive;
  };
  CHECK(keep_alive("1.1", ""));
  CHECK_FALSE(keep_alive("1.1", "Connection: close\r\n"));
  CHECK_FALSE(keep_alive("1.1", "Connection: TE, Close\r\n"));
  CHECK_FALSE(keep_alive("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
  CHECK_FALSE(keep_alive("1.0", ""));
  CHECK(keep_alive("1.0", "Connection: Keep-Alive\r\n"));
  CHECK(head_of("GET / HTTP/1.0\r\n\r\n").http_1_0);
}

TEST_CASE("what could be read in two ways is refused") {
  CHECK(refusal_of(with("Content-Length: abc\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length: -1\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length: +1\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length: 1,1\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length: 0x5\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length:\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length: 1\r\nContent-Length: 1\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length : 1\r\n")) == 400);
  CHECK(refusal_of(with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(refusal_of(with("Transfer-Encoding: chunked\r\n")) == 411);
  CHECK(refusal_of(with("Transfer-Encoding: gzip\r\n")) == 411);
  CHECK(refusal_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
  CHECK(refusal_of(with("A: b\r\n folded\r\n")) == 400);
  CHECK(refusal_of(with(" A: b\r\n")) == 400);
  CHECK(refusal_of(with("A\r\n")) == 400);
  CHECK(refusal_of(with(": b\r\n")) == 400);
  CHECK(refusal_of(with("A: b\rc\r\n")) == 400);
  CHECK(refusal_of(with(std::string("A: b\0c\r\n", 8))) == 400);
  CHECK(refusal_of("GET / HTTP/1.1\nHost: h\n\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: h\r\n\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
  CHECK(refusal_of("GET  / HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET /\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("\x16\x03\x01 a TLS client\r\n\r\n") == 400);
  CHECK(refusal_of("\r\n\r\n\r\n") == 400);
}

TEST_CASE("what is not spoken here is refused") {
  CHECK(refusal_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
  CHECK(refusal_of("GET / HTTP/1.2\r\nHost: h\r\n\r\n") == 505);
  CHECK(refusal_of("GET / HTTP/11\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n") == 501);
  CHECK(refusal_of("get / HTTP/1.1\r\nHost: h\r\n\r\n") == 501);
  CHECK(refusal_of(with("Expect: a-miracle\r\n")) == 417);
  CHECK(head_of(with("Expect: 100-Continue\r\n")).expects_100);
}

TEST_CASE("limits are exact") {
  const auto target_of = [](std::size_t size) {
    return "GET /" + std::string(size - 1, '/') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  };
  CHECK(head_of(target_of(limits.target_bytes)).target.size() == limits.target_bytes);
  CHECK(refusal_of(target_of(limits.target_bytes + 1)) == 414);
  CHECK(refusal_of(target_of(18'000)) == 414);

  const auto body_of = [](std::size_t size) {
    return with("Content-Length: " + std::to_string(size) + "\r\n");
  };
  CHECK(head_of(body_of(limits.streamed_body_bytes)).body_size == limits.streamed_body_bytes);
  CHECK(refusal_of(body_of(limits.streamed_body_bytes + 1)) == 413);
  CHECK(refusal_of(with("Content-Length: 99999999999999999999999999\r\n")) == 413);
  CHECK(head_of(with("Content-Length: 0005\r\n")).body_size == 5);

  const auto fields_of = [](std::size_t count) {
    std::string fields;
    for (std::size_t i = 1; i < count; ++i) fields += "A: b\r\n";  // Host is one, too
    return with(fields);
  };
  CHECK(head_of(fields_of(limits.header_count)).headers.size() == limits.header_count);
  CHECK(refusal_of(fields_of(limits.header_count + 1)) == 431);

  const auto head_of_size = [](std::size_t size) {
    return with("A: " + std::string(size - with("A: \r\n").size(), 'a') + "\r\n");
  };
  CHECK(head_of(head_of_size(limits.head_bytes)).size == limits.head_bytes);
  CHECK(refusal_of(head_of_size(limits.head_bytes + 1)) == 431);
}

TEST_CASE("one empty line before a request is forgiven") {
  CHECK(head_of("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").size == 29);
}
