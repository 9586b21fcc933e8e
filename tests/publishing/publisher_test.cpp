#include "api/publishing/publisher.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "infra/eventlog/memory_log.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "tests/golden/story.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
using State = Publisher::State;
using Strings = std::vector<std::string>;

constexpr const char* stream_name = "SHOP_PUBLIC";

// Empty when it is no event.
std::string id_in(const StoredMessage& message) {
  const json event = json::parse(message.data, nullptr, false);
  return event.is_object() && event.contains("id") && event.at("id").is_string()
             ? event.at("id").get<std::string>()
             : "";
}

// A log, and a server for the public stream with a proxy before it.
class Publishing {
 public:
  explicit Publishing(std::uint64_t max_bytes = std::uint64_t{64} << 20)
      : max_bytes_(max_bytes), proxy(server.port()), admin(server.url(), "test", 10s) {}

  Publisher::Options options() const {
    return {.stream = {.url = "nats://127.0.0.1:" + std::to_string(proxy.port()),
                       .max_bytes = max_bytes_,
                       .request_timeout = 1s},
            .view = {.shop = "shop"},
            .stand_by = 500ms,
            .look_again = 20ms};
  }
  std::unique_ptr<Publisher> start() { return std::make_unique<Publisher>(log, options()); }

  void append(const Commit& commit) { append(encode_commit(commit)); }
  void append(const std::string& payload) {
    const Position last = log.last();
    const auto id = test::id<CommitId>(static_cast<unsigned>(last.value + 1));
    REQUIRE(std::holds_alternative<Appended>(log.append(last, {id, payload}, 10s)));
  }
  void append_story() {
    for (const Commit& commit : golden_story()) append(commit);
  }
  // Each a commit of so many events, which with its envelope takes about half a kilobyte.
  void append_prices(std::size_t commits, std::size_t events) {
    for (std::size_t i = 0; i < commits; ++i)
      append(Commit{opening, std::vector<RecordedEvent>(events, {{}, PriceChanged{keyboard}})});
  }

  // The ids of all public events in the log.
  Strings expected(EventId from = {{1}, 0}) {
    Strings ids;
    for (Position at{1}; at <= log.last(); at = at.next()) {
      const Commit commit = decode(*log.read(at));
      for (std::uint32_t i = 0; i < commit.events.size(); ++i)
        if (const EventId id{at, i};
            id >= from && to_public({.shop = "shop"}, id, commit.events[i]))
          ids.push_back(to_string(id));
    }
    return ids;
  }

  json call(const std::string& what, const json& body = nullptr) {
    return json::parse(payload(
        *admin.request("$JS.API." + what, body.is_null() ? std::string() : body.dump(), 10s)));
  }
  // Until whoever asks the server has asked it many more times.
  void wait_for_questions() {
    // A connection at a time: of an answer over 2 KiB the server does not tell the length.
    const auto asked = [&] {
      std::int64_t messages = 0;
      for (int offset = 0;; ++offset) {
        const auto page = HttpClient(server.monitor_port())
                              .get("/connz?limit=1&offset=" + std::to_string(offset))
                              .json.at("connections");
        if (page.empty()) return messages;
        messages += page[0].at("in_msgs").get<std::int64_t>();
      }
    };
    const auto before = asked();
    wait_until("questions to the server", [&] { return asked() > before + 20; });
  }
  json stream() { return call("STREAM.INFO." + std::string(stream_name)).at("state"); }
  // The ids of the events in the stream.
  Strings published() {
    PublicStream reader({.url = server.url()}, 10s);
    Strings ids;
    const auto state = reader.find();
    if (!state || state->messages == 0) return ids;
    for (auto at = state->first; at <= state->last; ++at)
      if (const auto message = reader.message(at))  // else removed meanwhile
        ids.push_back(id_in(*message));
    return ids;
  }
  void wait_until_published() {
    const Strings all = expected();
    PublicStream reader({.url = server.url()}, 10s);
    wait_until("all events in the public stream", [&] {
      const auto state = reader.find();
      const auto last = state && state->last > 0 ? reader.message(state->last) : std::nullopt;
      return last && id_in(*last) == all.back();
    });
  }
  // As a publisher that was stopped here.
  void publish_by_hand(std::uint64_t behind, const Strings& ids) {
    PublicStream other({.url = server.url(), .max_bytes = max_bytes_}, 10s);
    other.open();
    std::vector<PublicStream::Message> messages;
    for (const std::string& text : ids) {
      const EventId at = parse_event_id(text).value();
      const auto stored = log.read(at.position).value();
      auto event = to_public({.shop = "shop"}, at, decode(stored).events[at.index]).value();
      messages.push_back({event.subject, event.cloud_event, stored.id});
    }
    REQUIRE(std::holds_alternative<Appended>(other.append(behind, messages, 10s)));
  }

