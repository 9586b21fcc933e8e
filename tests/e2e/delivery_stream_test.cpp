// Server-sent events of deliveries over the real shop.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "tests/e2e/buyers.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"
#include "tests/support/event_stream.hpp"

using namespace jangbu::test;

namespace {

struct Market {
  explicit Market(std::vector<std::string> flags = {}) : shop(std::move(flags)) {
    buyer = id_of(open_account(shop, "홍길동"));
    for (int i = 0; i < 20; ++i)
      products.push_back(
          id_of(list_product(shop, "product " + std::to_string(i), 1'000, 10'000'000)));
  }
  Buyers::Options crowd(unsigned count) const {
    return {.shops = {&shop.jangbu},
            .products = products,
            .buyer = buyer,
            .count = count,
            .insist = true};
  }
  int port() const { return shop.jangbu.port(Service::delivery); }

  Shop shop;
  std::string buyer;
  std::vector<std::string> products;
};

// What one who never misses anything has seen: ids in order, each once.
struct Diary {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ids;
  std::multiset<std::string> begun;  // deliveries
  std::string last_event_id;

  void note(const EventStream::Event& event) {
    const std::size_t dot = event.id.find('.');
    ids.emplace_back(std::stoull(event.id.substr(0, dot)), std::stoull(event.id.substr(dot + 1)));
    if (event.data.at("status") == "preparing")
      begun.insert(event.data.at("deliveryId").get<std::string>());
    last_event_id = event.id;
  }
  bool in_order() const {
    return std::ranges::adjacent_find(ids, std::greater_equal()) == ids.end();
  }
};

// Keeps its diary on a thread of its own, and comes back whenever the stream ends.
class Listener {
 public:
  Listener(const Market& market, std::string from) : market_(market) {
    diary_.last_event_id = std::move(from);
    listening_ = std::async(std::launch::async, [this] { listen(); });
  }
  ~Listener() { done_ = true; }

  void await_beginnings_of(std::size_t deliveries) {
    wait_until(
        std::to_string(deliveries) + " deliveries to be heard of",
        [&] {
          const std::lock_guard lock(mutex_);
          return diary_.begun.size() >= deliveries;
        },
        120s);
  }
  // Once the shop is stopped, and its streams have ended.
  const Diary& close() {
    done_ = true;
    listening_.get();
    return diary_;
  }
  std::size_t streams() const { return streams_; }

 private:
  void listen() {
    while (const auto stream = come_back()) {
      ++streams_;
      try {
        while (const auto event = stream->next()) {
          const std::lock_guard lock(mutex_);
          diary_.note(*event);
        }
      } catch (const std::exception&) {
        // Nothing comes: it tries again.
      }
    }
  }

  std::unique_ptr<EventStream> come_back() {
    std::unique_ptr<EventStream> stream;
    wait_until(
        "the stream of deliveries",
        [&] {
          try {
            stream = std::make_unique<EventStream>(market_.port(), "/deliveries/events",
                                                   diary_.last_event_id);
            if (stream->status() == 200) return true;
          } catch (const std::exception&) {
            // Nobody is there for a moment: see the restart.
          }
          stream.reset();
          return done_.load();
        },
        60s);
    return stream;
  }

  const Market& market_;
  std::mutex mutex_;
  Diary diary_;
  std::atomic<bool> done_ = false;
  std::atomic<std::size_t> streams_ = 0;
  std::future<void> listening_;  // last: it uses everything above, and waits at the end
};

void wait_for_sales(const Buyers& buyers, std::size_t more) {
  const std::size_t enough = buyers.sales() + more;
  wait_until(
      "sales", [&] { return buyers.sales() >= enough; }, 60s);
}

std::set<std::string> bought(const std::vector<Attempt>& made) {
  std::set<std::string> ids;
  for (const Attempt& attempt : made)
    if (attempt.bought()) ids.insert(attempt.purchase);
  return ids;
}

}  // namespace

TEST_CASE("A delivery is followed from the purchase to the receipt") {
  Market market({"--heartbeat-ms", "200"});
  const Shop& shop = market.shop;
  EventStream all(market.port(), "/deliveries/events");
  const std::string id = id_of(buy(shop, "홍길동", "product 0"));
  // It is there as soon as it was bought.
  EventStream one(market.port(), "/deliveries/" + id + "/events");
  REQUIRE(one.status() == 200);
  record_scan(shop, id, "picked-up", "2026-03-02T09:00:00Z");
  record_scan(shop, id, "label-created", "2026-03-02T08:00:00Z");  // late: no news
  record_scan(shop, id, "delivered", "2026-03-03T09:00:00Z");
  REQUIRE(shop.deliveries().post("/deliveries/" + id + "/receipt", Json::object()).status == 200);

  const auto first = all.next();
  REQUIRE(first);
  CHECK(first->data.at("status") == "preparing");
  std::vector<std::string> ids;
  for (const char* status : {"picked-up", "delivered", "receipt-confirmed"}) {
    const auto from_all = all.next();
    const auto from_one = one.next();
    REQUIRE(from_all);
    REQUIRE(from_one);
    CHECK(from_all->type == "delivery-status");
    shop.jangbu.document(Service::delivery)
        ->check_value({{"$ref", "#/components/schemas/DeliveryChange"}}, from_all->data);
    CHECK(from_all->data.at("deliveryId") == id);
    CHECK(from_all->data.at("status") == status);
    CHECK(from_one->id == from_all->id);
    CHECK(from_one->data == from_all->data);
    ids.push_back(from_all->id);
  }
  one.await_heartbeat();

  // The ids are those of the history.
  const Json history = shop.deliveries().get("/deliveries/" + id + "/history").json.at("items");
  CHECK(history.at(0).at("id") == first->id);
  CHECK(history.at(1).at("id") == ids[0]);
  CHECK(history.at(3).at("id") == ids[1]);
  CHECK(history.at(4).at("id") == ids[2]);

  for (const std::string& target :
       {std::string("/deliveries/events"), "/deliveries/" + id + "/events"}) {
    EventStream by_header(market.port(), target, ids[0]);
    CHECK(by_header.next()->id == ids[1]);
    EventStream by_query(market.port(), target + "?lastEventId=" + ids[1]);
    CHECK(by_query.next()->id == ids[2]);
  }
}

TEST_CASE("What cannot be followed is refused") {
  Market market;
  CHECK(EventStream(market.port(), "/deliveries/events", "yesterday").status() == 400);
  CHECK(EventStream(market.port(), "/deliveries/events", "999999.0").status() == 422);
  CHECK(EventStream(market.port(), "/deliveries/0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39/events")
            .status() == 404);
  CHECK(EventStream(market.port(), "/deliveries/none/events").status() == 404);
  HttpClient deliveries = market.shop.deliveries();
  CHECK(deliveries.send("POST", "/deliveries/events", {}, {}).status == 405);
}

TEST_CASE("HEAD tells how a stream would begin, and ends") {
  Market market;
  const std::string id = id_of(buy(market.shop, "홍길동", "product 0"));
  HttpClient deliveries = market.shop.deliveries();
  for (const std::string& target :
       {std::string("/deliveries/events"), "/deliveries/" + id + "/events"}) {
    const Reply reply = deliveries.send("HEAD", target, {}, {});
    CHECK(reply.status == 200);
    CHECK(reply.header("content-type") == "text/event-stream");
    CHECK(reply.has("event-position"));
  }
  CHECK(deliveries.send("HEAD", "/deliveries/0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39/events", {}, {})
            .status == 404);
  CHECK(deliveries.get("/deliveries/" + id).status == 200);  // on the same connection
}

TEST_CASE("Nobody misses a delivery, or hears of it twice, while people buy", "[busy]") {
  Market market;
  Listener one(market, "0.0");
  Listener two(market, "0.0");
  Buyers buyers(market.crowd(32));
  wait_for_sales(buyers, 200);
  Listener late(market, "0.0");
  for (int i = 0; i < 2; ++i) {
    // In order, and not.
    if (i == 0)
      CHECK(market.shop.jangbu.stop() == 0);
    else
      market.shop.jangbu.kill();
    market.shop.jangbu.start();
    wait_for_sales(buyers, 200);
  }
  market.shop.nats.kill();
  market.shop.nats.start();
  wait_for_sales(buyers, 200);
  buyers.enough();
  const auto sold = bought(buyers.settle());
  const Ledger ledger = read_ledger(market.shop.nats);
  REQUIRE(ledger.sales.size() >= sold.size());
  for (Listener* listener : {&one, &two, &late}) listener->await_beginnings_of(ledger.sales.size());
  CHECK(market.shop.jangbu.stop() == 0);
  CHECK(market.shop.jangbu.sanitizer_report() == "");
  for (Listener* listener : {&one, &two, &late}) {
    const Diary& diary = listener->close();
    CHECK(diary.in_order());
    CHECK(diary.begun.size() == ledger.sales.size());
    CHECK(std::ranges::all_of(sold,
                              [&](const std::string& id) { return diary.begun.count(id) == 1; }));
  }
  CHECK(one.streams() >= 3);
}

TEST_CASE("Streams end when the shop stops, at once", "[busy]") {
  Market market({"--drain-s", "600"});
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 50; ++i)
    streams.push_back(std::make_unique<EventStream>(market.port(), "/deliveries/events"));
  CHECK(market.shop.jangbu.stop() == 0);
  for (const auto& stream : streams) {
    CHECK_FALSE(stream->next());
    CHECK(stream->clean_end());
  }
}

// So many streams, opened and then read by one thread, which counts the events on them.
class Audience {
 public:
  Audience(int port, const std::vector<std::string>& targets) {
    for (const std::string& target : targets) {
      clients_.push_back(std::make_unique<Client>(port));
      clients_.back()->send(get_request(target));
    }
    for (auto& client : clients_) {
      std::string text;
      while (text.find("\nid: ") == text.npos) text += client->read_some();
      if (!text.starts_with("HTTP/1.1 200 ")) throw std::runtime_error(text);
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { read(stop); });
  }

