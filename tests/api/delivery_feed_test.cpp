// Server-sent events of deliveries over a log in memory, whose every move is the test's.
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>
#include <limits>
#include <memory>
#include <random>
#include <thread>

#include "api/http/server.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "tests/http/client.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/process.hpp"
#include "tests/support/samples.hpp"

using namespace jangbu;
using namespace jangbu::test;
using enum DeliveryStatus;

namespace {

PurchaseCompleted purchase(unsigned number) {
  return bought(id<PurchaseId>(number), hong, {line(tea, 1)});
}

// The feed over HTTP: `/events` of all or of a `type`, for anyone or for `who`, `/events/{id}` of
// one.
class Street {
 public:
  explicit Street(EventFeed::Options options = {}, http::Limits limits = {})
      : feed(log,
             delivery_changes([this](EntityId delivery, From<EventId> from, Position,
                                     const std::function<void(streams::HistoryPage)>& done) {
               ++history_asked;
               done(history_away ? streams::HistoryPage(Unavailable("the database is away"))
                                 : history(delivery, from));
             }),
             options),
        server("127.0.0.1", 0,
               http::Router()
                   .add(http::Method::get, "/events",
                        [this](http::Request&& request, const http::Exchange& exchange) {
                          feed.subscribe(
                              exchange,
                              {.type = std::string(request.query_value("type").value_or(""))},
                              last_event_id(request), asker_of(request));
                        })
                   .add(http::Method::get, "/events/{id}",
                        [this](http::Request&& request, const http::Exchange& exchange) {
                          feed.subscribe(exchange,
                                         {.entity = parse_id<EntityId>(request.param("id"))},
                                         last_event_id(request));
                        }),
               limits) {
    server.start();
  }
  ~Street() { feed.stop(); }

  EventId append(std::vector<Event> events) {
    Commit commit{opening, {}};
    for (Event& event : events) commit.events.push_back({{}, std::move(event)});
    const Position end = log.last();
    CommitId commit_id{};
    commit_id.bytes[0] = static_cast<std::uint8_t>(end.value);
    if (!std::holds_alternative<Appended>(log.append(end, {commit_id, encode_commit(commit)}, 1s)))
      throw std::runtime_error("not appended");
    return {end.next(), static_cast<std::uint32_t>(events.size() - 1)};
  }

  EventStream listen(std::string_view last_event_id = {}) const {
    return EventStream(server.port(), "/events", last_event_id);
  }
  EventStream listen_as(char who) const {
    return EventStream(server.port(), std::string("/events?who=") + who);
  }
  EventStream listen_to_type(const std::string& type) const {
    return EventStream(server.port(), "/events?type=" + type);
  }
  EventStream listen_to(PurchaseId delivery, std::string_view last_event_id = {}) const {
    return EventStream(server.port(), "/events/" + to_string(delivery), last_event_id);
  }

  MemoryLog log;
  std::atomic<bool> history_away = false;
  std::atomic<int> history_asked = 0;
  EventFeed feed;
  http::Server server;

 private:
  static std::optional<EventId> last_event_id(const http::Request& request) {
    const auto text = request.header("Last-Event-ID");
    return text ? parse_event_id(*text) : std::nullopt;
  }

  static Principal asker_of(const http::Request& request) {
    Principal who = *anyone();
    const auto name = request.query_value("who");
    who.may_all = !name;
    if (name) who.id.bytes[0] = static_cast<std::uint8_t>(name->front());
    return who;
  }

  jangbu::Answer<Page<HistoryRow>> history(EntityId delivery, From<EventId> from) {
    const Position end = log.last();
    Page<HistoryRow> page;
    for (Position at{1}; at <= end; at = at.next()) {
      const Commit commit = decode(log.read(at).value());
      std::uint32_t index = 0;
      for (const RecordedEvent& recorded : commit.events) {
        const EventId event{at, index++};
        const Entity entity = entity_of(recorded.event);
        if (entity != Entity{EntityKind::purchase, delivery}) continue;
        if (from.after && event <= *from.after) continue;
        page.more = page.items.size() == from.limit;
        if (page.more) return {page, end};
        page.items.push_back({event, recorded});
      }
    }
    return {page, end};
  }
};

DeliveryScanned scan_of(const PurchaseCompleted& of, DeliveryStatus before, DeliveryStatus now) {
  return after(before, scanned(of, scan(now)));
}

}  // namespace

