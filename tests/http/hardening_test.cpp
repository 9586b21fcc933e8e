// What many clients, slow clients and scarce descriptors do to the others.
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <deque>
#include <future>
#include <random>
#include <thread>

#include "tests/http/answering_thread.hpp"
#include "tests/http/exchanges.hpp"
#include "tests/http/log_lines.hpp"
#include "tests/http/test_server.hpp"
#include "tests/support/process.hpp"

using namespace jangbu::http;
using namespace jangbu::test;

namespace {

using Clock = std::chrono::steady_clock;

Response text(std::string body) {
  return {.status = 200, .content_type = "text/plain", .body = std::move(body)};
}

// How many requests to abort. Of 120,000, Pistache's own endpoint answered 1,626 to somebody else.
int aborts() {
  const char* count = std::getenv("JANGBU_HTTP_ABORTS");
  if (count) return std::atoi(count);
  return over_tls() ? 4'000 : 100'000;  // most of it is handshakes then
}

std::chrono::microseconds processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// How much of a processor the process uses while the client has nothing to read.
double load_during(Client& client, std::chrono::milliseconds time) {
  const auto before = processor_time();
  CHECK_FALSE(client.readable_within(time));
  return std::chrono::duration<double>(processor_time() - before) /
         std::chrono::duration<double>(time);
}

// Lowers the limit of descriptors to what is open now, and some more.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next) + more;
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("no answer ever reaches another client, whoever aborts when") {
  // Answers come late and out of order, from another thread: many clients are gone by then, and
  // their descriptors belong to others.
  std::mt19937 random(42);
  struct Held {
    std::string tag;
    Exchange exchange;
  };
  std::vector<Held> held;
  std::atomic<bool> finishing = false;
  std::atomic<int> aborted = 0;  // requests, of those that a handler got
  std::atomic<int> late = 0;     // answers, to clients known to be gone
  AnsweringThread later;         // the only one that touches what is held
  const auto answer_all = [&] {
    std::shuffle(held.begin(), held.end(), random);
    for (const Held& request : held) {
      late += request.exchange.client_gone();
      request.exchange.respond(text(request.tag));
    }
    held.clear();
  };
  Router router;
  router.add(Method::get, "/tag/{tag}", [&](Request&& request, const Exchange& exchange) {
    later.run([&, tag = std::string(request.param("tag")), exchange] {
      aborted += tag.starts_with("leaving");
      held.push_back({tag, exchange});
      if (held.size() >= 32 || finishing) answer_all();
    });
  });
  router.add(Method::get, "/flush", [&](Request&&, const Exchange& exchange) {
    later.run([&, exchange] {
      answer_all();
      exchange.respond(text("flushed"));
    });
  });
  TestServer server(std::move(router), {}, 2);
  server.start();

  std::atomic<int> leaks = 0;
  std::atomic<int> answered = 0;
  const auto work = [&](int t) {
    Client flusher(server.port());
    std::deque<Client> leaving;
    for (int i = 0; aborted < aborts(); ++i) {
      const std::string tag = std::to_string(t) + "-" + std::to_string(i);
      leaving.emplace_back(server.port()).send(get_request("/tag/leaving-" + tag));
      if (i % 3 == 0) leaving.back().end_sending();
      if (leaving.size() > 2) {
        if (i % 4 != 0) leaving.front().abort();
        leaving.pop_front();
      }
      if (i % 8 != 0) continue;
      // It gets the descriptor of one that left, whose answer is still to come.
      Client staying(server.port());
      staying.send(get_request("/tag/staying-" + tag));
      while (!staying.readable_within(5ms))
        if (flusher.get("/flush").body != "flushed") ++leaks;
      if (staying.read_answer().body != "staying-" + tag) ++leaks;
      ++answered;
    }
  };
  std::vector<std::future<void>> clients;
  clients.reserve(8);
  for (int t = 0; t < 8; ++t) clients.push_back(std::async(std::launch::async, work, t));
  for (std::future<void>& client : clients) client.get();
  CHECK(leaks == 0);
  CHECK(answered > aborts() / 16);
  CHECK(late > aborts() / (over_tls() ? 200 : 16));
  finishing = true;  // a request of a client that left may still come
  CHECK(Client(server.port()).get("/flush").body == "flushed");
  CHECK(server.drain(60s));
}

TEST_CASE("streams that another thread writes survive their clients, and stay apart") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/stream", [&](Request&&, const Exchange& exchange) {
    exchange.stream_start({.content_type = "text/plain"});
    exchanges.put(exchange);
  });
  TestServer server(std::move(router), {}, 2);
  server.start();
  const auto open = [&](std::deque<Client>& clients) {
    clients.emplace_back(server.port()).send(get_request("/stream"));
    return exchanges.take();
  };
  for (int round = 0; round < 50; ++round) {
    std::deque<Client> readers;
    std::deque<Client> leaving;
    std::vector<Exchange> streams;
    for (int i = 0; i < 4; ++i) {
      streams.push_back(open(readers));
      streams.push_back(open(leaving));
    }
    std::string all;
    for (int i = 0; i < 500; ++i) all += std::to_string(i) + ";";
    const auto producer = std::async(std::launch::async, [&] {
      for (int i = 0; i < 500; ++i)
        for (const Exchange& stream : streams) stream.stream_write(std::to_string(i) + ";");
      for (const Exchange& stream : streams) stream.stream_end();
    });
    for (Client& client : leaving) client.abort();
    // These get the descriptors of those that left.
    for (int i = 0; i < 4; ++i) {
      std::deque<Client> next;
      const Exchange stream = open(next);
      stream.stream_write("next");
      stream.stream_end();
      CHECK(next.front().read_answer().body == "next");
    }
    for (Client& reader : readers) CHECK(reader.read_answer().body == all);
  }
  CHECK(server.drain(60s));
}

