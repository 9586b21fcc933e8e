// What webhooks rely on in JetStream's durable consumers.
#include "infra/eventlog/durable_consumer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "events/errors.hpp"
#include "tests/support/nats_server.hpp"

using namespace jangbu;
using namespace jangbu::test;
using nlohmann::json;

namespace {

// A client of its own; two of them are like two processes.
struct Client {
  explicit Client(const NatsServer& nats)
      : connection(nats.url(), "test", 10s), api(connection, 10s) {}

  DurableConsumer consumer(std::vector<std::string> subjects = {"things.>"}) {
    return DurableConsumer(api, {.stream = "THINGS", .name = "reader", .subjects = subjects});
  }
  DurableConsumer::Subscription subscribe() { return {connection, consumer().options()}; }
  void create_stream() {
    REQUIRE(error_code(api.call("STREAM.CREATE.THINGS",
                                {{"name", "THINGS"}, {"subjects", {"things.>"}}})) == 0);
  }
  void publish(const std::string& text, const std::string& subject = "things.one") {
    REQUIRE(json::parse(payload(*connection.request(subject, text, 10s))).contains("seq"));
  }

  NatsConnection connection;
  JetStreamApi api;
};

std::string text_of(const std::optional<DurableConsumer::Message>& message) {
  return message ? std::string(message->payload()) : "nothing";
}

}  // namespace

TEST_CASE("A durable consumer begins with what comes after it was made, and keeps its place") {
  const NatsServer nats;
  Client client(nats);
  CHECK_THROWS_AS(client.consumer().ensure(), Unavailable);
  client.create_stream();
  client.publish("before");
  auto state = client.consumer().ensure();
  CHECK_FALSE(state.paused);
  CHECK(state.metadata.empty());
  CHECK(state.behind() == 0);
  client.publish("a");
  client.publish("b");
  CHECK(client.consumer().ensure().behind() == 2);
  {
    auto subscription = client.subscribe();
    const auto first = subscription.next(60s);
    REQUIRE(text_of(first) == "a");
    CHECK(first->deliveries() == 1);
    CHECK(first->sequence() == 2);
    CHECK(client.consumer().state().is_one_out);
    CHECK(client.consumer().state().behind() == 2);
    subscription.acknowledge(*first);
    const auto second = subscription.next(60s);
    REQUIRE(text_of(second) == "b");
    subscription.acknowledge(*second);
    CHECK(text_of(subscription.next(0ms)) == "nothing");
  }
}

TEST_CASE("What a durable consumer wants can change") {
  const NatsServer nats;
  Client client(nats);
  client.create_stream();
  client.consumer({"things.one"}).ensure();
  client.publish("a", "things.one");
  client.publish("b", "things.two");
  CHECK(client.consumer().state().behind() == 1);
  CHECK(client.consumer({"things.one", "things.two"}).ensure().behind() == 2);
  CHECK(client.consumer({"things.three"}).ensure().behind() == 0);
}

TEST_CASE("A durable consumer whose maker died before it had a place begins where that was to be") {
  const NatsServer nats;
  Client client(nats);
  client.create_stream();
  client.publish("before");
  client.publish("after");
  REQUIRE(error_code(client.api.call("CONSUMER.CREATE.THINGS.reader",
                                     {{"stream_name", "THINGS"},
                                      {"config",
                                       {{"name", "reader"},
                                        {"durable_name", "reader"},
                                        {"ack_policy", "explicit"},
                                        {"ack_wait", 30'000'000'000},
                                        {"max_ack_pending", 1},
                                        {"metadata", {{"jangbu-new", "2"}}},
                                        {"pause_until", "2200-01-01T00:00:00Z"}}}})) == 0);
  const auto state = client.consumer().ensure();
  CHECK(state.behind() == 1);
  CHECK_FALSE(state.is_new);
  CHECK_FALSE(state.paused);
  CHECK(state.metadata.empty());
}

TEST_CASE("A durable consumer that was made anew can be told from the one before") {
  const NatsServer nats;
  Client client(nats);
  client.create_stream();
  auto consumer = client.consumer();
  const auto first = consumer.ensure();
  CHECK(first.is_new);
  consumer.pause({{"why", "to see"}});
  consumer.resume();
  const auto same = Client(nats).consumer().ensure();
  CHECK_FALSE(same.is_new);
  CHECK(same.made == first.made);
  REQUIRE(error_code(client.api.call("CONSUMER.DELETE.THINGS.reader", nullptr)) == 0);
  const auto other = consumer.ensure();
  CHECK(other.is_new);
  CHECK(other.made != first.made);
}

TEST_CASE("A message that waits comes at once when the consumer has another revision") {
  const NatsServer nats;
  Client client(nats);
  client.create_stream();
  client.consumer().ensure();
  client.publish("a");
  auto subscription = client.subscribe();
  const auto message = subscription.next(60s);
  REQUIRE(text_of(message) == "a");
  subscription.give_back(*message, 1h);
  const auto of_revision = [&](const std::string& revision) {
    return DurableConsumer(
        client.api,
        {.stream = "THINGS", .name = "reader", .subjects = {"things.>"}, .revision = revision});
  };
  CHECK(of_revision("1").ensure().revision == "1");
  const auto again = subscription.next(60s);
  REQUIRE(text_of(again) == "a");
  subscription.give_back(*again, 1h);
  of_revision("1").ensure();
  CHECK(text_of(subscription.next(100ms)) == "nothing");
}

TEST_CASE("A message that was given back comes again before any other, to whoever pulls") {
  const NatsServer nats;
  Client one(nats), other(nats);
  one.create_stream();
  one.consumer().ensure();
  for (const char* text : {"a", "b", "c"}) one.publish(text);
  auto first = one.subscribe();
  auto message = first.next(60s);
  REQUIRE(text_of(message) == "a");
  auto second = other.subscribe();
  CHECK(text_of(second.next(100ms)) == "nothing");  // one at a time
  first.give_back(*message, 10ms);
  // The server chooses whom to give it.
  std::string order;
  for (std::uint64_t deliveries = 2; order.size() < 3;) {
    for (auto* subscription : {&first, &second})
      if (const auto next = subscription->next(100ms)) {
        CHECK(next->deliveries() == deliveries);
        deliveries = 1;
        order += next->payload();
        subscription->acknowledge(*next);
      }
  }
  CHECK(order == "abc");
}

TEST_CASE("A durable consumer can be paused and reset to any place") {
  const NatsServer nats;
  Client client(nats);
  client.create_stream();
  for (const char* text : {"a", "b", "c"}) client.publish(text);
  auto consumer = client.consumer();
  consumer.ensure();
  auto subscription = client.subscribe();
  consumer.pause({{"why", "to see"}});
  client.publish("d");
  CHECK(text_of(subscription.next(100ms)) == "nothing");
  CHECK(consumer.ensure().paused);  // as another process would
  CHECK(consumer.state().metadata == DurableConsumer::Metadata{{"why", "to see"}});
  consumer.resume();
  CHECK(consumer.state().metadata.empty());
  consumer.reset(2);
  CHECK(consumer.state().behind() == 3);
  auto message = subscription.next(60s);
  REQUIRE(text_of(message) == "b");
  subscription.acknowledge(*message);
  message = subscription.next(60s);
  REQUIRE(text_of(message) == "c");
  consumer.reset(0);  // to what is not acknowledged
  message = subscription.next(60s);
  REQUIRE(text_of(message) == "c");
  CHECK(message->deliveries() == 1);
  consumer.reset(5);
  CHECK(consumer.state().behind() == 0);
}
