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
  CHECK(head_of("GET http://localhost:1/a HTTP/1.1\r\nHost: h\r\n\r\n").authority == "localhost:1");
  CHECK(head_of("GET HTTP://localhost HTTP/1.1\r\nHost: h\r\n\r\n").target == "/");
  CHECK(head_of("GET HTTPS://localhost:1/a HTTP/1.1\r\nHost: h\r\n\r\n").authority ==
        "localhost:1");
  CHECK(head_of("GET http://localhost?b HTTP/1.1\r\nHost: h\r\n\r\n").target == "/?b");
  CHECK(head_of("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").target == "*");
  CHECK(head_of("GET /?name=홍길동 HTTP/1.1\r\nHost: h\r\n\r\n").target == "/?name=홍길동");
  CHECK(refusal_of("GET * HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET a HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET http HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(refusal_of("GET https:// HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
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
  CHECK(refusal_of(with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")) == 400);
  CHECK(refusal_of(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  for (const char* coding :
       {"gzip", "gzip, chunked", "chunked, chunked", "chunked, identity", "identity", "xchunked",
        "\"chunked\"", "chunked;q=1", ",chunked", ""}) {
    INFO(coding);
    CHECK(refusal_of(with("Transfer-Encoding: " + std::string(coding) + "\r\n")) == 501);
  }
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

namespace {

struct Body {
  std::string bytes;
  std::string rest;
  int refused = 0;
  bool done = false;
};

// The chunks, given to a reader in pieces of so many bytes.
Body read_chunks(std::string_view bytes, std::size_t step) {
  BodyReader reader(head_of(with("Transfer-Encoding: Chunked\r\n")), limits.body_bytes, limits);
  Body body;
  for (; !bytes.empty() && !body.refused; bytes.remove_prefix(std::min(step, bytes.size()))) {
    body.rest += bytes.substr(0, step);
    if (const auto refusal = reader.read(body.rest, body.bytes))
      body.refused = refusal->type.status;
  }
  body.done = reader.done();
  return body;
}

Body read_chunks(const std::string& bytes) {
  INFO(bytes.substr(0, 200));
  const Body whole = read_chunks(bytes, bytes.size());
  for (std::size_t step = 1; step < std::min<std::size_t>(bytes.size(), 8); ++step) {
    const Body cut = read_chunks(bytes, step);
    REQUIRE(cut.refused == whole.refused);
    REQUIRE(cut.done == whole.done);
    if (!whole.refused) REQUIRE(cut.bytes + "|" + cut.rest == whole.bytes + "|" + whole.rest);
  }
  return whole;
}

}  // namespace

TEST_CASE("a body in chunks is read wherever it is cut, and ends where it says") {
  const auto body_of = [](const std::string& chunks) {
    const Body body = read_chunks(chunks + "GET /next");
    REQUIRE(body.done);
    REQUIRE(body.rest == "GET /next");
    return body.bytes;
  };
  CHECK(body_of("0\r\n\r\n").empty());
  CHECK(body_of("5\r\nhello\r\n0\r\n\r\n") == "hello");
  CHECK(body_of("1\r\nh\r\n00C\r\n\r\n0\r\n\r\n12345\r\n000\r\n\r\n") == "h\r\n0\r\n\r\n12345");
  CHECK(body_of("5;name=\"a value\"\r\nhello\r\n0;last\r\n\r\n") == "hello");
  CHECK(body_of("1\r\nx\r\n0\r\nChecksum: 5\r\nContent-Length: 9\r\n\r\n") == "x");
  CHECK_FALSE(read_chunks("5\r\nhell").done);
  CHECK_FALSE(read_chunks("5\r\nhello\r\n0\r\nA: b\r\n").done);
}

TEST_CASE("chunks that could be read in two ways are refused") {
  for (const char* chunks : {"x\r\n",
                             "\r\n",
                             " 5\r\nhello",
                             "5 \r\nhello\r\n",
                             "0x5\r\nhello",
                             "-1\r\n",
                             "+5\r\nhello",
                             "5\nhello",
                             "5\r\nhello\n0\r\n",
                             "5\r\nhello0\r\n\r\n",
                             "5\r\nhelloo\r\n0\r\n\r\n",
                             "5;a\rb\r\nhello",
                             "5\rhello\r\n",
                             "5;\x01\r\nhello",
                             "5,5\r\nhello",
                             "00000000000000005\r\nhello",
                             "0\r\nA : b\r\n\r\n",
                             "0\r\n folded\r\n\r\n",
                             "0\r\nA\r\n\r\n",
                             "0\r\nA: b\n\n",
                             "0\r\nGET / HTTP/1.1\r\n\r\n"}) {
    INFO(chunks);
    CHECK(read_chunks(chunks).refused == 400);
  }
  CHECK(read_chunks("5;" + std::string(1'000, 'x') + "\r\nhello").refused == 400);
  CHECK(read_chunks("0\r\nA: " + std::string(limits.head_bytes, 'x') + "\r\n\r\n").refused == 400);
  std::string trailers = "0\r\n";
  while (trailers.size() < 2 * limits.head_bytes) trailers += "A: b\r\n";
  CHECK(read_chunks(trailers).refused == 400);
}

TEST_CASE("chunks keep the limit of a body") {
  const std::string half(limits.body_bytes / 2, 'x');
  const std::string chunk = "8000\r\n" + half + "\r\n";
  CHECK(read_chunks(chunk + chunk + "0\r\n\r\n").bytes.size() == limits.body_bytes);
  CHECK(read_chunks(chunk + chunk + "1\r\n").refused == 413);  // before it has come
  CHECK(read_chunks("ffffffffffffffff\r\n").refused == 413);
}

TEST_CASE("one empty line before a request is forgiven") {
  CHECK(head_of("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").size == 29);
}