TEST_CASE("a slow reader of a large answer keeps nobody waiting") {
  const std::string large(8 * mib, 'x');
  Router router;
  router.add(Method::get, "/large",
             [&](Request&&, const Exchange& exchange) { exchange.respond(text(large)); });
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router));
  server.start();
  Client slow(server.port());
  slow.send(get_request("/large"));
  REQUIRE(slow.readable_within(60s));
  Client other(server.port());
  for (int i = 0; i < 100; ++i) REQUIRE(other.get("/hello").body == "hello");
  CHECK(load_during(other, 500ms) < 0.2);  // it does not spin on the full socket either
  CHECK(slow.read_answer().body == large);
  CHECK(slow.get("/hello").body == "hello");
}

TEST_CASE("clients that wait for an answer cost nothing meanwhile") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  TestServer server(std::move(router));
  server.start();
  Client half_closed(server.port());
  half_closed.send(get_request("/wait"));
  half_closed.end_sending();
  Client overfull(server.port());
  overfull.send(get_request("/wait"));
  const Exchange first = exchanges.take();
  const Exchange second = exchanges.take();
  overfull.send(std::string(256 * kib, 'x'), false);  // more than the server wants to read
  CHECK(load_during(half_closed, 500ms) < 0.2);
  first.respond(text("answer"));
  second.respond(text("answer"));
  CHECK(half_closed.read_answer().body == "answer");
  CHECK(overfull.read_answer().body == "answer");
}

TEST_CASE("clients that say nothing, speak TLS or send half a chunk keep nobody waiting",
          "[plain]") {
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router));
  server.start();
  std::deque<Client> silent;
  for (int i = 0; i < 100; ++i) silent.emplace_back(server.port());
  silent.front().send("GET /hel");
  Client tls(server.port());
  tls.send("\x16\x03\x01");
  CHECK(tls.read_answer().status == 400);
  // Pistache's parser would spin here, waiting for the line feed.
  Client chunked(server.port());
  chunked.send("POST /hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r");
  Client other(server.port());
  CHECK(other.get("/hello").body == "hello");
  CHECK(load_during(other, 500ms) < 0.2);
}

TEST_CASE("the longest target and the largest body that are allowed are taken") {
  const Limits limits;
  Router router;
  router.add(Method::post, "/echo", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::move(request.body)));
  });
  TestServer server(std::move(router));
  server.start();
  Client client(server.port());
  CHECK(client.get(std::string(limits.target_bytes, '/')).status == 404);
  const std::string body(limits.body_bytes, 'x');
  client.send(post_request("/echo", body));
  CHECK(client.read_answer().body == body);
}