TEST_CASE("every change of a status is told, and nothing else") {
  Street street;
  street.append({AccountOpened{hong}, ProductListed{tea}, purchase(1)});
  EventStream stream = street.listen();
  CHECK(stream.status() == 200);
  CHECK(stream.head().find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(stream.head().find("Event-Position: 1\r\n") != std::string::npos);

  const PurchaseCompleted second = purchase(2);
  street.append({second, AccountOpened{alice}});
  street.append({scan_of(second, preparing, in_transit)});
  DeliveryScanned late = scan_of(second, in_transit, label_created);
  late.status = in_transit;
  street.append({scan_of(second, in_transit, in_transit), late});
  street.append({scan_of(second, in_transit, delivered),
                 ReceiptConfirmed{second.purchase, second.buyer, after_minutes(3)},
                 jangbu::test::cancelled(purchase(1), "")});
  // As version 1 of the event was: what the status was before is not told.
  street.append({scanned(purchase(3), scan(picked_up)),
                 scanned(purchase(3), scan(label_created), picked_up)});
  street.append({purchase(4)});

  const auto expect = [&](const std::string& id, unsigned delivery, const char* status,
                          const char* previous, bool has_scan) {
    const auto event = stream.next();
    REQUIRE(event);
    CAPTURE(event->data.dump());
    CHECK(event->id == id);
    CHECK(event->type == "delivery-status");
    CHECK(event->data.at("deliveryId") == to_string(jangbu::test::id<PurchaseId>(delivery)));
    CHECK(event->data.at("status") == status);
    CHECK(event->data.value("previousStatus", "") == previous);
    CHECK(event->data.contains("scan") == has_scan);
    CHECK(event->data.contains("occurredAt"));
  };
  expect("2.0", 2, "preparing", "", false);
  expect("3.0", 2, "in-transit", "preparing", true);
  expect("5.0", 2, "delivered", "in-transit", true);
  expect("5.1", 2, "receipt-confirmed", "delivered", false);
  expect("5.2", 1, "cancelled", "", false);
  expect("6.0", 3, "picked-up", "", true);
  expect("7.0", 4, "preparing", "", false);
}

TEST_CASE("a stream resumes after the event that was seen last") {
  Street street;
  std::vector<std::string> ids;
  for (unsigned i = 0; i < 20; ++i) {
    const EventId last = street.append({purchase(3 * i), purchase(3 * i + 1), purchase(3 * i + 2)});
    for (std::uint32_t index = 0; index <= last.index; ++index)
      ids.push_back(to_string(EventId{last.position, index}));
  }
  EventStream live = street.listen();
  for (std::size_t seen = 0; seen < ids.size(); ++seen) {
    EventStream stream = street.listen(ids[seen]);
    CHECK(stream.last_event_id().empty());
    for (std::size_t next = seen + 1; next < ids.size(); ++next) {
      const auto event = stream.next();
      REQUIRE(event);
      REQUIRE(event->id == ids[next]);
    }
    // And goes on with what happens then, once.
    const EventId now = street.append({purchase(1'000)});
    CHECK(stream.next()->id == to_string(now));
    CHECK(live.next()->id == to_string(now));
    ids.push_back(to_string(now));
    if (seen > 40) break;
  }
  // Before everything.
  CHECK(street.listen("0.0").next()->id == "1.0");
}

TEST_CASE("a stream that is lost before its first event begins again where it began") {
  Street street;
  street.append({purchase(1)});
  std::string begin;
  {
    Client client(street.server.port());
    client.send(get_request("/events"));
    std::string text;
    while (text.find("\nid: ") == text.npos || !text.ends_with("\n\n\r\n"))
      text += client.read_some();
    begin = text.substr(text.find("\nid: ") + 5);
    begin.erase(begin.find('\n'));
  }
  street.append({purchase(2)});
  EventStream stream = street.listen(begin);
  CHECK(stream.next()->id == "2.0");
}

TEST_CASE("resuming while much happens leaves no gap and repeats nothing") {
  Street street;
  street.append({purchase(0)});
  const unsigned resumptions_every = GENERATE(400u, 20u);
  // Who wants a part only must not decide what others get who join it.
  EventStream cancellations = street.listen_to_type("PurchaseCancelled");
  constexpr unsigned commits = has_sanitizer ? 1'000 : 3'000;
  std::atomic<bool> failed = false;
  std::vector<std::future<void>> listeners;
  listeners.push_back(std::async(std::launch::async, [&] {
    for (std::uint64_t position = 2; position <= commits + 1 && !failed; ++position) {
      const auto event = cancellations.next();
      failed = failed || !event || parse_event_id(event->id) != EventId{{position}, 1};
    }
  }));
  for (unsigned number = 0; number < 3; ++number)
    listeners.push_back(std::async(std::launch::async, [&, number] {
      std::mt19937 random(number);
      std::string last = "1.0";
      std::uint64_t position = 1;
      std::uint32_t index = 0;
      while (position < commits && !failed) {
        EventStream stream = street.listen(last);
        for (auto more = random() % resumptions_every + 1; more > 0 && position < commits; --more) {
          const auto event = stream.next();
          const auto id = event ? parse_event_id(event->id) : std::nullopt;
          // Commits have three events; the first has one.
          const bool next =
              id && (index == 2 || position == 1 ? *id == EventId{{position + 1}, 0}
                                                 : *id == EventId{{position}, index + 1});
          if (!next) {
            failed = true;
            break;
          }
          position = id->position.value;
          index = id->index;
          last = event->id;
        }
      }
    }));
  for (unsigned i = 1; i <= commits; ++i) {
    const PurchaseCompleted undone = purchase(2 * i);
    street.append({undone, jangbu::test::cancelled(undone, ""), purchase(2 * i + 1)});
    if (i % 100 == 0) std::this_thread::yield();
  }
  for (auto& listener : listeners) listener.get();
  CHECK_FALSE(failed);
}

TEST_CASE("the stream of one delivery") {
  Street street;
  const PurchaseCompleted mine = purchase(1);
  street.append({mine, purchase(2)});
  street.append({scan_of(mine, preparing, picked_up)});
  SECTION("begins now") {
    EventStream stream = street.listen_to(mine.purchase);
    street.append(
        {scan_of(purchase(2), preparing, delivered), scan_of(mine, picked_up, in_transit)});
    const auto event = stream.next();
    CHECK(event->id == "3.1");
    CHECK(event->data.at("status") == "in-transit");
  }
  SECTION("resumes from its history") {
    EventStream stream = street.listen_to(mine.purchase, "1.0");
    CHECK(stream.next()->id == "2.0");
    street.append({scan_of(mine, picked_up, in_transit)});
    CHECK(stream.next()->id == "3.0");
  }
  SECTION("with a history of many pages") {
    for (int i = 0; i < 150; ++i)
      street.append({scan_of(mine, in_transit, out_for_delivery),
                     scan_of(mine, out_for_delivery, in_transit)});
    EventStream stream = street.listen_to(mine.purchase, "2.0");
    for (std::uint64_t position = 3; position < 153; ++position)
      for (std::uint32_t index = 0; index < 2; ++index) {
        const auto event = stream.next();
        REQUIRE(event);
        REQUIRE(event->id == to_string(EventId{{position}, index}));
      }
    street.append({scan_of(mine, in_transit, delivered)});
    CHECK(stream.next()->id == "153.0");
  }
  SECTION("there is none") {
    EventStream stream = street.listen_to(id<PurchaseId>(99));
    CHECK(stream.status() == 404);
    CHECK(stream.body().find("delivery-not-found") != std::string::npos);
  }
}

TEST_CASE("the stream of one delivery waits for the read model") {
  Street street({.heartbeat = 100ms});
  const PurchaseCompleted mine = purchase(1);
  street.append({mine});
  street.history_away = true;
  SECTION("and misses nothing meanwhile") {
    EventStream now = street.listen_to(mine.purchase);
    EventStream from_the_beginning = street.listen_to(mine.purchase, "0.0");
    CHECK(now.status() == 200);
    CHECK(now.head().find("Event-Position: 1\r\n") != std::string::npos);
    CHECK(from_the_beginning.status() == 200);
    street.append({scan_of(mine, preparing, picked_up)});
    now.await_heartbeat();
    CHECK(now.last_event_id() ==
          to_string(EventId{{1}, std::numeric_limits<std::uint32_t>::max()}));
    street.history_away = false;
    CHECK(now.next()->id == "2.0");
    CHECK(from_the_beginning.next()->id == "1.0");
    CHECK(from_the_beginning.next()->id == "2.0");
    street.append({scan_of(mine, picked_up, in_transit)});
    CHECK(now.next()->id == "3.0");
    CHECK(from_the_beginning.next()->id == "3.0");
  }
  SECTION("and ends when there is none, so that who comes back is told") {
    EventStream nobody = street.listen_to(id<PurchaseId>(99));
    CHECK(nobody.status() == 200);
    nobody.await_heartbeat();
    street.history_away = false;
    CHECK_FALSE(nobody.next());
    CHECK(nobody.clean_end());
    CHECK(street.listen_to(id<PurchaseId>(99), nobody.last_event_id()).status() == 404);
  }
  SECTION("unless its client goes") {
    { CHECK(street.listen_to(mine.purchase).status() == 200); }
    wait_until("it is forgotten", [&] { return street.feed.subscribers() == 0; });
    const int asked = street.history_asked;
    street.history_away = false;
    CHECK(street.listen_to(mine.purchase).status() == 200);
    CHECK(street.history_asked == asked + 1);
  }
}

TEST_CASE("an event that has not happened yet cannot be resumed from") {
  Street street;
  street.append({purchase(1)});
  EventStream stream = street.listen("2.0");
  CHECK(stream.status() == 422);
  CHECK(stream.body().find("Last-Event-ID") != std::string::npos);
  CHECK(street.listen("1.5").status() == 200);

  // Nobody knows while the log is away. Once it is known the stream ends, and who comes back is
  // told.
  street.log.set_away(true);
  EventStream waiting = street.listen("2.0");
  CHECK(waiting.status() == 200);
  street.log.set_away(false);
  CHECK_FALSE(waiting.next());
  CHECK(waiting.clean_end());
  CHECK(street.listen(waiting.last_event_id()).status() == 422);
}

TEST_CASE("a silent stream has heartbeats") {
  Street street({.heartbeat = 100ms});
  EventStream stream = street.listen();
  stream.await_heartbeat();
  stream.await_heartbeat();
  street.append({purchase(1)});
  CHECK(stream.next()->id == "1.0");
}

TEST_CASE("a stream ends when its client has closed its side") {
  Street street;
  Client client(street.server.port());
  client.send(get_request("/events"));
  wait_until("the stream", [&] { return street.feed.subscribers() == 1; });
  client.end_sending();
  const std::string all = client.read_to_end();
  CHECK(all.find("text/event-stream") != all.npos);
  CHECK(all.ends_with("\r\n0\r\n\r\n"));
  wait_until("its end", [&] { return street.feed.subscribers() == 0; });
}

TEST_CASE("who does not read is cut off, and others are not") {
  Street street;
  EventStream sleeper = street.listen();
  EventStream reader = street.listen();
  unsigned number = 0;
  wait_until(
      "the sleeper to be cut off",
      [&] {
        std::vector<Event> events;
        for (int i = 0; i < 300; ++i) events.emplace_back(purchase(++number));
        const EventId last = street.append(std::move(events));
        for (std::uint32_t index = 0; index <= last.index; ++index)
          if (reader.next()->id != to_string(EventId{last.position, index}))
            throw std::runtime_error("the reader missed something");
        return street.feed.subscribers() == 1;
      },
      60s);
  while (sleeper.next()) {
  }
  CHECK_FALSE(sleeper.clean_end());
  // It comes back for the rest, and is caught up as fast as it reads.
  EventStream again = street.listen(sleeper.last_event_id());
  EventId seen = parse_event_id(sleeper.last_event_id()).value();
  const Position end = street.log.last();
  while (seen < EventId{end, 299}) {
    const auto event = again.next();
    REQUIRE(event);
    const EventId next = seen.index == 299 ? EventId{seen.position.next(), 0}
                                           : EventId{seen.position, seen.index + 1};
    REQUIRE(event->id == to_string(next));
    seen = next;
  }
}

TEST_CASE("streams outlive an absence of the log") {
  Street street;
  street.append({purchase(1)});
  EventStream stream = street.listen();
  street.append({purchase(2)});
  CHECK(stream.next()->id == "2.0");
  street.log.set_away(true);
  street.log.set_away(false);
  street.append({purchase(3)});
  CHECK(stream.next()->id == "3.0");
}

TEST_CASE("a stream that is asked for while the log is away begins when it is back") {
  std::atomic<std::uint64_t> known_end = 0;  // as others know it
  Street street({.heartbeat = 100ms, .known_end = [&] { return Position{known_end.load()}; }});
  street.append({purchase(1)});
  street.append({purchase(2)});
  SECTION("from where the log was last known to end") {
    const std::string end = "Event-Position: 2\r\n";
    SECTION("by who listened before") {
      CHECK(street.listen().head().find(end) != std::string::npos);
    }
    SECTION("by others") {
      known_end = 2;
    }
    street.log.set_away(true);
    EventStream all = street.listen();
    EventStream of_a_type = street.listen_to_type("PurchaseCancelled");
    EventStream of_one = street.listen_to(id<PurchaseId>(1));
    EventStream resumed = street.listen("1.0");
    for (EventStream* stream : {&all, &of_a_type, &of_one}) {
      CHECK(stream->status() == 200);
      CHECK(stream->head().find(end) != std::string::npos);
      stream->await_heartbeat();
      stream->await_heartbeat();
    }
    CHECK(resumed.status() == 200);
    street.log.set_away(false);
    street.append({purchase(3), jangbu::test::cancelled(purchase(1), "")});
    CHECK(all.next()->id == "3.0");
    CHECK(all.next()->id == "3.1");
    CHECK(of_a_type.next()->id == "3.1");
    CHECK(of_one.next()->id == "3.1");
    CHECK(resumed.next()->id == "2.0");
    CHECK(resumed.next()->id == "3.0");
  }
  SECTION("or not at all, when the feed stops") {
    street.log.set_away(true);
    EventStream stream = street.listen();
    street.feed.stop();
    CHECK_FALSE(stream.next());
    CHECK(stream.clean_end());
  }
}

TEST_CASE("there are only so many streams, and those that end make room") {
  // Who has gone is found out by writing to it.
  Street street({.most_subscribers = 2, .heartbeat = 100ms});
  auto one = std::make_unique<EventStream>(street.server.port(), "/events");
  EventStream two = street.listen();
  // A browser would never come back after another answer than a stream.
  EventStream three = street.listen();
  CHECK(three.status() == 200);
  CHECK_FALSE(three.next());
  CHECK(three.clean_end());
  one.reset();
  wait_until("room", [&] { return street.feed.subscribers() == 1; });
  EventStream four = street.listen();
  street.append({purchase(1)});
  CHECK(four.next()->id == "1.0");
}

TEST_CASE("nobody who is known has more than a quarter of the streams") {
  Street street({.most_subscribers = 8, .heartbeat = 100ms});
  auto one = std::make_unique<EventStream>(street.server.port(), "/events?who=a");
  EventStream two = street.listen_as('a');
  EventStream too_many = street.listen_as('a');
  CHECK_FALSE(too_many.next());
  CHECK(too_many.clean_end());
  EventStream other = street.listen_as('b');
  CHECK(street.feed.subscribers() == 3);
  one.reset();
  wait_until("room", [&] { return street.feed.subscribers() == 2; });
  EventStream again = street.listen_as('a');
  street.append({purchase(1)});
  for (EventStream* stream : {&two, &other, &again}) CHECK(stream->next()->id == "1.0");
}

TEST_CASE("a feed that stops ends its streams, so that the server can drain") {
  Street street;
  street.append({purchase(1)});
  EventStream live = street.listen();
  EventStream one = street.listen_to(id<PurchaseId>(1));
  street.feed.stop();
  CHECK_FALSE(live.next());
  CHECK(live.clean_end());
  CHECK_FALSE(one.next());
  CHECK(one.clean_end());
  EventStream late = street.listen();
  CHECK_FALSE(late.next());
  CHECK(late.clean_end());
  CHECK(street.server.drain(60s));
}

TEST_CASE("claims and void commits are no events of a stream, and no obstacle") {
  Street street;
  const std::vector<Position> at = append_among_claims(
      street.log, {{opening, {{{}, purchase(1)}}},
                   {opening, {{{}, purchase(2)}, {{}, purchase(3)}}},
                   {opening, {{{}, scan_of(purchase(1), preparing, picked_up)}}}});
  const Position end = street.log.last();
  const std::vector<EventId> all{{at[0], 0}, {at[1], 0}, {at[1], 1}, {at[2], 0}};
  EventStream now = street.listen();
  CHECK(now.head().find("Event-Position: " + std::to_string(end.value) + "\r\n") !=
        std::string::npos);
  // After every place there is, whether it has an event or not.
  for (Position place; place <= end; place = place.next()) {
    CAPTURE(place.value);
    const EventId seen{place, 0};
    EventStream stream = street.listen(to_string(seen));
    for (const EventId& id : all)
      if (id > seen) CHECK(stream.next()->id == to_string(id));
    const EventId next = street.append({purchase(10)});
    append_claim(street.log, seoul);
    append_void(street.log, busan, encode_commit({opening, {{{}, purchase(11)}}}));
    CHECK(now.next()->id == to_string(next));
    CHECK(street.listen(to_string(EventId{{next.position.value - 1}, 0})).next()->id ==
          to_string(next));
  }
  EventStream one = street.listen_to(purchase(1).purchase, "0.0");
  CHECK(one.next()->id == to_string(all.front()));
  CHECK(one.next()->id == to_string(all.back()));
}
