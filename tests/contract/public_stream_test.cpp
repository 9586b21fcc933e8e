// What the publisher relies on in JetStream's atomic batches (ADR-50), and in our use of them.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "infra/eventlog/nats_connection.hpp"
#include "infra/eventlog/public_stream.hpp"
#include "tests/contract/logs.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using nlohmann::json;

// A stream over a proxy, and an administrator who needs none.
struct StreamUnderTest {
  explicit StreamUnderTest(std::uint64_t max_bytes = std::uint64_t{64} << 20)
      : max(max_bytes),
        proxy(server.port()),
        stream(connect(proxy.port())),
        admin(server.url(), "test", 10s) {
    stream->open();
  }

  std::unique_ptr<PublicStream> connect(int port) const {
    return std::make_unique<PublicStream>(
        PublicStreamOptions{.url = "nats://127.0.0.1:" + std::to_string(port),
                            .max_bytes = max,
                            .request_timeout = 1s},
        10s);
  }
  json call(const std::string& what, const json& body = nullptr) {
    return json::parse(payload(
        *admin.request("$JS.API." + what, body.is_null() ? std::string() : body.dump(), 10s)));
  }
  std::uint64_t last() { return stream->find()->last; }
  std::string data(std::uint64_t sequence) {
    const auto message = stream->message(sequence);
    return message ? message->data : "";
  }

  const std::uint64_t max;
  NatsServer server;
  TcpProxy proxy;
  std::unique_ptr<PublicStream> stream;
  NatsConnection admin;
};

std::vector<PublicStream::Message> messages(const std::string& text, std::size_t count = 1) {
  std::vector<PublicStream::Message> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back({"jangbu.shop.purchase.Test", text + std::to_string(i), commit_id(1)});
  return all;
}

// Part of a batch, of which nothing is complete before its commit.
void stage(NatsConnection& connection, const std::string& batch, std::uint64_t expected_last,
           unsigned from, unsigned to, const std::string& reply = {}) {
  for (unsigned i = from; i <= to; ++i) {
    const auto message = make_message("jangbu.shop.purchase.Test", i == to ? reply : "", "staged");
    set_header(*message, "Nats-Batch-Id", batch);
    set_header(*message, "Nats-Batch-Sequence", std::to_string(i));
    if (i == 1) set_header(*message, "Nats-Expected-Last-Sequence", std::to_string(expected_last));
    if (i == to && !reply.empty()) set_header(*message, "Nats-Batch-Commit", "1");
    connection.publish(*message);
  }
}

// Everything that this connection has sent is with the server.
void settle(NatsConnection& connection) {
  connection.request("$JS.API.INFO", "", 10s);
}

json answer_to(NatsConnection& connection, const auto& send) {
  NatsConnection::Mailbox mailbox(connection, connection.unique_name());
  send(mailbox.subject());
  std::deque<NatsMessage> answers;
  REQUIRE(mailbox.wait(NatsConnection::Clock::now() + 60s, answers) ==
          NatsConnection::Mailbox::Event::messages);
  return json::parse(payload(*answers.front()));
}

