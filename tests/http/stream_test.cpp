// Answers in pieces.
#include <catch2/catch_test_macros.hpp>

#include "tests/http/exchanges.hpp"
#include "tests/http/test_server.hpp"
#include "tests/support/process.hpp"

using namespace jangbu::http;
using namespace jangbu::test;

namespace {

// A server whose only route leaves the stream to the test.
struct Streaming {
  explicit Streaming(Limits limits = {})
      : server(Router()
                   .add(Method::get, "/stream",
                        [this](Request&&, const Exchange& exchange) { exchanges.put(exchange); })
                   .add(Method::get, "/hello",
                        [](Request&&, const Exchange& exchange) {
                          exchange.respond({.body = "hello"});
                        }),
               limits) {
    server.start();
  }

  Exchange start(Client& client) {
    client.send(get_request("/stream"));
    Exchange exchange = exchanges.take();
    exchange.stream_start({.content_type = "text/event-stream", .body = "retry: 1\n\n"});
    return exchange;
  }

  Exchanges exchanges;
  TestServer server;
};

}  // namespace

TEST_CASE("a stream arrives piece by piece, and the connection lives on") {
  Streaming streaming;
  Client client(streaming.server.port());
  const Exchange stream = streaming.start(client);
  CHECK(stream.stream_write("data: 1\n\n"));
  CHECK(stream.stream_write(""));  // not the end
  CHECK(stream.stream_write("data: 2\n\n"));
  stream.stream_end();
  CHECK_FALSE(stream.stream_write("data: 3\n\n"));
  const Answer answer = client.read_answer();
  CHECK(answer.headers.at("transfer-encoding") == "chunked");
  CHECK(answer.headers.at("content-type") == "text/event-stream");
  CHECK(answer.body == "retry: 1\n\ndata: 1\n\ndata: 2\n\n");
  CHECK(client.get("/hello").body == "hello");
}

TEST_CASE("a stream to HTTP/1.0 ends with the connection") {
  Streaming streaming;
  Client client(streaming.server.port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const Exchange stream = streaming.exchanges.take();
  stream.stream_start({.content_type = "text/plain"});
  stream.stream_write("one ");
  stream.stream_write("two");
  stream.stream_end();
  const Answer head = client.read_answer();
  CHECK(head.headers.at("connection") == "close");
  CHECK_FALSE(head.headers.contains("transfer-encoding"));
  CHECK(client.read_to_end() == "one two");
}

TEST_CASE("HEAD of a stream has a head only") {
  Streaming streaming;
  Client client(streaming.server.port());
  client.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  const Exchange stream = streaming.exchanges.take();
  stream.stream_start({.content_type = "text/plain", .body = "one"});
  CHECK_FALSE(stream.stream_write("two"));
  stream.stream_end();
  CHECK(client.read_answer(true).status == 200);
  CHECK(client.get("/hello").body == "hello");
}

TEST_CASE("a stream that is given up has no end") {
  Streaming streaming;
  Client client(streaming.server.port());
  streaming.start(client).stream_write("data: 1\n\n");  // and the last handle goes
  const std::string bytes = client.read_to_end();
  CHECK(bytes.find("data: 1\n\n\r\n") != std::string::npos);
  CHECK_FALSE(bytes.ends_with("0\r\n\r\n"));
}

TEST_CASE("a consumer that does not read is cut off, others are not") {
  Streaming streaming;
  Client sleeper(streaming.server.port());
  Client reader(streaming.server.port());
  const Exchange to_sleeper = streaming.start(sleeper);
  const Exchange to_reader = streaming.start(reader);
  const std::string piece(16 * kib, 'x');
  std::size_t written = 0;
  wait_until("the sleeper to be cut off", [&] {
    written += piece.size();
    return !to_sleeper.stream_write(piece);
  });
  CHECK(written < 64 * mib);  // the kernel's buffers, and 256 KiB of ours
  CHECK(to_reader.stream_write("data: still here\n\n"));
  to_reader.stream_end();
  CHECK(reader.read_answer().body.ends_with("data: still here\n\n"));
}

TEST_CASE("a producer learns that its client has gone") {
  Streaming streaming;
  Client client(streaming.server.port());
  const Exchange stream = streaming.start(client);
  client.read_some();
  client.abort();
  wait_until("the end of the stream", [&] { return !stream.stream_write(": heartbeat\n\n"); });
}

TEST_CASE("a stream whose client takes nothing runs into the write timeout") {
  Limits limits;
  limits.write_timeout = 300ms;
  limits.stream_backlog_bytes = 64 * mib;
  Streaming streaming(limits);
  Client client(streaming.server.port());
  const Exchange stream = streaming.start(client);
  const std::string piece(mib, 'x');
  for (int i = 0; i < 32; ++i) stream.stream_write(piece);
  wait_until("the time-out", [&] { return !stream.stream_write("x"); });
}
