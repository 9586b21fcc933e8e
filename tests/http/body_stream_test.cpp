// Bodies in pieces, taken as fast as the handler takes them.
#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "tests/http/test_server.hpp"
#include "tests/support/process.hpp"

using namespace jangbu::http;
using namespace jangbu::test;

namespace {

// What a handler has of one upload, for the test to go on with on its own thread.
class Upload {
 public:
  Upload(BodyStream body, Exchange exchange)
      : answer(std::move(exchange)), body_(std::move(body)) {}

  void ask() {
    body_.read([this](BodyPiece piece) {
      const std::lock_guard lock(mutex_);
      pieces_.push_back(std::move(piece));
      changed_.notify_one();
    });
  }
  BodyPiece wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 10s, [this] { return !pieces_.empty(); }))
      throw std::runtime_error("no piece came");
    BodyPiece piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }
  BodyPiece next() {
    ask();
    return wait();
  }
  std::string rest() {
    std::string all;
    for (;;) {
      const BodyPiece piece = next();
      if (piece.kind == BodyPiece::Kind::lost) throw std::runtime_error("the body was lost");
      if (piece.kind == BodyPiece::Kind::end) return all;
      all += piece.bytes;
    }
  }

  const Exchange answer;

 private:
  const BodyStream body_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<BodyPiece> pieces_;
};

// A server that leaves its uploads to the test.
class Uploads {
 public:
  explicit Uploads(Limits limits = {})
      : server(Router()
                   .add_streaming(
                       Method::post, "/things:import",
                       [this](Request&& request, const BodyStream& body, const Exchange& exchange) {
                         const std::lock_guard lock(mutex_);
                         bodies_in_requests += request.body.size();
                         begun_.push_back(std::make_unique<Upload>(body, exchange));
                         changed_.notify_one();
                       })
                   .add(Method::post, "/things",
                        [](Request&& request, const Exchange& exchange) {
                          exchange.respond({.body = std::move(request.body)});
                        }),
               limits) {
    server.start();
  }
  Client client() const { return Client(server.port()); }

  std::unique_ptr<Upload> take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 10s, [this] { return !begun_.empty(); }))
      throw std::runtime_error("no upload came");
    auto upload = std::move(begun_.front());
    begun_.pop_front();
    return upload;
  }

  std::size_t bodies_in_requests = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Upload>> begun_;

 public:
  TestServer server;
};

std::string head(std::size_t size, std::string_view fields = {}) {
  return "POST /things:import HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) +
         "\r\n" + std::string(fields) + "\r\n";
}

const std::string chunked_head =
    "POST /things:import HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("a body is handed over piece by piece, as it comes") {
  Uploads uploads;
  Client client = uploads.client();
  client.send(head(10));
  const auto upload = uploads.take();
  upload->ask();
  client.send("one");
  BodyPiece piece = upload->wait();
  CHECK(piece.kind == BodyPiece::Kind::bytes);
  CHECK(piece.bytes == "one");

  upload->answer.stream_start({.content_type = "text/plain", .body = "begun;"});
  upload->ask();
  client.send("four!!!" + post_request("/things", "next"));
  piece = upload->wait();
  CHECK(piece.bytes == "four!!!");
  CHECK(upload->next().kind == BodyPiece::Kind::end);
  CHECK(upload->next().kind == BodyPiece::Kind::end);
  upload->answer.stream_write("done");
  upload->answer.stream_end();
  CHECK(client.read_answer().body == "begun;done");
  CHECK(client.read_answer().body == "next");  // pipelined, and in order
  CHECK(uploads.bodies_in_requests == 0);
  CHECK(upload->next().kind == BodyPiece::Kind::lost);  // nobody gets another request's body
}

TEST_CASE("a streamed body may be empty, and may be large") {
  Limits limits;
  limits.streamed_body_bytes = 4 * mib;
  Uploads uploads(limits);
  Client client = uploads.client();
  client.send("POST /things:import HTTP/1.1\r\nHost: h\r\n\r\n");
  auto upload = uploads.take();
  CHECK(upload->next().kind == BodyPiece::Kind::end);
  upload->answer.respond({.body = "nothing"});
  CHECK(client.read_answer().body == "nothing");

  const std::string large(4 * mib, 'x');
  client.send(head(large.size()));
  upload = uploads.take();
  auto sender = std::async(std::launch::async, [&] { client.send(large); });
  const std::string got = upload->rest();
  sender.get();
  CHECK(got == large);
  upload->answer.respond({.body = "all"});
  CHECK(client.read_answer().body == "all");

  client.send(head(4 * mib + 1));
  CHECK(client.read_answer().status == 413);
  CHECK(client.read_to_end().empty());
}

