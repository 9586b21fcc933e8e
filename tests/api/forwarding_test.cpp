// What an instance does with commands for another: the protocol, with time and messages handed in.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/cluster/forwarder_machine.hpp"
#include "api/cluster/forwarding_format.hpp"
#include "api/cluster/receiver.hpp"
#include "commands/writer.hpp"
#include "tests/support/property.hpp"

namespace jangbu::test {
namespace {

using namespace std::chrono_literals;
using cluster::ForwarderMachine;
using Outcome = ForwarderMachine::Outcome;
using Outgoing = ForwarderMachine::Outgoing;

http::Request purchase(std::string body) {
  http::Request request;
  request.method = http::Method::post;
  request.target = "/purchases";
  request.body = std::move(body);
  return request;
}

std::string item_of(const std::string& body) {
  const http::Request request = purchase(body);
  return cluster::request_item(
      {.service = "purchase", .request = request, .body = request.body, .asker = *anyone()});
}

cluster::Message read(const std::string& bytes) {
  return std::get<cluster::Message>(cluster::read_message(bytes).value());
}

// An instance that forwards, with what its clients were told.
class Instance {
 public:
  explicit Instance(ForwarderMachine::Options options = {}) : machine(options) {}

  void knows(std::uint64_t term) { machine.set_standing({.term = {term}}, now); }
  void submit(const std::string& body) {
    machine.submit({.item = item_of(body),
                    .answer = [this, body](http::Response response) { told[body] = response; },
                    .wanted = [this, body] { return gone != body; }},
                   now);
  }
  std::optional<Outgoing> next() { return machine.next(now, {now.time_since_epoch().count()}); }
  // The bodies that go out now.
  std::vector<std::string> sends() {
    std::vector<std::string> bodies;
    if (const auto out = next()) {
      last = *out;
      for (const auto& item : read(out->bytes).items) bodies.emplace_back(item.body);
    }
    return bodies;
  }
  void answer(std::uint64_t number, std::uint32_t item, int status, std::string body) {
    cluster::MessageWriter writer({});
    writer.add(item,
               cluster::answer_item(
                   {.status = status, .content_type = "text/plain", .body = std::move(body)}));
    const std::string bytes = std::move(writer).take();
    machine.answered(number, read(bytes), now);
    give();
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    machine.tick(now);
    give();
  }
  void give() {
    for (auto& done : machine.take_done()) {
      outcomes.push_back(done.outcome);
      if (done.outcome != Outcome::abandoned) done.answer(std::move(done.response));
    }
  }

