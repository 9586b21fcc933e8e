// Webhooks on a real nats-server, towards a real receiver.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/webhooks/parked.hpp"
#include "api/webhooks/signature.hpp"
#include "api/webhooks/webhooks.hpp"
#include "events/errors.hpp"
#include "infra/ids.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/webhook_receiver.hpp"

namespace jangbu::webhook {
namespace {

using test::wait_until;
using test::WebhookReceiver;
using namespace std::chrono_literals;
using nlohmann::json;
using State = Courier::State;
using Ids = std::vector<std::string>;
using Replayed = std::pair<std::string, Ids>;  // the first event, and those that came

const std::string secret(32, 's');

// The public stream of a shop, without the shop.
class Public {
 public:
  Public() : connection_(nats.url(), "test", 10s), api_(connection_, 10s) { create_stream(); }

  void create_stream() {
    REQUIRE(error_code(call("STREAM.CREATE.SHOP_PUBLIC",
                            {{"name", "SHOP_PUBLIC"}, {"subjects", {"jangbu.shop.>"}}})) == 0);
  }

  json call(const std::string& what, const json& body) { return api_.call(what, body); }

  void publish(const std::string& id, const std::string& type = "PurchaseCompleted") {
    const json event{{"specversion", "1.0"}, {"id", id}, {"type", type}, {"data", {{"id", id}}}};
    const auto stored = connection_.request("jangbu.shop.purchase." + type, event.dump(), 10s);
    REQUIRE(json::parse(payload(*stored)).contains("seq"));
  }

  // As a process does that is not under test.
  void reset_consumer(std::uint64_t sequence) {
    REQUIRE(error_code(call("CONSUMER.RESET.SHOP_PUBLIC.webhook-erp", {{"seq", sequence}})) == 0);
  }

  void publish_text(const std::string& text) {
    const auto stored = connection_.request("jangbu.shop.purchase.PurchaseCompleted", text, 10s);
    REQUIRE(json::parse(payload(*stored)).contains("seq"));
  }

  // Events of the positions first to last.
  Ids publish(int first, int last) {
    Ids ids;
    for (int position = first; position <= last; ++position) {
      ids.push_back(std::to_string(position) + ".0");
      publish(ids.back());
    }
    return ids;
  }

  test::NatsServer nats;