TEST_CASE("a batch is stored whole, directly behind the sequence that it expects", "[contract]") {
  StreamUnderTest test;
  CHECK(std::get<Appended>(test.stream->append(0, messages("a", 3), 10s)).position == Position{3});
  CHECK(std::get<Appended>(test.stream->append(3, messages("b", 1), 10s)).position == Position{4});
  const auto most = messages("c", PublicStream::most_in_batch);
  CHECK(std::get<Appended>(test.stream->append(4, most, 60s)).position == Position{1'004});

  for (const std::uint64_t wrong : {0, 3, 1'003, 1'005}) {
    CHECK(std::holds_alternative<WrongSequence>(test.stream->append(wrong, messages("x", 2), 10s)));
    CHECK(std::holds_alternative<WrongSequence>(test.stream->append(wrong, messages("x", 1), 10s)));
  }
  CHECK(test.last() == 1'004);
  CHECK(test.data(3) == "a2");
  CHECK(test.data(4) == "b0");
  CHECK(test.stream->message(4)->header(PublicStream::commit_id_header) == to_string(commit_id(1)));
  CHECK(test.stream->message(4)->header("Content-Type") == "application/cloudevents+json");
  CHECK_FALSE(test.stream->message(1'005));
}

TEST_CASE("a batch's fence is judged when the batch is complete", "[contract]") {
  StreamUnderTest test;
  stage(test.admin, "overtaken", 0, 1, 2);
  settle(test.admin);
  CHECK(test.last() == 0);
  REQUIRE(std::holds_alternative<Appended>(test.stream->append(0, messages("first"), 10s)));

  const json refused = answer_to(test.admin, [&](const std::string& reply) {
    stage(test.admin, "overtaken", 0, 3, 3, reply);
  });
  CHECK(refused.at("error").at("err_code") == 10071);
  CHECK(test.last() == 1);
  CHECK(test.data(1) == "first0");
}

TEST_CASE("the batch of a publisher that was killed does not land behind its successor's",
          "[contract]") {
  StreamUnderTest test;
  {
    NatsConnection killed(test.server.url(), "killed", 10s);
    stage(killed, "orphan", 0, 1, 2);
    settle(killed);
  }
  REQUIRE(std::holds_alternative<Appended>(test.stream->append(0, messages("heir", 2), 10s)));
  const json refused = answer_to(
      test.admin, [&](const std::string& reply) { stage(test.admin, "orphan", 0, 3, 3, reply); });
  CHECK(refused.contains("error"));
  CHECK(test.last() == 2);
  CHECK(test.data(2) == "heir1");
}

TEST_CASE("abandoned batches hold others up only until the server forgets them", "[contract]") {
  StreamUnderTest test;
  constexpr int more_than_the_server_takes = 60;  // max_batch_inflight_per_stream is 50
  for (int i = 0; i < more_than_the_server_takes; ++i)
    stage(test.admin, "abandoned-" + std::to_string(i), 0, 1, 1);
  settle(test.admin);
  CHECK(std::holds_alternative<NoAnswer>(test.stream->append(0, messages("a", 2), 10s)));
  wait_until("a batch that is taken", [&] {
    return std::holds_alternative<Appended>(test.stream->append(0, messages("b", 2), 10s));
  });
  CHECK(test.last() == 2);
}

TEST_CASE("after a lost acknowledgement the last message says what became of a batch",
          "[contract]") {
  StreamUnderTest test;
  test.proxy.set_mute(true);
  CHECK(std::holds_alternative<NoAnswer>(test.stream->append(0, messages("a", 3), 300ms)));
  wait_until("the acknowledgement", [&] { return test.proxy.held_back() > 0; });
  test.proxy.cut();
  test.proxy.set_mute(false);
  wait_until("the stream", [&] {
    try {
      return test.last() == 3;
    } catch (const Unavailable&) {
      return false;
    }
  });
  CHECK(test.data(3) == "a2");
  CHECK(std::holds_alternative<WrongSequence>(test.stream->append(0, messages("a", 3), 10s)));
  CHECK(std::holds_alternative<Appended>(test.stream->append(3, messages("b", 3), 10s)));
}

TEST_CASE("a full stream refuses, and takes more once there is room", "[contract]") {
  StreamUnderTest test(1 << 20);
  const std::vector<PublicStream::Message> large(
      2, {"jangbu.shop.purchase.Test", std::string(300'000, 'x'), commit_id(1)});
  REQUIRE(std::holds_alternative<Appended>(test.stream->append(0, large, 10s)));
  const auto full = test.stream->append(2, large, 10s);
  REQUIRE(std::holds_alternative<NoAnswer>(full));
  CHECK_THAT(std::get<NoAnswer>(full).why, ContainsSubstring("maximum bytes exceeded"));
  test.stream->purge_before(2);
  CHECK(test.stream->find()->first == 2);
  CHECK(std::holds_alternative<Appended>(test.stream->append(2, {large.data(), 1}, 10s)));
}

TEST_CASE("a durable consumer has fewer messages to read once some were purged", "[contract]") {
  StreamUnderTest test;
  REQUIRE(std::holds_alternative<Appended>(test.stream->append(0, messages("a", 10), 10s)));
  for (const char* name : {"warehouse", "passing"}) {
    json config{{"ack_policy", "explicit"}, {"name", name}};
    if (name == std::string("warehouse")) config["durable_name"] = name;
    const json made = test.call("CONSUMER.CREATE.SHOP_PUBLIC." + std::string(name),
                                {{"stream_name", "SHOP_PUBLIC"}, {"config", config}});
    REQUIRE_FALSE(made.contains("error"));
  }
  const auto pending = [&] {
    const auto readers = test.stream->readers();
    REQUIRE(readers.size() == 1);
    CHECK(readers.front().name == "warehouse");
    return readers.front().pending;
  };
  CHECK(pending() == 10);
  test.stream->purge_before(8);
  CHECK(pending() == 3);
}

TEST_CASE("a public stream that was made differently is refused, and its size is put right",
          "[contract]") {
  StreamUnderTest test;
  CHECK(test.call("STREAM.INFO.SHOP_PUBLIC").at("config").at("max_bytes") == 64 << 20);
  PublicStream larger({.url = test.server.url(), .max_bytes = 128 << 20}, 10s);
  larger.open();
  CHECK(test.call("STREAM.INFO.SHOP_PUBLIC").at("config").at("max_bytes") == 128 << 20);

  json config = test.call("STREAM.INFO.SHOP_PUBLIC").at("config");
  config["max_age"] = 3'600'000'000'000;
  REQUIRE_FALSE(test.call("STREAM.UPDATE.SHOP_PUBLIC", config).contains("error"));
  CHECK_THROWS_MATCHES(larger.open(), Corrupt, MessageMatches(ContainsSubstring("max_age")));
}

TEST_CASE("somebody else's stream of that name is left as it is", "[contract]") {
  StreamUnderTest test(1 << 20);
  REQUIRE_FALSE(test.call("STREAM.DELETE.SHOP_PUBLIC").contains("error"));
  REQUIRE_FALSE(test.call("STREAM.CREATE.SHOP_PUBLIC",
                          {{"name", "SHOP_PUBLIC"}, {"subjects", {"theirs"}}, {"discard", "old"}})
                    .contains("error"));
  for (int i = 0; i < 4; ++i) test.admin.request("theirs", std::string(300'000, 'x'), 10s);
  CHECK_THROWS_AS(test.stream->open(), Corrupt);
  CHECK(test.stream->find()->messages == 4);
}

TEST_CASE("a stream that cannot be made says what to do", "[contract]") {
  StreamUnderTest test;
  PublicStream same_shop({.url = test.server.url(), .stream = "OTHER_PUBLIC", .max_bytes = 1 << 20},
                         10s);
  CHECK_THROWS_MATCHES(same_shop.open(), Corrupt, MessageMatches(ContainsSubstring("--shop")));

  const NatsServer small({.in_jetstream = "max_file_store: 10MB"});
  PublicStream large({.url = small.url(), .max_bytes = 64 << 20}, 10s);
  CHECK_THROWS_MATCHES(large.open(), Corrupt,
                       MessageMatches(ContainsSubstring("--public-max-bytes")));
}

TEST_CASE("word left for the publisher is kept in the stream", "[contract]") {
  StreamUnderTest test;
  CHECK(test.stream->find()->resume_from.empty());
  test.stream->resume("42.0 after 7");
  CHECK(test.stream->find()->resume_from == "42.0 after 7");
  CHECK(test.stream->open().resume_from == "42.0 after 7");
}

}  // namespace
}  // namespace jangbu::test
