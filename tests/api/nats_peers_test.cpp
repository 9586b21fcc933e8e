// How instances ask over a real nats-server who is active.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "api/cluster/nats_peers.hpp"
#include "api/cluster/seal.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {
namespace {

using namespace std::chrono_literals;
using cluster::NatsPeers;
using Clock = std::chrono::steady_clock;

constexpr const char* subjects = "shop";
const std::string secret(cluster::min_secret, 's');

StandbyTells standby() {
  return {.author = busan, .term = {7}, .position = {9}, .eligible = true};
}
ActiveTells active() {
  return {
      .author = seoul, .term = {7}, .since = {}, .position = {9}, .agreement = "ours", .now = {}};
}

// The next thing that arrives, asking again and again.
std::optional<Peers::Arrived> ask_until_asked(NatsPeers& asks, NatsPeers& is_asked) {
  const auto deadline = Clock::now() + 60s;
  while (Clock::now() < deadline) {
    asks.ask(standby());
    if (auto arrived = is_asked.next(Clock::now() + 100ms)) return arrived;
  }
  return std::nullopt;
}

// What docs/cluster.md lets the user of NATS do whom instances log in as.
std::string documented_permissions() {
  std::ifstream file(JANGBU_DOCS "/cluster.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto begin = text.find("permissions {");
  REQUIRE(begin != text.npos);
  return text.substr(begin, text.find('}', begin) + 1 - begin);
}

TEST_CASE("who is active is heard with no more permissions than docs/cluster.md gives") {
  NatsServer nats({.jetstream = false,
                   .extra = "authorization { users: [ { user: jangbu, password: right\n" +
                            documented_permissions() + " } ] }"});
  const std::string url = "nats://jangbu:right@127.0.0.1:" + std::to_string(nats.port());
  NatsConnection here(url, "active", 60s), there(url, "standby", 60s);
  NatsPeers is_asked(here, subjects, secret), asks(there, subjects, secret);
  is_asked.listen(true);
  const auto question = ask_until_asked(asks, is_asked);
  REQUIRE(question);
  REQUIRE(question->asked);
  CHECK(question->asked->author.id == busan.id);
  question->answer(active());
  const auto deadline = Clock::now() + 60s;
  std::optional<Peers::Arrived> answer;
  while (Clock::now() < deadline && !(answer && answer->heard)) answer = asks.next(deadline);
  REQUIRE(answer);
  REQUIRE(answer->heard);
  CHECK(answer->heard->author.id == seoul.id);
}

TEST_CASE("a stranger cannot have the active instance speak where he may not") {
  NatsServer nats({.jetstream = false});
  NatsConnection here(nats.url(), "active", 60s), there(nats.url(), "stranger", 60s);
  NatsPeers is_asked(here, subjects, secret);
  is_asked.listen(true);
  std::atomic<int> in_the_log = 0, in_his_inbox = 0;
  const auto counting = [](std::atomic<int>& answers) {
    return [&answers](const NatsMessage& answer) {
      if (!natsMsg_IsNoResponders(answer.get())) ++answers;
    };
  };
  const NatsConnection::Subscription log(there, "shop.commits", counting(in_the_log));
  const NatsConnection::Subscription inbox(there, "_INBOX.his", counting(in_his_inbox));
  // Answers come in the order of the questions.
  wait_until("the answer to a stranger", [&] {
    there.publish("shop.active", "shop.commits", "who?");
    there.publish("shop.active", "_INBOX.his", "who?");
    return in_his_inbox > 1;
  });
  CHECK(in_the_log == 0);
}

}  // namespace
}  // namespace jangbu::test