 private:
  NatsConnection connection_;
  JetStreamApi api_;
};

Endpoint endpoint(const std::string& url, const std::string& name = "erp") {
  return {.name = name, .url = url, .secrets = {secret}, .allow_private = true};
}

Webhooks::Options options(const test::NatsServer& nats,
                          std::vector<std::chrono::milliseconds> delays = {1ms}) {
  return {.nats_url = nats.url(), .courier = {.delays = std::move(delays)}};
}

Courier& courier(const Webhooks& webhooks, const std::string& name = "erp") {
  return *webhooks.find(name);
}

void wait_for_state(const Webhooks& webhooks, State state) {
  wait_until("webhook " + std::string(to_string(state)),
             [&] { return courier(webhooks).status().state == state; });
}

// Webhooks that have begun: what is published from now on reaches them.
std::unique_ptr<Webhooks> begun(Webhooks::Options with, std::vector<Endpoint> endpoints) {
  auto webhooks = std::make_unique<Webhooks>(std::move(with), std::move(endpoints));
  wait_for_state(*webhooks, State::active);
  return webhooks;
}

constexpr auto never = std::chrono::hours(1);

}  // namespace

TEST_CASE("a webhook gets every event from its first day on, in order, as it was published") {
  Public events;
  events.publish("1.0");  // before
  WebhookReceiver receiver;
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  const Ids ids = events.publish(2, 30);
  receiver.wait_for(ids.size());
  CHECK(receiver.ids() == ids);
  for (const auto& received : receiver.received()) {
    const json body = json::parse(received.body);
    CHECK(body.at("id") == received.id());
    CHECK(body.at("data").at("id") == received.id());
    const auto& headers = received.headers;
    CHECK(headers.at("webhook-signature") == sign({secret}, received.id(),
                                                  std::stoll(headers.at("webhook-timestamp")),
                                                  received.body));
  }
  wait_until("nothing pending", [&] { return courier(*webhooks).refresh().pending == 0; });
  const auto status = courier(*webhooks).status();
  CHECK(status.state == State::active);
  CHECK(status.delivered_at);
  CHECK(status.last->outcome.status == 204);
  CHECK(courier(*webhooks).measures().delivered.value() == ids.size());
}

TEST_CASE("a webhook is only told of the types that it wants") {
  Public events;
  WebhookReceiver receiver;
  Endpoint wants = endpoint(receiver.url());
  wants.types = {"PurchaseCancelled", "StockChanged"};
  const auto webhooks = begun(options(events.nats), {wants});
  events.publish("1.0", "PurchaseCompleted");
  events.publish("2.0", "StockChanged");
  events.publish("3.0", "PurchaseCompleted");
  events.publish("4.0", "PurchaseCancelled");
  receiver.wait_for(2);
  CHECK(receiver.ids() == Ids{"2.0", "4.0"});

  wait_until("acknowledged", [&] { return courier(*webhooks).refresh().pending == 0; });
  wants.types = {"PurchaseCompleted"};
  webhooks->configure({wants});
  wait_for_state(*webhooks, State::active);
  events.publish("5.0", "StockChanged");
  events.publish("6.0", "PurchaseCompleted");
  receiver.wait_for(3);
  CHECK(receiver.ids() == Ids{"2.0", "4.0", "6.0"});
}

TEST_CASE("while an endpoint fails, its event is tried again and none overtakes it") {
  Public events;
  std::atomic<int> attempts = 0;
  WebhookReceiver receiver([&](const auto& received) {
    return http::Response{.status = received.id() == "2.0" && ++attempts <= 4 ? 500 : 204};
  });
  const auto webhooks = begun(options(events.nats, {1ms, 5ms, 10ms}), {endpoint(receiver.url())});
  events.publish(1, 4);
  receiver.wait_for(8);
  CHECK(receiver.ids() == Ids{"1.0", "2.0", "2.0", "2.0", "2.0", "2.0", "3.0", "4.0"});
  CHECK(courier(*webhooks).measures().failed.value() == 4);
  wait_for_state(*webhooks, State::active);
}

TEST_CASE("a failing webhook says since when, why, and when it is tried again") {
  Public events;
  WebhookReceiver receiver(WebhookReceiver::status(500));
  const auto webhooks = begun(options(events.nats, {1ms, never}), {endpoint(receiver.url())});
  const Timestamp before = system_now();
  events.publish(1, 3);
  receiver.wait_for(2);
  wait_until("the second delay", [&] {
    const auto next = courier(*webhooks).status().next_attempt;
    return next && next->ms > before.ms + 60'000;
  });
  auto status = courier(*webhooks).refresh();
  CHECK(status.state == State::failing);
  CHECK(status.reason == "it answered 500");
  CHECK(status.since >= before);
  CHECK(status.next_attempt->ms >= before.ms + std::chrono::milliseconds(never).count());
  CHECK(status.pending == 3);

  // Another process knows at least that it is failing.
  Webhooks others(options(events.nats), {endpoint(receiver.url())});
  wait_for_state(others, State::failing);

  // resume() does not wait.
  receiver.answer_with(WebhookReceiver::status(204));
  courier(*webhooks).resume();
  receiver.wait_for(5);
  CHECK(receiver.ids() == Ids{"1.0", "1.0", "1.0", "2.0", "3.0"});
  wait_for_state(*webhooks, State::active);
}

TEST_CASE("an endpoint that says when to come again is not called before") {
  Public events;
  for (const int status : {429, 503}) {
    WebhookReceiver receiver([status](const auto&) {
      return http::Response{.status = status, .headers = {{"Retry-After", "3600"}}};
    });
    const std::string name = "status-" + std::to_string(status);
    Webhooks webhooks(options(events.nats), {endpoint(receiver.url(), name)});
    wait_until("active", [&] { return courier(webhooks, name).status().state == State::active; });
    const Timestamp before = system_now();
    events.publish(std::to_string(status) + ".0");
    wait_until("failing", [&] { return courier(webhooks, name).status().state == State::failing; });
    CHECK(courier(webhooks, name).status().next_attempt->ms >= before.ms + 3'600'000);
  }
}

TEST_CASE("an event that an endpoint refuses for good is parked, until a replay delivers it") {
  Public events;
  std::atomic<bool> refuses = true;
  WebhookReceiver receiver([&](const auto& received) {
    return http::Response{.status = refuses && received.id() == "2.1" ? 422 : 204};
  });
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  for (const char* id : {"1.0", "2.0", "2.1", "3.0"}) events.publish(id);
  receiver.wait_for(4);
  CHECK(receiver.ids() == Ids{"1.0", "2.0", "2.1", "3.0"});
  wait_until("parked", [&] { return courier(*webhooks).refresh().parked == 1; });
  CHECK(courier(*webhooks).status().parked_ids == std::vector<EventId>{{{2}, 1}});
  CHECK(events.call("STREAM.INFO.SHOP_PARKED", nullptr).at("config").at("max_age") ==
        std::chrono::nanoseconds(std::chrono::days(30)).count());
  CHECK(courier(*webhooks).status().state == State::active);
  CHECK(courier(*webhooks).measures().parked.value() == 1);

  // Refused again, it is parked once; what is parked is known to a process that starts.
  CHECK(courier(*webhooks).replay({{2}, 1}) == EventId{{2}, 1});
  receiver.wait_for(6);
  Webhooks later(options(events.nats), {endpoint(receiver.url())});
  wait_for_state(later, State::active);
  CHECK(courier(later).status().parked == 1);

  refuses = false;
  CHECK(courier(*webhooks).replay({{2}, 0}) == EventId{{2}, 0});
  receiver.wait_for(9);
  wait_until("not parked", [&] { return courier(*webhooks).refresh().parked == 0; });
}

TEST_CASE("only some statuses are about the message") {
  for (const long status : {400, 409, 412, 413, 414, 416, 417, 418, 422, 428, 431, 451, 499})
    CHECK(is_about_the_message(status));
  for (const long status : {0,   100, 200, 204, 299, 300, 301, 308, 401, 402, 403, 404, 405, 406,
                            407, 408, 410, 411, 415, 421, 423, 424, 425, 426, 429, 500, 503, 599})
    CHECK_FALSE(is_about_the_message(status));
}

TEST_CASE("an endpoint that refuses one event after the other is failing") {
  Public events;
  WebhookReceiver receiver(WebhookReceiver::status(400));
  const auto webhooks = begun(options(events.nats, {never}), {endpoint(receiver.url())});
  events.publish(1, static_cast<int>(Courier::most_refusals) + 5);
  wait_for_state(*webhooks, State::failing);
  CHECK(receiver.received().size() == std::size_t{Courier::most_refusals} + 1);
  const auto status = courier(*webhooks).refresh();
  CHECK(status.parked == Courier::most_refusals);
  CHECK(status.pending == 5);
  CHECK_THAT(status.reason, Catch::Matchers::ContainsSubstring("it answered 400 again"));
  courier(*webhooks).resume();
  wait_until("all parked",
             [&] { return courier(*webhooks).refresh().parked == Courier::most_refusals + 5; });
  wait_for_state(*webhooks, State::active);
}

TEST_CASE("a parked event that is delivered is parked no more, whoever parked it") {
  Public events;
  WebhookReceiver receiver;
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  events.publish("1.0");
  receiver.wait_for(1);
  wait_until("acknowledged", [&] { return courier(*webhooks).refresh().pending == 0; });
  // Another process has parked it in the meantime, and somebody replays.
  NatsLink link(events.nats.url());
  const auto nats = link.get();
  Parked parked(*nats, "SHOP", 1, "erp");
  parked.add({{1}, 0}, "an event");
  REQUIRE(parked.list().size() == 1);
  events.reset_consumer(1);
  receiver.wait_for(2);
  wait_until("acknowledged", [&] { return courier(*webhooks).refresh().pending == 0; });
  CHECK(parked.list().empty());
}

TEST_CASE("what is wrong with a webhook's own streams is told, and tried again") {
  Public events;
  WebhookReceiver receiver;
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});

  SECTION("somebody else's message in the public stream") {
    events.publish_text("{\"id\": 1}");
    events.publish("1.0");
    wait_for_state(*webhooks, State::failing);
    const std::string reason = courier(*webhooks).status().reason;
    CHECK_THAT(reason, Catch::Matchers::ContainsSubstring("message 1 of stream SHOP_PUBLIC"));
    CHECK_THAT(reason,
               Catch::Matchers::ContainsSubstring("jangbu.shop.purchase.PurchaseCompleted"));
    events.call("STREAM.MSG.DELETE.SHOP_PUBLIC", {{"seq", 1}});
    courier(*webhooks).resume();
    receiver.wait_for(1);
    CHECK(receiver.ids() == Ids{"1.0"});
  }

  SECTION("a stream of parked events that takes none") {
    receiver.answer_with(WebhookReceiver::status(422));
    REQUIRE(error_code(events.call("STREAM.CREATE.SHOP_PARKED", {{"name", "SHOP_PARKED"},
                                                                 {"subjects", {"shop.parked.>"}},
                                                                 {"discard", "new"},
                                                                 {"max_bytes", 1}})) == 0);
    events.publish("1.0");
    wait_for_state(*webhooks, State::failing);
    CHECK_THAT(courier(*webhooks).status().reason,
               Catch::Matchers::ContainsSubstring("stream SHOP_PARKED"));
    events.call("STREAM.DELETE.SHOP_PARKED", nullptr);
    wait_until("parked", [&] { return courier(*webhooks).refresh().parked == 1; });
  }
  wait_for_state(*webhooks, State::active);
}