TEST_CASE("methods of all kinds on several workers at once") {
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router), {}, 2);
  server.start();
  const std::pair<std::string, int> cases[] = {{"GET", 200},     {"POST", 405},  {"PUT", 405},
                                               {"OPTIONS", 204}, {"TRACE", 501}, {"BREW", 501}};
  std::atomic<int> wrong = 0;
  std::vector<std::future<void>> threads;
  for (int t = 0; t < 4; ++t)
    threads.push_back(std::async(std::launch::async, [&] {
      for (int i = 0; i < 50; ++i)
        for (const auto& [method, status] : cases) {
          Client client(server.port());
          client.send(method + " /hello HTTP/1.1\r\nHost: h\r\n\r\n");
          if (client.read_answer().status != status) ++wrong;
        }
    }));
  for (auto& thread : threads) thread.get();
  CHECK(wrong == 0);
}

TEST_CASE("clients that take too long are cut") {
  Limits limits;
  // Long enough for this thread to be kept waiting between two lines of it.
  limits.header_timeout = 1s;
  limits.body_timeout = 1s;
  limits.idle_timeout = 1500ms;
  limits.write_timeout = 1s;
  Router router;
  router.add(Method::post, "/echo", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::move(request.body)));
  });
  router.add(Method::get, "/large", [](Request&&, const Exchange& exchange) {
    exchange.respond(text(std::string(32 * mib, 'x')));
  });
  TestServer server(std::move(router), limits);
  server.start();

  SECTION("slowloris: a drop now and then does not help") {
    Client client(server.port());
    const std::string head =
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(4'000, 'x');
    std::size_t at = 0;
    while (!client.readable_within(20ms)) {
      REQUIRE(at < head.size());
      client.send(head.substr(at++, 1));
    }
    CHECK(client.read_answer().status == 408);
    CHECK(client.read_to_end().empty());
  }
  SECTION("a body that does not come") {
    Client client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    CHECK(client.read_answer().status == 408);
    CHECK(client.read_to_end().empty());
  }
  SECTION("a pipelined head that is never finished") {
    Client client(server.port());
    client.send(post_request("/echo", "a") + "GET ");
    CHECK(client.read_answer().body == "a");
    CHECK(client.read_answer().status == 408);
  }
  SECTION("an idle connection is closed without a word") {
    Client client(server.port());
    CHECK(client.read_to_end().empty());
    Client used(server.port());
    used.send(post_request("/echo", "a"));
    CHECK(used.read_answer().status == 200);
    CHECK(used.read_to_end().empty());
  }
  SECTION("an answer that nobody takes") {
    Client client(server.port());
    client.send(get_request("/large"));
    REQUIRE(client.readable_within(60s));
    wait_until("the server to let go of it", [&] { return server.drain(0ms); });
  }
}

TEST_CASE("nobody is late because the server was") {
  Limits limits;
  limits.idle_timeout = 600ms;
  std::promise<void> begun, enough;
  Router router;
  router.add(Method::get, "/block", [&](Request&&, const Exchange& exchange) {
    begun.set_value();
    enough.get_future().wait();
    exchange.respond(text("at last"));
  });
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router), limits);
  server.start();
  Client client(server.port());
  CHECK(client.get("/hello").status == 200);
  Client blocking(server.port());
  blocking.send(get_request("/block"));
  begun.get_future().wait();
  const auto begin = Clock::now();
  const auto wait_for = [&](std::chrono::milliseconds time) {
    wait_until("that time", [&] { return Clock::now() > begin + time; });
  };
  wait_for(400ms);  // the timer has ticked, and what comes now is behind it in the worker's list
  client.send(get_request("/hello"));
  wait_for(1'200ms);
  enough.set_value();
  CHECK(client.read_answer().body == "hello");
  CHECK(blocking.read_answer().body == "at last");
}