  std::size_t events() const { return events_; }
  std::size_t ended() const { return ended_; }

 private:
  void read(const std::stop_token& stop) {
    constexpr std::string_view mark = "event: delivery-status\n";
    std::vector<pollfd> watched;
    for (const auto& client : clients_) watched.push_back({client->descriptor(), POLLIN, 0});
    std::vector<std::string> rest(clients_.size());
    while (!stop.stop_requested()) {
      if (::poll(watched.data(), watched.size(), 50) <= 0) continue;
      for (std::size_t i = 0; i < watched.size(); ++i) {
        if (watched[i].revents == 0) continue;
        const std::string bytes = clients_[i]->read_some();
        if (bytes.empty()) {
          watched[i].fd = -1;
          ++ended_;
        }
        std::string text = rest[i] + bytes;
        std::size_t at = 0;
        for (std::size_t found; (found = text.find(mark, at)) != text.npos; ++events_)
          at = found + mark.size();
        rest[i] = text.substr(std::max(at, text.size() - std::min(text.size(), mark.size() - 1)));
      }
    }
  }

  std::vector<std::unique_ptr<Client>> clients_;
  std::atomic<std::size_t> events_ = 0;
  std::atomic<std::size_t> ended_ = 0;
  std::jthread thread_;
};

std::vector<std::string> thousand(const std::vector<std::string>& targets) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < 1'000; ++i) all.push_back(targets[i % targets.size()]);
  return all;
}

TEST_CASE("A thousand listen, and each hears everything", "[busy]") {
  Market market;
  std::vector<std::string> own;
  std::vector<std::string> targets{"/deliveries/events"};
  for (int i = 0; i < 4; ++i) {
    own.push_back(id_of(buy(market.shop, "홍길동", "product 1")));
    targets.push_back("/deliveries/" + own.back() + "/events");
  }
  const Audience audience(market.port(), thousand(targets));
  for (const std::string& id : own)
    record_scan(market.shop, id, "picked-up", "2026-03-02T09:00:00Z");
  Buyers buyers([&] {
    auto crowd = market.crowd(16);
    crowd.attempts = has_sanitizer ? 500 : 2'000;
    return crowd;
  }());
  const std::size_t sold = bought(buyers.settle()).size();
  // 200 listen to everything, and 200 to each of the four.
  const std::size_t all = 200 * (4 + sold) + 4 * 200;
  wait_until(
      "the last word", [&] { return audience.events() >= all; }, 60s);
  CHECK(audience.events() == all);
  CHECK(audience.ended() == 0);
  CHECK(market.shop.jangbu.stop() == 0);
}

// Purchases a second with nobody listening, with a thousand who follow their deliveries, and with a
// thousand who follow everything; each more than once, since the machine has its moods.
TEST_CASE("What a thousand streams cost", "[.measure]") {
  Market market;
  const std::string own = id_of(buy(market.shop, "홍길동", "product 1"));
  const auto sales_per_second = [&] {
    Buyers buyers(market.crowd(32));
    wait_for_sales(buyers, 1'000);
    const std::size_t before = buyers.sales();
    const auto begin = std::chrono::steady_clock::now();
    wait_for_sales(buyers, 30'000);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    const auto sales = static_cast<double>(buyers.sales() - before);
    buyers.enough();
    buyers.settle();
    return sales / time.count();
  };
  for (int round = 0; round < 3; ++round) {
    WARN("nobody: " << sales_per_second() << " purchases/s");
    for (const std::string& target :
         {"/deliveries/" + own + "/events", std::string("/deliveries/events")}) {
      const Audience audience(market.port(), thousand({target}));
      WARN("1,000 on " << target << ": " << sales_per_second() << " purchases/s, "
                       << audience.events() << " events heard, " << audience.ended() << " cut off");
    }
  }
}