TEST_CASE("a webhook whose consumer was removed goes on where it was") {
  Public events;
  WebhookReceiver receiver;
  const auto webhooks = begun(options(events.nats, {never}), {endpoint(receiver.url())});
  events.publish(1, 3);
  receiver.wait_for(3);
  wait_until("acknowledged", [&] { return courier(*webhooks).refresh().pending == 0; });

  SECTION("while nothing waits") {
    REQUIRE(error_code(events.call("CONSUMER.DELETE.SHOP_PUBLIC.webhook-erp", nullptr)) == 0);
    events.publish(4, 6);
    receiver.wait_for(6);
    CHECK(receiver.ids() == Ids{"1.0", "2.0", "3.0", "4.0", "5.0", "6.0"});
  }

  SECTION("while events wait") {
    receiver.answer_with(WebhookReceiver::status(500));
    events.publish(4, 6);
    receiver.wait_for(4);
    wait_for_state(*webhooks, State::failing);
    receiver.answer_with(WebhookReceiver::status(204));
    REQUIRE(error_code(events.call("CONSUMER.DELETE.SHOP_PUBLIC.webhook-erp", nullptr)) == 0);
    receiver.wait_for(7);
    CHECK(receiver.ids() == Ids{"1.0", "2.0", "3.0", "4.0", "4.0", "5.0", "6.0"});
  }

  SECTION("with its stream, which others begin anew") {
    REQUIRE(error_code(events.call("STREAM.DELETE.SHOP_PUBLIC", nullptr)) == 0);
    wait_for_state(*webhooks, State::waiting);
    events.create_stream();
    events.publish(2, 5);
    wait_until("the last one", [&] { return receiver.ids().back() == "5.0"; });
    const Ids ids = receiver.ids();
    CHECK(std::ranges::count(ids, "4.0") == 1);
  }
}