  ForwarderMachine machine;
  ForwarderMachine::Time now{1h};
  Outgoing last;
  std::string gone;
  std::map<std::string, http::Response> told;
  std::vector<Outcome> outcomes;
};

using Bodies = std::vector<std::string>;

std::string code(const http::Response& response) {
  return nlohmann::json::parse(response.body).at("code");
}

TEST_CASE("requests that gather while a message is on its way go in one") {
  Instance instance;
  instance.knows(7);
  instance.submit("a");
  CHECK(instance.sends() == Bodies{"a"});
  CHECK(instance.last.term == Position{7});
  instance.submit("b");
  instance.submit("c");
  CHECK(instance.sends().empty());
  CHECK(instance.machine.wake_at() > instance.now);  // nobody needs to look for it before
  instance.answer(1, 0, 201, "A");
  CHECK(instance.machine.wake_at() <= instance.now);
  CHECK(instance.told.at("a").body == "A");
  CHECK(instance.told.at("a").status == 201);
  CHECK(instance.sends() == Bodies{"b", "c"});
  instance.answer(2, 1, 200, "C");
  CHECK(instance.told.at("c").body == "C");
  CHECK_FALSE(instance.told.contains("b"));
  instance.answer(2, 0, 200, "B");
  CHECK(instance.told.at("b").body == "B");
  CHECK(instance.machine.bytes() == 0);
}

TEST_CASE("a message whose answers take long does not hold back the next one") {
  Instance instance;
  instance.knows(7);
  instance.submit("slow");
  CHECK(instance.sends() == Bodies{"slow"});
  instance.submit("b");
  CHECK(instance.sends().empty());
  const auto wake = instance.machine.wake_at();
  CHECK(wake < instance.now + 1s);
  instance.now = wake;
  CHECK(instance.sends() == Bodies{"b"});
  instance.submit("c");
  instance.answer(1, 0, 201, "slow");  // does not tell of the one that is on its way now
  CHECK(instance.sends().empty());
  instance.answer(2, 0, 201, "B");
  CHECK(instance.sends() == Bodies{"c"});
}

TEST_CASE("a message is bounded, and one request always fits") {
  Instance instance({.message_bytes = 1'000, .turn = 0ms});
  instance.knows(7);
  for (const char body : {'a', 'b', 'c'}) instance.submit(std::string(600, body));
  instance.submit(std::string(5'000, 'd'));
  for (const char body : {'a', 'b', 'c'}) CHECK(instance.sends() == Bodies{std::string(600, body)});
  CHECK(instance.sends() == Bodies{std::string(5'000, 'd')});
}

TEST_CASE("more than there is room for is turned away, whether it waits or was sent") {
  Instance instance({.most_bytes = 3'000});
  instance.knows(7);
  instance.submit(std::string(1'000, 'a'));
  CHECK(instance.sends().size() == 1);
  instance.submit(std::string(1'000, 'b'));
  const std::string large(1'000, 'c');
  instance.submit(large);
  instance.give();
  CHECK(code(instance.told.at(large)) == "overloaded");
  instance.answer(1, 0, 200, "");
  instance.submit("d");
  instance.give();
  CHECK_FALSE(instance.told.contains("d"));
}

TEST_CASE("while nobody is active, commands wait; at their deadline they are told so") {
  Instance instance;
  instance.submit("a");
  CHECK(instance.sends().empty());
  instance.pass(4s);
  CHECK(instance.told.empty());
  instance.submit("b");
  instance.pass(1s);
  CHECK(code(instance.told.at("a")) == "not-ready");
  CHECK(instance.outcomes == std::vector{Outcome::not_active});
  instance.knows(3);
  CHECK(instance.sends() == Bodies{"b"});
}

TEST_CASE("what was not taken is sent to the next active instance, in its order") {
  Instance instance;
  instance.knows(3);
  instance.submit("a");
  instance.submit("b");
  CHECK(instance.sends() == Bodies{"a", "b"});
  instance.submit("c");
  instance.machine.not_taken(1, instance.now);
  CHECK(instance.sends().empty());  // the same one is not asked again at once
  instance.knows(9);
  CHECK(instance.sends() == Bodies{"a", "b", "c"});
  CHECK(instance.last.term == Position{9});
  CHECK(instance.last.number == 2);
}

TEST_CASE("who did not take a message is asked again after a pause") {
  Instance instance;
  instance.knows(3);
  instance.submit("a");
  CHECK(instance.sends() == Bodies{"a"});
  instance.machine.not_taken(1, instance.now);
  CHECK(instance.sends().empty());
  instance.now = instance.machine.wake_at();
  CHECK(instance.sends() == Bodies{"a"});
  instance.machine.not_taken(2, instance.now);
  instance.pass(5s);
  CHECK(code(instance.told.at("a")) == "not-ready");
}

TEST_CASE("what was sent and not answered is not sent again, and its outcome is unknown") {
  Instance instance;
  instance.knows(3);
  instance.submit("a");
  CHECK(instance.sends() == Bodies{"a"});
  instance.knows(9);
  CHECK(instance.sends().empty());
  instance.pass(6s);
  CHECK(code(instance.told.at("a")) == "outcome-unknown");
  instance.answer(1, 0, 201, "late");
  CHECK(code(instance.told.at("a")) == "outcome-unknown");
  CHECK(instance.machine.bytes() == 0);
}

TEST_CASE("what the writer says at its own deadline comes in time") {
  Instance instance;
  instance.knows(3);
  instance.submit("a");
  CHECK(instance.sends() == Bodies{"a"});
  instance.pass(Writer::Options{}.deadline + 100ms);
  instance.answer(1, 0, 503, "nothing was done");
  CHECK(instance.told.at("a").body == "nothing was done");
}

TEST_CASE("once another is active, what the last one was sent is soon called unknown") {
  Instance instance({.answer_deadline = 5s, .after_its_term = 200ms});
  instance.knows(7);
  instance.submit("a");
  CHECK(instance.sends() == Bodies{"a"});
  instance.knows(0);  // nobody is known to be active: it may still be the same one
  instance.pass(1s);
  CHECK(instance.told.empty());
  instance.knows(9);
  instance.pass(199ms);
  CHECK(instance.told.empty());
  instance.submit("b");
  CHECK(instance.sends() == Bodies{"b"});
  instance.pass(1ms);
  CHECK(code(instance.told.at("a")) == "outcome-unknown");
  instance.pass(4s);  // what the new one was sent has its whole time
  CHECK_FALSE(instance.told.contains("b"));
}

TEST_CASE("an answer that comes twice, or answers nothing, is passed over") {
  Instance instance;
  instance.knows(3);
  instance.submit("a");
  instance.submit("b");
  CHECK(instance.sends() == Bodies{"a", "b"});
  instance.answer(1, 0, 201, "first");
  instance.answer(1, 0, 201, "second");
  instance.answer(1, 7, 201, "nothing");
  instance.answer(8, 0, 201, "nothing");
  CHECK(instance.told.at("a").body == "first");
  instance.machine.not_taken(1, instance.now);
  CHECK(instance.told.size() == 1);
  instance.knows(4);
  CHECK(instance.sends() == Bodies{"b"});
}

TEST_CASE("whoever is to be told something is so at once") {
  Instance instance({.most_bytes = 1'000});
  CHECK(instance.machine.wake_at() == ForwarderMachine::Time::max());
  instance.submit("a");  // nobody is active
  CHECK(instance.machine.wake_at() == instance.now + 5s);
  instance.submit(std::string(1'000, 'b'));
  CHECK(instance.machine.wake_at() <= instance.now);  // it is turned away
  instance.give();
  CHECK(instance.machine.wake_at() == instance.now + 5s);
  instance.knows(3);
  CHECK(instance.machine.wake_at() <= instance.now);
}

TEST_CASE("a client that leaves before its command was sent is not served") {
  Instance instance;
  instance.submit("a");
  instance.submit("b");
  instance.gone = "a";
  instance.knows(3);
  CHECK(instance.sends() == Bodies{"b"});
  instance.give();
  CHECK(instance.outcomes == std::vector{Outcome::abandoned});
}

TEST_CASE("a forwarded request is read as it was, but for its credentials") {
  http::Request request = purchase("body");
  request.target = "/purchases/%ED%99%8D/x?a=1&b";
  for (const auto& [name, value] :
       {std::pair("Authorization", "Bearer secret"), std::pair("cookie", "secret"),
        std::pair("idempotency-key", "k"), std::pair("Idempotency-Key", "k2"),
        std::pair("If-Match", "\"1.0\""), std::pair("X-Request-Id", "id")})
    request.headers.add(name, value);
  const Principal asker{.id = {{1, 2, 3}},
                        .name = "https://id.example|kim",
                        .roles = {Role::buyer, Role::carrier},
                        .carrier = "CJ"};
  cluster::MessageWriter writer({{":at", "12"}, {":unknown", "x"}});
  writer.add(3, cluster::request_item({.service = "purchase",
                                       .request = request,
                                       .body = request.body,
                                       .asker = asker,
                                       .row = 9}));
  const std::string bytes = std::move(writer).take();
  CHECK(bytes.find("secret") == bytes.npos);

  const cluster::Message message = read(bytes);
  CHECK(message.members.number(":at") == 12);
  REQUIRE(message.items.size() == 1);
  CHECK(message.items[0].number == 3);
  const auto forwarded = cluster::read_request(message.items[0]).value();
  CHECK(forwarded.service == "purchase");
  CHECK(forwarded.row == 9);
  CHECK(forwarded.request.method == http::Method::post);
  CHECK(forwarded.request.target == request.target);
  CHECK(forwarded.request.segments == std::vector<std::string>{"purchases", "홍", "x"});
  CHECK(forwarded.request.query_value("a") == "1");
  CHECK(forwarded.request.body == "body");
  REQUIRE(forwarded.request.headers.size() == 4);
  CHECK(forwarded.request.headers[1].value == "k2");
  CHECK(forwarded.request.header("If-Match") == "\"1.0\"");
  REQUIRE(forwarded.asker);
  CHECK(forwarded.asker->id == asker.id);
  CHECK(forwarded.asker->name == asker.name);
  CHECK(forwarded.asker->roles == asker.roles);
  CHECK(forwarded.asker->carrier == "CJ");
  CHECK_FALSE(forwarded.asker->may_all);
}

TEST_CASE("an answer is read as it was") {
  const http::Response answer{.status = 201,
                              .content_type = "application/json",
                              .body = "{}",
                              .headers = {{"ETag", "\"7.0\""}, {"Location", "/x"}}};
  cluster::MessageWriter writer({});
  writer.add(0, cluster::answer_item(answer));
  const std::string bytes = std::move(writer).take();
  const cluster::Message message = read(bytes);
  const auto same = cluster::read_answer(message.items.at(0)).value();
  CHECK(same.status == answer.status);
  CHECK(same.content_type == answer.content_type);
  CHECK(same.body == answer.body);
  CHECK(same.headers == answer.headers);
}

TEST_CASE("bytes that are no message, or not all of one, are not read") {
  cluster::MessageWriter writer({{":at", std::string("12")}});
  writer.add(0, item_of("body"));
  const std::string bytes = std::move(writer).take();
  CHECK(cluster::read_message(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(cluster::read_message(bytes.substr(0, size)));
  CHECK_FALSE(cluster::read_message(bytes + "x"));
  // A number that is larger than anything that follows must not be believed.
  CHECK_FALSE(cluster::read_message(std::string(1, '\1') + std::string(8, '\xff')));
  const auto other = cluster::read_message("\11whatever");
  REQUIRE(other);
  CHECK(std::get<cluster::OtherVersion>(*other).version == 9);
}

TEST_CASE("a message that was taken is not called undone when it is played back later") {
  cluster::ReceiverMachine receiver;
  const Timestamp now{1'000'000};
  const std::string bytes = cluster::MessageWriter({{":at", std::to_string(now.ms)}}).take();
  const Standing active{.active = true, .term = {5}, .instance = {}, .name = "seoul"};
  const auto receive = [&](const Standing& standing, std::uint64_t number) {
    return receiver.receive(standing, {5}, "busan", number, bytes, now);
  };
  CHECK(std::holds_alternative<cluster::Message>(receive(active, 2)));
  CHECK(std::holds_alternative<cluster::ReceiverMachine::Ignored>(receive(active, 2)));
  // Deposed: what is new was not done, what was taken may have been.
  CHECK(std::holds_alternative<cluster::ReceiverMachine::Ignored>(receive({}, 2)));
  CHECK(std::holds_alternative<cluster::ReceiverMachine::Undone>(receive({}, 1)));
  CHECK(std::holds_alternative<cluster::ReceiverMachine::Undone>(receive({}, 3)));
}

TEST_CASE("of each sender a message is taken once, also when one overtakes another") {
  cluster::TakenMessages taken;
  const Timestamp now{1'000'000};
  CHECK(taken.take("a", 1, now));
  CHECK_FALSE(taken.take("a", 1, now));
  CHECK(taken.take("b", 1, now));
  CHECK(taken.take("a", 4, now));
  CHECK(taken.take("a", 3, now));
  CHECK_FALSE(taken.take("a", 3, now));
  CHECK_FALSE(taken.take("a", 4, now));
  CHECK(taken.take("a", 64, now));
  CHECK(taken.take("a", 2, now));
  CHECK_FALSE(taken.take("a", 1, now));
  CHECK(taken.take("a", 1'000, now));
  CHECK_FALSE(taken.take("a", 5, now));  // it may have been
}

TEST_CASE("senders are forgotten once their messages are too old to be believed") {
  cluster::TakenMessages taken;
  Timestamp now{1'000'000};
  for (std::size_t i = 0; i < cluster::TakenMessages::most_senders; ++i)
    REQUIRE(taken.take(std::to_string(i), 1, now));
  CHECK_FALSE(taken.take("another", 1, now));
  CHECK_FALSE(taken.take("7", 1, now));
  now.ms += 2 * cluster::TakenMessages::believed_ms + 1;
  CHECK(taken.take("another", 1, now));
}

TEST_CASE(
    "whatever is lost, late or doubled on the way, a request is answered once, and taken once at "
    "most") {
  property("each is answered once, and taken once at most", [] {
    Instance instance;
    struct OnTheNet {
      std::uint64_t number;
      Position term;
      std::vector<std::string> bodies;
    };
    std::vector<OnTheNet> net;
    std::map<std::string, int> taken;  // how often somebody who was active took it
    std::map<std::string, int> answers;
    std::uint64_t term = 1;
    int made = 0;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12));
    const auto give = [&] {
      for (auto& done : instance.machine.take_done()) {
        instance.outcomes.push_back(done.outcome);
        done.answer(std::move(done.response));
      }
    };
    for (const int step : steps) {
      if (step < 3) {
        const std::string body = std::to_string(made++);
        instance.machine.submit(
            {.item = item_of(body),
             .answer = [&answers, body](const http::Response&) { ++answers[body]; },
             .wanted = [] { return true; }},
            instance.now);
      } else if (step == 3) {
        instance.knows(++term);
      } else if (step == 4) {
        instance.knows(0);
      } else if (step < 7) {
        const auto bodies = instance.sends();
        if (!bodies.empty()) net.push_back({instance.last.number, instance.last.term, bodies});
      } else if (step < 10 && !net.empty()) {
        const auto at = *rc::gen::inRange<std::size_t>(0, net.size());
        const OnTheNet message = net[at];
        if (step == 7) {  // arrives at somebody who is not active in that term, or at nobody
          net.erase(net.begin() + static_cast<std::ptrdiff_t>(at));
          instance.machine.not_taken(message.number, instance.now);
        } else {  // is taken, and answered; the answer may be doubled, or lost
          net.erase(net.begin() + static_cast<std::ptrdiff_t>(at));
          for (const std::string& body : message.bodies) ++taken[body];
          for (int copies = step - 8; copies >= 0; --copies)
            for (std::uint32_t i = 0; i < message.bodies.size(); ++i)
              if (*rc::gen::inRange(0, 5) != 0) instance.answer(message.number, i, 201, "done");
        }
      } else {
        instance.now += 700ms;
        instance.machine.tick(instance.now);
      }
      give();
    }
    for (int i = 0; i < 20; ++i) {
      instance.now += 1s;
      instance.machine.tick(instance.now);
      give();
    }
    RC_ASSERT(instance.machine.bytes() == 0);
    RC_ASSERT(answers.size() == static_cast<std::size_t>(made));
    for (const auto& [body, count] : answers) RC_ASSERT(count == 1);
    for (const auto& [body, count] : taken) RC_ASSERT(count == 1);
  });
}

}  // namespace
}  // namespace jangbu::test