TEST_CASE("clients beyond the limit are told so at once, and let go") {
  Limits limits;
  limits.max_connections = 2;
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router), limits);
  server.start();
  std::deque<Client> served;
  for (int i = 0; i < 2; ++i) CHECK(served.emplace_back(server.port()).get("/hello").status == 200);
  for (int i = 0; i < 8; ++i) {
    Client client(server.port());
    client.send(get_request("/hello"));
    const Answer answer = client.read_answer();
    CHECK(answer.status == 503);
    CHECK(answer.body.find("too-many-connections") != std::string::npos);
    CHECK(answer.headers.at("retry-after") == "1");
    CHECK(answer.headers.at("connection") == "close");
    CHECK(client.read_to_end().empty());
  }
  CHECK(served.front().get("/hello").status == 200);
  served.pop_front();
  wait_until("a connection to be free", [&] { return server.connections() == 1; });
  CHECK(Client(server.port()).get("/hello").status == 200);
}

TEST_CASE("whoever is not even told so waits in the kernel's queue", "[plain]") {
  LogLines log;
  Limits limits;
  limits.max_connections = 2;
  limits.max_turned_away = 0;
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router), limits);
  server.start();
  std::deque<Client> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(server.port()).send(get_request("/hello"));
  for (int i = 0; i < 8; ++i) {
    REQUIRE(clients.front().read_answer().body == "hello");
    if (i == 0) CHECK(load_during(clients.back(), 600ms) < 0.2);
    clients.pop_front();
  }
  CHECK(log.count("new clients have to wait") == 1);
}

TEST_CASE("slow clients that fill the server are cut, and the others get their turn") {
  Limits limits;
  limits.max_connections = 4;
  limits.max_turned_away = 0;
  limits.header_timeout = 300ms;
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router), limits);
  server.start();
  std::deque<Client> slow;
  for (int i = 0; i < 4; ++i) slow.emplace_back(server.port()).send("GET /");
  Client other(server.port());
  CHECK(other.get("/hello").body == "hello");
  for (Client& client : slow) CHECK(client.read_answer().status == 408);
}

TEST_CASE("running out of descriptors is survived", "[plain]") {
  LogLines log;
  Router router;
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router));
  server.start();
  // What is opened once only is open by now (UBSan looks at a type it has not seen through a pipe).
  CHECK(Client(server.port()).get("/hello").body == "hello");
  std::deque<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(Client::unconnected());
  {
    const FewDescriptors few(2);
    for (Client& client : clients) {
      client.connect(server.port());
      client.send(get_request("/hello"));
    }
    for (int i = 0; i < 8; ++i) {
      REQUIRE(clients.front().read_answer().body == "hello");
      if (i == 0) CHECK(load_during(clients.back(), 600ms) < 0.2);
      clients.pop_front();
    }
  }
  CHECK(log.count("Too many open files") == 1);
  CHECK(Client(server.port()).get("/hello").body == "hello");
}

TEST_CASE("draining answers what is in flight and closes what is idle") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/wait",
             [&](Request&&, const Exchange& exchange) { exchanges.put(exchange); });
  router.add(Method::get, "/hello",
             [](Request&&, const Exchange& exchange) { exchange.respond(text("hello")); });
  TestServer server(std::move(router), {}, 2);
  server.start();
  Client idle(server.port());
  if (over_tls()) idle.shake_hands();
  Client used(server.port());
  CHECK(used.get("/hello").status == 200);
  std::vector<Client> waiting;
  std::vector<Exchange> in_flight;
  for (int i = 0; i < 10; ++i) {
    waiting.emplace_back(server.port()).send(get_request("/wait"));
    in_flight.push_back(exchanges.take());
  }

  wait_until("the door to close", [&] {
    CHECK_FALSE(server.drain(10ms));
    return !accepts_connections(server.port());
  });
  CHECK(idle.read_to_end().empty());
  CHECK(used.read_to_end().empty());
  std::jthread answering([&] {
    for (const Exchange& exchange : in_flight) exchange.respond(text("kept"));
  });
  for (Client& client : waiting) {
    const Answer answer = client.read_answer();
    CHECK(answer.body == "kept");
    CHECK(answer.headers.at("connection") == "close");
    CHECK(client.read_to_end().empty());
  }
  answering.join();
  idle.abort();
  used.abort();
  waiting.clear();
  CHECK(server.drain(60s));
}