TEST_CASE("a failing webhook that is changed is tried at once") {
  Public events;
  WebhookReceiver wrong(WebhookReceiver::status(500)), right;
  Endpoint to = endpoint(wrong.url());
  auto webhooks = begun(options(events.nats, {never}), {to});
  events.publish("1.0", "StockChanged");
  events.publish("2.0", "PurchaseCompleted");
  wait_for_state(*webhooks, State::failing);
  to.url = right.url();

  SECTION("while it runs") {
    webhooks->configure({to});
    right.wait_for(2);
    CHECK(right.ids() == Ids{"1.0", "2.0"});
  }
  SECTION("by a restart") {
    webhooks.reset();
    webhooks = std::make_unique<Webhooks>(options(events.nats), std::vector<Endpoint>{to});
    right.wait_for(2);
    CHECK(right.ids() == Ids{"1.0", "2.0"});
  }
  SECTION("and does not wait for an event of a type that it wants no more") {
    to.types = {"PurchaseCompleted"};
    webhooks->configure({to});
    right.wait_for(1);
    CHECK(right.ids() == Ids{"2.0"});
  }
  CHECK(wrong.ids() == Ids{"1.0"});
}

TEST_CASE("a stop is not a failed attempt") {
  Public events;
  WebhookReceiver receiver([](const auto&) { return std::nullopt; });
  auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  events.publish("1.0");
  receiver.wait_for(1);
  webhooks.reset();
  receiver.answer_with(WebhookReceiver::status(500));
  Webhooks again(options(events.nats, {1ms, never}), {endpoint(receiver.url())});
  receiver.wait_for(3);  // the first delay is the first one
  wait_until("the second delay", [&] {
    const auto status = courier(again).status();
    return status.next_attempt && status.next_attempt->ms > system_now().ms + 60'000;
  });
}