 private:
  std::uint64_t max_bytes_;

 public:
  MemoryLog log;
  NatsServer server;
  TcpProxy proxy;
  NatsConnection admin;
};

void wait_for(const Publisher& publisher, State state) {
  wait_until("publisher " + std::string(to_string(state)),
             [&] { return publisher.status().state == state; });
}

TEST_CASE("each public event of the log is published once, in the log's order", "[publisher]") {
  Publishing shop;
  shop.append_story();
  shop.append_prices(3, 700);  // more than a batch of NATS takes
  const auto publisher = shop.start();
  shop.wait_until_published();
  CHECK(shop.published() == shop.expected());
  wait_for(*publisher, State::active);

  shop.append_story();
  shop.wait_until_published();
  CHECK(shop.published() == shop.expected());
  wait_until("the position", [&] { return publisher->status().position == shop.log.last(); });
  CHECK(publisher->measures().events.value() == shop.expected().size());
}

TEST_CASE("a message is a CloudEvent on its subject, and names its commit", "[publisher]") {
  Publishing shop;
  shop.append(Commit{opening, {{{}, ProductListed{keyboard}}}});
  const auto publisher = shop.start();
  shop.wait_until_published();
  PublicStream reader({.url = shop.server.url()}, 10s);
  const auto message = reader.message(1).value();
  CHECK(message.subject == "jangbu.shop.product.ProductListed");
  CHECK(message.header("Content-Type") == "application/cloudevents+json");
  CHECK(message.header("Jangbu-Commit-Id") == to_string(id<CommitId>(1)));
  const auto event = json::parse(message.data);
  CHECK(event.at("id") == "1.0");
  CHECK(event.at("type") == "ProductListed");
}

TEST_CASE("a publisher goes on behind the last message, also within a commit", "[publisher]") {
  Publishing shop;
  shop.append_story();
  shop.append_prices(2, 5);
  const Strings all = shop.expected();
  // Up to the middle of a commit of several events.
  const std::size_t some = all.size() - 3;
  shop.publish_by_hand(0, {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(some)});
  const auto publisher = shop.start();
  shop.wait_until_published();
  CHECK(shop.published() == all);
}

TEST_CASE("claims and void commits are not published, wherever they are", "[publisher]") {
  Publishing shop;
  const Commit prices{opening, {{{}, PriceChanged{keyboard}}, {{}, PriceChanged{tea}}}};
  Strings all;
  const auto append = [&] {
    for (const Position at : append_among_claims(shop.log, {prices, prices}))
      for (std::uint32_t index = 0; index < 2; ++index) all.push_back(to_string({at, index}));
  };
  append();
  const auto is_published = [&](const Publisher& publisher) {
    wait_until("the end of the log",
               [&] { return publisher.status().position == shop.log.last(); });
    CHECK(shop.published() == all);
  };
  is_published(*shop.start());
  append();
  const auto publisher = shop.start();  // goes on behind what the other one left
  is_published(*publisher);
  append();
  is_published(*publisher);
}

TEST_CASE("lost acknowledgements and connections leave neither gap nor double", "[publisher]") {
  Publishing shop;
  shop.append_story();
  const auto publisher = shop.start();
  shop.wait_until_published();
  for (int round = 0; round < 5; ++round) {
    shop.proxy.set_mute(true);  // what is sent arrives, what is answered does not
    shop.append_prices(1, 3);
    shop.wait_until_published();
    shop.proxy.cut();
    shop.proxy.set_mute(false);
    shop.append_prices(1, 2);
    shop.wait_until_published();
  }
  CHECK(shop.published() == shop.expected());
}

TEST_CASE("a NATS server that is away, at the start or later, is waited for", "[publisher]") {
  Publishing shop;
  shop.append_story();
  shop.proxy.set_closed(true);
  const auto publisher = shop.start();
  wait_for(*publisher, State::waiting);
  CHECK_FALSE(publisher->status().reason.empty());
  shop.proxy.set_closed(false);
  shop.wait_until_published();
  wait_for(*publisher, State::active);

  shop.server.kill();
  shop.append_prices(1, 3);
  wait_for(*publisher, State::waiting);
  shop.server.start();
  wait_until("the server", [&] {
    try {
      return shop.stream().at("messages") == shop.expected().size();
    } catch (const Unavailable&) {
      return false;
    }
  });
  CHECK(shop.published() == shop.expected());
}