TEST_CASE("draining under load loses no answer") {
  AnsweringThread later;
  std::atomic<int> run = 0;
  Router router;
  router.add(Method::get, "/count", [&](Request&&, const Exchange& exchange) {
    ++run;
    later.run([exchange] { exchange.respond(text("counted")); });
  });
  TestServer server(std::move(router), {}, 2);
  server.start();
  std::atomic<int> answered = 0;
  std::atomic<int> odd = 0;
  std::vector<std::jthread> clients;
  for (int t = 0; t < 16; ++t) {
    clients.emplace_back([&] {
      Client client(server.port());
      try {
        for (;;) {
          if (client.get("/count").body != "counted") ++odd;
          ++answered;
        }
      } catch (const std::exception&) {
        // Refused before it was run, or else the counts differ.
      }
    });
  }
  wait_until("some load", [&] { return answered > 1000; });
  CHECK(server.drain(60s));
  clients.clear();
  CHECK(odd == 0);
  CHECK(answered == run);
}

namespace {

// What the process has of the heap, given back or not. Nothing where a sanitizer has it.
std::size_t heap_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

TEST_CASE("clients that are idle keep nothing of the large answers they have had") {
  const std::string large(4 * mib, 'x');
  Router router;
  router.add(Method::get, "/large",
             [&](Request&&, const Exchange& exchange) { exchange.respond(text(large)); });
  router.add(Method::post, "/large", [](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::move(request.body)));
  });
  TestServer server(std::move(router));
  server.start();
  std::deque<Client> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(server.port());
  const std::size_t before = heap_in_use();
  for (Client& client : clients) {
    REQUIRE(client.get("/large").body.size() == large.size());
    client.send(post_request("/large", std::string(60 * kib, 'x')));
    REQUIRE(client.read_answer().body.size() == 60 * kib);
  }
  // All of them are, once another has been answered.
  CHECK(clients.front().get("/nothing").status == 404);
  CHECK(heap_in_use() < before + large.size());
}

TEST_CASE("a stream whose client is always a little behind keeps only what is to be sent") {
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/stream", [&](Request&&, const Exchange& exchange) {
    exchange.stream_start({.content_type = "text/plain"}, 16 * mib);
    exchanges.put(exchange);
  });
  TestServer server(std::move(router));
  server.start();
  Client client(server.port());
  client.send(get_request("/stream"));
  const Exchange stream = exchanges.take();
  const std::size_t before = heap_in_use();
  const std::string piece(256 * kib, 'x');
  std::size_t most = 0;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(stream.stream_write(piece));
    // From here on something is always left; it never comes to an end.
    // A piece on its way from one to the other may count twice, so there may be nothing to read.
    while (stream.stream_backlog().posted + stream.stream_backlog().unread > 1 * mib)
      if (client.readable_within(1ms)) client.read_some();
    most = std::max(most, heap_in_use() - before);
  }
  CHECK(most < 16 * mib);  // of 50
  client.abort();
}

TEST_CASE("a byte of the answer now and then does not keep it for ever") {
  Limits limits;
  limits.write_timeout = 500ms;
  limits.answer_bytes_per_second = 64 * mib;
  const std::string large(64 * mib, 'x');
  Exchanges exchanges;
  Router router;
  router.add(Method::get, "/large", [&](Request&&, const Exchange& exchange) {
    exchanges.put(exchange);
    exchange.respond(text(large));
  });
  TestServer server(std::move(router), limits);
  server.start();
  Client drip(server.port());
  drip.send(get_request("/large"));
  const Exchange answer = exchanges.take();
  // Fast enough that something always moves, and slower than at a fair rate.
  std::size_t got = 0;
  const auto begin = Clock::now();
  for (int i = 1; !answer.client_gone() && got < large.size(); ++i) {
    got += drip.read_some().size();
    wait_until("the next piece's time", [&] { return Clock::now() > begin + i * 20ms; });
  }
  CHECK(answer.client_gone());
  CHECK(got < large.size());
}