TEST_CASE("the webhooks of a process that stops are still there to be asked for") {
  Public events;
  WebhookReceiver receiver;
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  webhooks->stop();
  CHECK(webhooks->all().size() == 1);
  CHECK(courier(*webhooks).status().state == State::active);
  CHECK_THROWS_AS(courier(*webhooks).pause(""), Unavailable);
}

TEST_CASE("an endpoint that is gone is called no more until it is resumed") {
  Public events;
  WebhookReceiver receiver(WebhookReceiver::status(410));
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  const Ids ids = events.publish(1, 3);
  wait_for_state(*webhooks, State::off);
  const auto status = courier(*webhooks).refresh();
  CHECK(status.state == State::off);
  CHECK(status.reason == "it answered 410");
  CHECK(status.since);
  CHECK(status.pending == 3);
  {
    Webhooks later(options(events.nats), {endpoint(receiver.url())});
    wait_for_state(later, State::off);
  }
  CHECK(receiver.received().size() == 1);
  receiver.answer_with(WebhookReceiver::status(204));
  courier(*webhooks).resume();
  receiver.wait_for(4);
  CHECK(receiver.ids() == Ids{"1.0", "1.0", "2.0", "3.0"});
}

TEST_CASE("a webhook that was paused stays so in every process, and then gets what it missed") {
  Public events;
  WebhookReceiver receiver;
  auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  courier(*webhooks).pause("the ERP moves house");
  auto status = courier(*webhooks).status();
  CHECK(status.state == State::paused);
  CHECK(status.reason == "the ERP moves house");
  CHECK(status.since);
  events.publish(1, 3);
  webhooks = std::make_unique<Webhooks>(options(events.nats),
                                        std::vector<Endpoint>{endpoint(receiver.url())});
  wait_for_state(*webhooks, State::paused);
  status = courier(*webhooks).refresh();
  CHECK(status.reason == "the ERP moves house");
  CHECK(status.pending == 3);
  CHECK(receiver.received().empty());
  courier(*webhooks).resume();
  receiver.wait_for(3);
  CHECK(receiver.ids() == Ids{"1.0", "2.0", "3.0"});
}