TEST_CASE("other routes keep their limit") {
  Uploads uploads;
  Client client = uploads.client();
  client.send("POST /things HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
  CHECK(client.read_answer().status == 413);
  CHECK(client.read_to_end().empty());
}

TEST_CASE("a body in chunks is handed over piece by piece, and the next request follows it") {
  Uploads uploads;
  Client client = uploads.client();
  client.send(chunked_head + "5\r\nfi");
  auto upload = uploads.take();
  CHECK(upload->next().bytes == "fi");
  upload->ask();
  client.send("rst\r\n");
  CHECK(upload->wait().bytes == "rst");
  upload->ask();
  client.send("6;extension\r");
  client.send("\nsecond\r\n0\r\nTrailer: is ignored\r\n\r\n" + post_request("/things", "next"));
  std::string rest = upload->wait().bytes;
  CHECK(rest + upload->rest() == "second");
  upload->answer.respond({.body = "all"});
  CHECK(client.read_answer().body == "all");
  CHECK(client.read_answer().body == "next");
}

TEST_CASE("chunks that are not valid, or too many, end a body that is taken in pieces") {
  Limits limits;
  limits.streamed_body_bytes = 100;
  Uploads uploads(limits);
  for (const auto& [chunks, status] :
       {std::pair("5\r\nhello5", 400), std::pair("5\r\nhello\r\n60\r\n", 413)}) {
    INFO(chunks);
    Client client = uploads.client();
    client.send(chunked_head + chunks);
    const auto upload = uploads.take();
    auto kind = BodyPiece::Kind::bytes;
    while (kind == BodyPiece::Kind::bytes) kind = upload->next().kind;
    CHECK(kind == BodyPiece::Kind::lost);
    const Answer answer = client.read_answer();
    CHECK(answer.status == status);
    CHECK(answer.headers.at("connection") == "close");
  }
  // Nobody knows what follows a body that was not read to its end.
  Client early = uploads.client();
  early.send(chunked_head + "5\r\nhello\r\n0\r\n\r\n" + post_request("/things", "smuggled"));
  uploads.take()->answer.respond({.body = "early"});
  CHECK(early.read_answer().body == "early");
  CHECK(early.read_to_end().empty());
}

TEST_CASE("what the handler does not ask for is not read from the client") {
  Uploads uploads;
  Client client = uploads.client();
  const std::string body(32 * mib, 'x');
  client.send(head(body.size()));
  const auto upload = uploads.take();
  // The kernel's buffers fill, and then nothing moves.
  std::size_t sent = 0;
  wait_until("the client to be held up", [&] {
    const std::size_t more = client.send(std::string_view(body).substr(sent), false);
    sent += more;
    return more == 0 && !client.readable_within(50ms);
  });
  CHECK(sent < body.size());
  auto sender =
      std::async(std::launch::async, [&] { client.send(std::string_view(body).substr(sent)); });
  const std::string got = upload->rest();
  sender.get();
  CHECK(got == body);
  upload->answer.respond({.body = "all"});
  CHECK(client.read_answer().body == "all");
}

TEST_CASE("100 Continue is said when the body is asked for, and only then") {
  Uploads uploads;
  Client client = uploads.client();
  client.send(head(2, "Expect: 100-continue\r\n"));
  auto upload = uploads.take();
  CHECK_FALSE(client.readable_within(100ms));
  upload->ask();
  CHECK(client.read_answer(true).status == 100);
  client.send("hi");
  CHECK(upload->wait().bytes == "hi");
  upload->answer.respond({.body = "thanks"});
  CHECK(client.read_answer().body == "thanks");

  // A refusal instead: the body is not wanted, so the connection ends with it.
  client.send(head(2, "Expect: 100-continue\r\n"));
  uploads.take()->answer.respond({.status = 415});
  const Answer answer = client.read_answer();
  CHECK(answer.status == 415);
  CHECK(answer.headers.at("connection") == "close");
  CHECK(client.read_to_end().empty());
}

TEST_CASE("an answer before the end of the body ends the connection") {
  Uploads uploads;
  Client client = uploads.client();
  client.send(head(1000) + "some");
  const auto upload = uploads.take();
  CHECK(upload->next().bytes == "some");
  upload->ask();
  upload->answer.stream_start({.content_type = "text/plain"});
  upload->answer.stream_write("enough");
  upload->answer.stream_end();
  CHECK(client.read_answer().body == "enough");
  CHECK(client.read_to_end().empty());
  CHECK(upload->wait().kind == BodyPiece::Kind::lost);
}

TEST_CASE("a handler learns that its client has gone in the middle of the body") {
  Uploads uploads;
  for (const bool waits : {true, false})
    for (const bool aborts : {true, false}) {
      CAPTURE(waits, aborts);
      Client client = uploads.client();
      client.send(head(1000) + "some");
      const auto upload = uploads.take();
      CHECK(upload->next().bytes == "some");
      if (waits) upload->ask();
      if (aborts)
        client.abort();
      else
        client.end_sending();
      if (!waits) wait_until("the end", [&] { return upload->answer.client_gone(); });
      CHECK((waits ? upload->wait() : upload->next()).kind == BodyPiece::Kind::lost);
    }
}

TEST_CASE("a client may close its side after the body and still get its answer") {
  Uploads uploads;
  Client client = uploads.client();
  client.send(head(4) + "body");
  client.end_sending();
  const auto upload = uploads.take();
  CHECK(upload->rest() == "body");
  upload->answer.respond({.body = "thanks"});
  CHECK(client.read_answer().body == "thanks");
}

TEST_CASE("a piece that does not come in time is not waited for") {
  Limits limits;
  limits.body_timeout = 300ms;
  Uploads uploads(limits);
  Client silent = uploads.client();
  silent.send(head(10) + "some");
  auto upload = uploads.take();
  CHECK(upload->next().bytes == "some");
  upload->ask();
  const Answer answer = silent.read_answer();
  CHECK(answer.status == 408);
  CHECK(answer.headers.at("connection") == "close");
  CHECK(upload->wait().kind == BodyPiece::Kind::lost);

  Client streaming = uploads.client();
  streaming.send(head(10) + "some");
  upload = uploads.take();
  CHECK(upload->next().bytes == "some");
  upload->answer.stream_start({.content_type = "text/plain", .body = "begun"});
  upload->ask();
  CHECK_FALSE(streaming.read_to_end().ends_with("0\r\n\r\n"));
  CHECK(upload->wait().kind == BodyPiece::Kind::lost);

  // A handler that takes its time is no fault of the client's.
  Client patient = uploads.client();
  patient.send(head(4) + "body");
  upload = uploads.take();
  CHECK_FALSE(patient.readable_within(700ms));
  CHECK(upload->rest() == "body");
  upload->answer.respond({.body = "late"});
  CHECK(patient.read_answer().body == "late");
}

TEST_CASE("a client may send its whole body before it reads") {
  Limits limits;
  limits.write_timeout = 1s;  // less than it sends for
  Uploads uploads(limits);
  Client client = uploads.client();
  constexpr std::size_t pieces = 75;
  client.send(head(pieces) + "x");
  const auto upload = uploads.take();
  CHECK(upload->next().bytes == "x");
  // More than the sockets hold, so that bytes wait from here on.
  const std::string result(1 * mib, 'r');
  constexpr std::size_t results = 40;
  upload->answer.stream_start({.content_type = "text/plain"}, 64 * mib);
  for (std::size_t i = 0; i < results; ++i) REQUIRE(upload->answer.stream_write(result));
  wait_until("bytes that wait", [&] { return upload->answer.stream_backlog().unread > 0; });

  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 1; i < pieces; ++i) {
    wait_until("the next piece's time",
               [&] { return std::chrono::steady_clock::now() > begin + i * 20ms; });
    client.send("x");
    REQUIRE(upload->next().bytes == "x");
  }
  CHECK(upload->next().kind == BodyPiece::Kind::end);
  upload->answer.stream_end();
  CHECK(client.read_answer().body.size() == results * result.size());
}