TEST_CASE("of two publishers one is at work, and the other takes over", "[publisher]") {
  Publishing shop;
  shop.append_story();
  auto one = shop.start();
  auto other = shop.start();
  const auto sell_until = [&](const auto& condition) {
    wait_until("events and a condition", [&] {
      shop.append_prices(1, 2);
      shop.wait_until_published();
      return condition();
    });
  };
  sell_until([&] {
    return one->status().state == State::standby || other->status().state == State::standby;
  });
  if (one->status().state == State::standby) std::swap(one, other);
  one.reset();
  sell_until([&] { return other->status().state == State::active; });
  CHECK(shop.published() == shop.expected());
}

TEST_CASE("an event that this build does not know stops the publisher, behind all before it",
          "[publisher]") {
  Publishing shop;
  shop.append_story();
  const Strings known = shop.expected();
  std::string payload = encode_commit(Commit{opening, {{{}, PriceChanged{keyboard}}}});
  payload.replace(payload.find("PriceChanged"), 12, "PriceGuessed");
  shop.append(payload);
  // Also one that has nothing else to publish.
  if (GENERATE(false, true)) shop.publish_by_hand(0, known);
  const auto publisher = shop.start();
  wait_for(*publisher, State::stopped);
  CHECK_THAT(publisher->status().reason, ContainsSubstring("PriceGuessed"));
  CHECK(shop.published() == known);
  shop.wait_for_questions();
  CHECK(publisher->status().state == State::stopped);
}

TEST_CASE("a log that is shorter than the stream, or another one, stops the publisher",
          "[publisher]") {
  Publishing longer;
  longer.append_story();
  const Strings all = longer.expected();
  longer.publish_by_hand(0, all);

  MemoryLog shorter;
  const bool is_another = GENERATE(false, true);
  const Position last = parse_event_id(all.back())->position;
  const auto commits = last.value - (is_another ? 0 : 1);
  for (Position at{1}; at.value <= commits; at = at.next()) {
    const auto stored = longer.log.read(at).value();
    const CommitId other = id<CommitId>(0xffff);
    REQUIRE(std::holds_alternative<Appended>(shorter.append(
        {at.value - 1}, {at.value == commits && is_another ? other : stored.id, stored.payload},
        10s)));
  }
  const Publisher publisher(shorter, longer.options());
  wait_for(publisher, State::stopped);
  CHECK_THAT(publisher.status().reason,
             ContainsSubstring(is_another ? "another commit" : "the log's end was lost"));
  CHECK_THAT(publisher.status().reason, ContainsSubstring("Restore the log"));
  CHECK(longer.published() == all);
}

TEST_CASE("a purged stream stops the publisher until it is told where to go on", "[publisher]") {
  Publishing shop;
  shop.append_story();
  const Strings all = shop.expected();
  shop.publish_by_hand(0, {all.begin(), all.begin() + 3});
  REQUIRE(shop.call("STREAM.PURGE.SHOP_PUBLIC").at("success") == true);
  const auto publisher = shop.start();
  wait_for(*publisher, State::stopped);
  CHECK_THAT(publisher->status().reason, ContainsSubstring("jangbu public resume --from"));

  PublicStream stream({.url = shop.server.url()}, 10s);
  const EventId from = parse_event_id(all[3]).value();
  stream.resume(resume_note(from, 2));  // left when it had been purged before
  shop.wait_for_questions();
  CHECK(publisher->status().state == State::stopped);
  stream.resume(resume_note(from, 3));
  shop.wait_until_published();
  CHECK(shop.published() == Strings(all.begin() + 3, all.end()));
  CHECK(shop.stream().at("first_seq") == 4);
}

TEST_CASE("a message that is not a publisher's stops it", "[publisher]") {
  Publishing shop;
  shop.append_story();
  shop.publish_by_hand(0, {shop.expected().front()});
  const std::string theirs = GENERATE("{}", "not JSON", R"({"id": 5})", R"({"id": "5.0"})");
  REQUIRE_FALSE(json::parse(payload(*shop.admin.request("jangbu.shop.purchase.Fake", theirs, 10s)))
                    .contains("error"));
  const auto publisher = shop.start();
  wait_for(*publisher, State::stopped);
  CHECK_THAT(publisher->status().reason, ContainsSubstring("is not from a publisher"));

  PublicStream stream({.url = shop.server.url()}, 10s);
  stream.resume(resume_note(parse_event_id(shop.expected()[1]).value(), 2));
  shop.wait_until_published();
  CHECK(shop.stream().at("messages") == shop.expected().size() + 1);
}