TEST_CASE("a replay begins with the first event at or behind a place") {
  Public events;
  WebhookReceiver receiver;
  for (const char* id : {"3.0", "5.0", "5.1", "9.0", "12.0"}) events.publish(id);
  const auto webhooks = begun(options(events.nats), {endpoint(receiver.url())});
  const auto replayed = [&](EventId from) {
    const std::size_t before = receiver.received().size();
    const auto first = courier(*webhooks).replay(from);
    wait_until("replayed", [&] { return courier(*webhooks).refresh().pending == 0; });
    const Ids ids = receiver.ids();
    return std::pair(first ? to_string(*first) : "none",
                     Ids(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end()));
  };
  CHECK(replayed({{1}, 0}) == Replayed("3.0", Ids{"3.0", "5.0", "5.1", "9.0", "12.0"}));
  CHECK(replayed({{5}, 1}) == Replayed("5.1", Ids{"5.1", "9.0", "12.0"}));
  CHECK(replayed({{6}, 0}) == Replayed("9.0", Ids{"9.0", "12.0"}));
  CHECK(replayed({{12}, 0}) == Replayed("12.0", Ids{"12.0"}));
  CHECK(replayed({{12}, 1}) == Replayed("none", Ids{}));
  // What is no more does not mislead it: one in the midst, and the first two.
  events.call("STREAM.MSG.DELETE.SHOP_PUBLIC", {{"seq", 3}});
  events.call("STREAM.PURGE.SHOP_PUBLIC", {{"seq", 2}});
  CHECK(replayed({{4}, 0}) == Replayed("5.0", Ids{"5.0", "9.0", "12.0"}));
  CHECK(replayed({{5}, 1}) == Replayed("9.0", Ids{"9.0", "12.0"}));
}

TEST_CASE("two processes with the same webhook deliver every event, in order") {
  Public events;
  WebhookReceiver receiver;
  auto one = begun(options(events.nats), {endpoint(receiver.url())});
  const auto other = begun(options(events.nats), {endpoint(receiver.url())});
  Ids ids = events.publish(1, 200);
  receiver.wait_for(100);
  one.reset();
  const Ids more = events.publish(201, 220);
  ids.insert(ids.end(), more.begin(), more.end());
  wait_until("the last one", [&] { return receiver.ids().back() == ids.back(); });
  Ids received = receiver.ids();
  // At the stop of one, an event may have been sent and not acknowledged: it comes again.
  received.erase(std::unique(received.begin(), received.end()), received.end());
  CHECK(received == ids);
}

TEST_CASE("a stop waits neither for an endpoint that does not answer nor for the next attempt") {
  Public events;
  WebhookReceiver receiver([](const auto&) { return std::nullopt; });
  WebhookReceiver failing(WebhookReceiver::status(500));
  auto with = options(events.nats, {never});
  with.courier.sender.timeout = 1h;
  auto webhooks = begun(with, {endpoint(receiver.url()), endpoint(failing.url(), "failing")});
  wait_until("active",
             [&] { return courier(*webhooks, "failing").status().state == State::active; });
  events.publish("1.0");
  receiver.wait_for(1);
  failing.wait_for(1);
  webhooks.reset();  // it would take an hour
  receiver.answer_with(WebhookReceiver::status(204));
  webhooks = std::make_unique<Webhooks>(with, std::vector<Endpoint>{endpoint(receiver.url())});
  receiver.wait_for(2);
  CHECK(receiver.ids() == Ids{"1.0", "1.0"});
}