TEST_CASE("a drop of the body now and then does not help") {
  Limits limits;
  limits.body_timeout = 300ms;
  Uploads uploads(limits);
  Client drip = uploads.client();
  drip.send(head(100'000));
  const auto upload = uploads.take();
  auto kind = BodyPiece::Kind::bytes;
  std::size_t drops = 0;
  while (kind == BodyPiece::Kind::bytes) {
    REQUIRE(drops < 5'000);
    upload->ask();
    if (!drip.readable_within(20ms)) drops += drip.send("x");
    kind = upload->wait().kind;
  }
  CHECK(kind == BodyPiece::Kind::lost);
  CHECK(drip.read_answer().status == 408);
  CHECK(drops > 1);
}

TEST_CASE("a server that ends forgets who waits for a body") {
  std::unique_ptr<Upload> upload;
  auto uploads = std::make_unique<Uploads>();
  Client client = uploads->client();
  client.send(head(1000) + "some");
  upload = uploads->take();
  CHECK(upload->next().bytes == "some");
  upload->ask();
  uploads.reset();
  upload->ask();
  CHECK(upload->answer.client_gone());
}

TEST_CASE("nor does a drop of what a chunk has beside its bytes") {
  Limits limits;
  limits.body_timeout = 300ms;
  Uploads uploads(limits);
  Client drip = uploads.client();
  drip.send(chunked_head + "5;");
  const auto upload = uploads.take();
  upload->ask();
  for (std::size_t drops = 0; !drip.readable_within(20ms); drops += drip.send("x"))
    REQUIRE(drops < 200);
  CHECK(drip.read_answer().status == 408);
  CHECK(upload->wait().kind == BodyPiece::Kind::lost);
}