TEST_CASE("a stream whose last message was purged by its subject is taken for one without a place",
          "[publisher]") {
  Publishing shop;
  shop.append_prices(1, 3);
  shop.append(Commit{opening, {{{}, ProductListed{keyboard}}}});
  shop.publish_by_hand(0, shop.expected());
  REQUIRE(shop.call("STREAM.PURGE.SHOP_PUBLIC", {{"filter", "jangbu.shop.product.ProductListed"}})
              .at("success") == true);
  shop.append_prices(1, 1);
  const auto publisher = shop.start();
  wait_for(*publisher, State::stopped);
  CHECK_THAT(publisher->status().reason, ContainsSubstring("jangbu public resume --from"));
  PublicStream stream({.url = shop.server.url()}, 10s);
  stream.resume(resume_note({{3}, 0}, 4));
  shop.wait_until_published();
  CHECK(shop.published() == Strings{"1.0", "1.1", "1.2", "3.0"});
}

TEST_CASE("a new stream begins where it is told to", "[publisher]") {
  Publishing shop;
  shop.append_story();
  shop.append_prices(1, 4);
  auto options = shop.options();
  options.from = {shop.log.last(), 2};
  const Publisher publisher(shop.log, options);
  shop.wait_until_published();
  CHECK(shop.published() == shop.expected(options.from));
  CHECK(shop.published().size() == 2);
}

TEST_CASE("what is old leaves the stream, but for the last message, and is counted as unread",
          "[publisher]") {
  Publishing shop;
  shop.append_prices(1, 20);
  shop.publish_by_hand(0, shop.expected());
  REQUIRE_FALSE(shop.call("CONSUMER.CREATE.SHOP_PUBLIC.warehouse", {{"stream_name", stream_name},
                                                                    {"config",
                                                                     {{"name", "warehouse"},
                                                                      {"durable_name", "warehouse"},
                                                                      {"ack_policy", "explicit"}}}})
                    .contains("error"));
  {
    const auto publisher = shop.start();  // keeps them for 30 days
    wait_for(*publisher, State::active);
    CHECK(shop.published() == shop.expected());
    wait_until("the consumer", [&] { return publisher->unread().contains("warehouse"); });
    CHECK(publisher->unread().at("warehouse") == 0);
  }
  // This one has read everything, and misses nothing.
  REQUIRE_FALSE(shop.call("CONSUMER.CREATE.SHOP_PUBLIC.swift", {{"stream_name", stream_name},
                                                                {"config",
                                                                 {{"name", "swift"},
                                                                  {"durable_name", "swift"},
                                                                  {"ack_policy", "explicit"},
                                                                  {"deliver_policy", "new"}}}})
                    .contains("error"));
  auto options = shop.options();
  options.keep = 0h;
  const Publisher publisher(shop.log, options);
  wait_until("the removal", [&] { return shop.published() == Strings{"1.19"}; });
  const std::map<std::string, std::uint64_t> unread{{"swift", 0}, {"warehouse", 19}};
  wait_until("the count", [&] { return publisher.unread() == unread; });

  shop.append_prices(1, 1);
  shop.wait_until_published();
  CHECK(shop.published() == Strings{"1.19", "2.0"});
}

TEST_CASE("a stream that is nearly full loses its oldest messages, and publishing goes on",
          "[publisher]") {
  Publishing shop(1 << 20);
  shop.append_prices(50, 100);  // some 2 MiB
  const auto publisher = shop.start();
  shop.wait_until_published();
  const Strings all = shop.expected();
  const Strings left = shop.published();
  CHECK(left.size() < all.size());
  CHECK(left == Strings(all.end() - static_cast<std::ptrdiff_t>(left.size()), all.end()));
  CHECK(shop.stream().at("last_seq") == all.size());
}

TEST_CASE("commits without public events move the position on", "[publisher]") {
  Publishing shop;
  shop.append_story();
  const auto publisher = shop.start();
  shop.wait_until_published();
  const Strings all = shop.published();
  const NothingChanged nothing{
      {EntityKind::product, EntityId{keyboard.product.bytes}}, {{1}, 0}, 5};
  shop.append(Commit{opening, {{{}, nothing}}});
  wait_until("the position", [&] { return publisher->status().position == shop.log.last(); });
  CHECK(shop.published() == all);
  wait_for(*publisher, State::active);
}

}  // namespace
}  // namespace jangbu::test
