// Subscriptions on a real server: broken connections, refusals, handlers that are slow.

#include "infra/eventlog/nats_connection.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "events/errors.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {
namespace {

using namespace std::chrono_literals;
using Subscription = NatsConnection::Subscription;

constexpr auto patience = 60s;

// The payloads that have arrived.
class Heard {
 public:
  Subscription::Handler handler() {
    return [this](NatsMessage message) {
      const std::lock_guard lock(mutex_);
      texts_.emplace_back(payload(*message));
    };
  }
  std::vector<std::string> texts() const {
    const std::lock_guard lock(mutex_);
    return texts_;
  }
  bool has(const std::string& text) const { return std::ranges::count(texts(), text) > 0; }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

std::string through(const TcpProxy& proxy) {
  return "nats://127.0.0.1:" + std::to_string(proxy.port());
}

TEST_CASE("a subscription hears what others publish, also after its connection was lost",
          "[contract]") {
  const NatsServer server;
  TcpProxy proxy(server.port());
  NatsConnection others(server.url(), "others", patience);
  NatsConnection connection(through(proxy), "test", patience);
  Heard heard;
  const Subscription subscription(connection, "shop.*.talk", heard.handler());
  const auto hears = [&](const std::string& text) {
    wait_until(text, [&] {
      others.publish("shop.a.talk", text);
      return heard.has(text);
    });
  };

  hears("before");
  proxy.cut();
  hears("after");
  CHECK(connection.losses() == 1);
}

TEST_CASE("a subscription may begin while there is no connection", "[contract]") {
  const NatsServer server;
  TcpProxy proxy(server.port());
  NatsConnection others(server.url(), "others", patience);
  NatsConnection connection(through(proxy), "test", patience);
  proxy.set_closed(true);
  proxy.cut();
  wait_until("the loss", [&] { return !connection.why_away().empty(); });

  Heard heard;
  const Subscription subscription(connection, "shop.talk", heard.handler());
  proxy.set_closed(false);
  wait_until("the connection", [&] {
    others.publish("shop.talk", "hello");
    return heard.has("hello");
  });
}

TEST_CASE("a request to a subject that nobody subscribes is told so at once", "[contract]") {
  const NatsServer server;
  NatsConnection connection(server.url(), "test", patience);
  NatsConnection others(server.url(), "others", patience);
  const auto ask = [&] { return connection.request("shop.ask", "?", patience); };
  CHECK(natsMsg_IsNoResponders(ask().get()));
  {
    const Subscription answering(others, "shop.ask", [&](const NatsMessage& asked) {
      others.publish(natsMsg_GetReply(asked.get()), "!");
    });
    wait_until("an answer", [&] {
      const NatsMessage answer = ask();
      return !natsMsg_IsNoResponders(answer.get()) && payload(*answer) == "!";
    });
  }
  // The server may hand it a request before it knows of the end.
  wait_until("the end of the subscription", [&] {
    try {
      return natsMsg_IsNoResponders(connection.request("shop.ask", "?", 1s).get());
    } catch (const Unavailable&) {
      return false;
    }
  });
}

TEST_CASE("what a slow handler leaves waiting is bounded", "[contract]") {
  const NatsServer server;
  NatsConnection connection(server.url(), "test", patience);
  Heard heard;
  std::promise<void> go_on;
  const Subscription subscription(
      connection, "shop.talk",
      [record = heard.handler(), wait = go_on.get_future().share()](NatsMessage message) {
        wait.wait();
        record(std::move(message));
      },
      10'000);
  for (int i = 0; i < 100; ++i) connection.publish("shop.talk", std::string(1'000, 'x'));
  // The server sends in order, so everything before this has arrived.
  NatsConnection::Mailbox mailbox(connection, connection.unique_name());
  connection.publish(mailbox.subject(), "x");
  std::deque<NatsMessage> all;
  REQUIRE(mailbox.wait(NatsConnection::Clock::now() + patience, all) ==
          NatsConnection::Mailbox::Event::messages);

  go_on.set_value();
  wait_until("a message after those that were dropped", [&] {
    connection.publish("shop.talk", "last");
    return heard.has("last");
  });
  CHECK(std::ranges::count(heard.texts(), std::string(1'000, 'x')) < 20);
}

TEST_CASE("a subscription that is not permitted costs nobody the connection", "[contract]") {
  const NatsServer server({.extra = "authorization { users: [ { user: u, password: p, "
                                    "permissions: { subscribe: { deny: ['secret.>'] } } } ] }"});
  NatsConnection connection("nats://u:p@127.0.0.1:" + std::to_string(server.port()), "test",
                            patience);
  const auto began = NatsConnection::Clock::now();
  Heard heard;
  const Subscription refused(connection, "secret.talk", heard.handler());
  wait_until("the refusal", [&] { return !connection.complaint_since(began).empty(); });
  const Subscription permitted(connection, "shop.talk", heard.handler());
  connection.publish("shop.talk", "hello");
  wait_until("the message", [&] { return heard.has("hello"); });
  CHECK(connection.losses() == 0);
}

}  // namespace
}  // namespace jangbu::test