TEST_CASE("webhooks can be added, changed and removed while others go on") {
  Public events;
  WebhookReceiver a, b, c;
  auto with = options(events.nats);
  with.courier.ack_wait = 1s;  // the pulls of a webhook that was removed end later
  const auto webhooks = begun(with, {endpoint(a.url()), endpoint(b.url(), "other")});
  wait_until("active", [&] { return courier(*webhooks, "other").status().state == State::active; });
  const auto undisturbed = webhooks->find("erp");
  events.publish("1.0");
  a.wait_for(1);
  b.wait_for(1);
  wait_until("acknowledged", [&] { return courier(*webhooks, "other").refresh().pending == 0; });
  webhooks->configure({endpoint(a.url()), endpoint(c.url(), "other"), endpoint(b.url(), "third")});
  CHECK(webhooks->find("erp") == undisturbed);
  CHECK(webhooks->all().size() == 3);
  for (const char* name : {"other", "third"})
    wait_until("active", [&] { return courier(*webhooks, name).status().state == State::active; });
  events.publish("2.0");
  a.wait_for(2);
  c.wait_for(1);
  b.wait_for(2);
  wait_until("acknowledged", [&] { return courier(*webhooks, "other").refresh().pending == 0; });
  CHECK(c.ids() == Ids{"2.0"});  // it goes on where it was
  webhooks->configure({});
  CHECK(webhooks->all().empty());
  events.publish("3.0");
  webhooks->configure({endpoint(c.url(), "other")});
  c.wait_for(2);
  CHECK(c.ids() == Ids{"2.0", "3.0"});  // nothing is lost of one that comes back
  CHECK(a.ids() == Ids{"1.0", "2.0"});
}

TEST_CASE("webhooks wait for NATS and for the stream, and go on once they are there") {
  WebhookReceiver receiver;
  {
    test::NatsServer nats;
    Webhooks webhooks(options(nats), {endpoint(receiver.url())});
    wait_until("waiting", [&] {
      return courier(webhooks).status().reason.find("stream not found") != std::string::npos;
    });
    CHECK(courier(webhooks).status().state == State::waiting);
    CHECK_THROWS_AS(courier(webhooks).pause(""), Unavailable);
  }
  Public events;
  events.nats.stop();
  auto with = options(events.nats);
  with.courier.ack_wait = 1s;  // the server may die before it knows of an acknowledgement
  Webhooks webhooks(with, {endpoint(receiver.url())});
  wait_until("waiting", [&] {
    return courier(webhooks).status().reason.find("no NATS server") != std::string::npos;
  });
  events.nats.start();
  wait_for_state(webhooks, State::active);
  events.publish("1.0");
  receiver.wait_for(1);
  events.nats.kill();
  wait_for_state(webhooks, State::waiting);
  events.nats.start();
  wait_for_state(webhooks, State::active);
  wait_until("published", [&] {
    try {
      events.publish("2.0");
      return true;
    } catch (const Unavailable&) {
      return false;
    }
  });
  wait_until("delivered", [&] { return receiver.ids().back() == "2.0"; });
}

TEST_CASE("a test goes to the endpoint at once, whatever waits") {
  Public events;
  WebhookReceiver receiver(WebhookReceiver::status(500));
  const auto webhooks = begun(options(events.nats, {never}), {endpoint(receiver.url())});
  events.publish("1.0");
  receiver.wait_for(1);
  receiver.answer_with(WebhookReceiver::status(201));
  CHECK(courier(*webhooks).test({}).status == 201);
  const auto received = receiver.received().back();
  const json event = json::parse(received.body);
  CHECK(event.at("type") == "Test");
  CHECK(event.at("specversion") == "1.0");
  CHECK(event.at("source") == "/jangbu/shop");
  CHECK(event.at("id") == received.id());
  CHECK(courier(*webhooks).refresh().pending == 1);
}

}  // namespace jangbu::webhook
