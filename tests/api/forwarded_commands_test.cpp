// Commands that reach an instance which is not active: over a real nats-server, the answers are
// those of the active one.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/cluster/forwarder.hpp"
#include "api/cluster/receiver.hpp"
#include "api/cluster/seal.hpp"
#include "api/cluster/subjects.hpp"
#include "api/http/server.hpp"
#include "api/jobs/import.hpp"
#include "api/log/log_lookup.hpp"
#include "api/services/forwarded.hpp"
#include "api/services/quotes.hpp"
#include "api/services/service.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "commands/writer.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "infra/ids.hpp"
#include "infra/sha256.hpp"
#include "projections/queries/read_models.hpp"
#include "tests/http/client.hpp"
#include "tests/support/faulty_log.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Fields = HttpClient::Fields;
using cluster::ForwarderMachine;

constexpr const char* subjects = "shop";
const std::string cluster_secret(cluster::min_secret, 's');
const Service* const services[] = {&account_service, &product_service, &purchase_service,
                                   &delivery_service};
enum Which { accounts, products, purchases, deliveries };

// What an instance knows of who is active.
class Known {
 public:
  explicit Known(Standing standing) : standing_(std::move(standing)) {}
  void set(Standing standing) {
    const std::lock_guard lock(mutex_);
    standing_ = std::move(standing);
  }
  Standing get() const {
    const std::lock_guard lock(mutex_);
    return standing_;
  }

 private:
  mutable std::mutex mutex_;
  Standing standing_;
};

// A server for each service, and clients of them.
class Doors {
 public:
  explicit Doors(const Backend& backend) {
    for (const Service* service : services)
      servers_.emplace_back("127.0.0.1", 0, to_router(*service, backend)).start();
    for (auto& server : servers_) clients_.emplace_back(server.port());
  }
  HttpClient& operator[](Which which) { return clients_[which]; }
  HttpClient another(Which which) { return HttpClient(servers_[which].port()); }
  int port(Which which) const { return servers_[which].port(); }

 private:
  std::deque<http::Server> servers_;
  std::deque<HttpClient> clients_;
};

struct Options {
  const access::AccessKeys* keys = nullptr;
  std::string secret = cluster_secret;  // of the one that forwards
  ForwarderMachine::Options machine = {};
  std::chrono::milliseconds together_within = cluster::Receiver::Options{}.together_within;
  Writer::Options writer = {};
};

// An instance that decides, on a log in memory, and one that has no writer.
struct Cluster {
  explicit Cluster(const Options& options = {})
      : together_within(options.together_within),
        gatekeeper(options.keys, nullptr, {}),
        writer(log,
               {.now = system_now, .new_commit_id = new_id<CommitId>, .any_number = random_number},
               options.writer),
        forwarder(standby_connection,
                  {.subjects = subjects,
                   .secret = options.secret,
                   .instance = new_id<InstanceId>(),
                   .machine = options.machine},
                  [this] { return seen_by_standby.get(); }) {
    writer.start();
    wait_until("the writer", [this] { return writer.status().state == Writer::State::active; });
  }
  ~Cluster() {
    rows_elsewhere.stop();
    writer.stop();
  }

  const std::chrono::milliseconds together_within;
  NatsServer nats{{.jetstream = false}};
  NatsConnection active_connection{nats.url(), "active", 60s};
  NatsConnection standby_connection{nats.url(), "standby", 60s};
  MemoryLog real_log;
  FaultyLog log{real_log};
  LogLookup log_lookup{log};
  ReadModels read_models{{.conninfo = "host=/nowhere"}};
  const Quotes quotes{"a secret of a test", "shop"};
  EventFeed feed{log, delivery_changes({}), {}};
  access::Gatekeeper gatekeeper;

  Known seen_by_active{{.active = true, .term = {5}, .instance = {}, .name = "one"}};
  Known seen_by_standby{{.active = false, .term = {5}, .instance = {}, .name = "one"}};
  Writer writer;
  Importer importer{writer, log_lookup};
  const CommandSide commands{writer, log_lookup, quotes};
  const Backend active{gatekeeper, &commands, read_models, feed, nullptr, &importer};
  const ForwardedCommands forwarded{active};
  std::optional<cluster::Receiver> receiver{
      std::in_place, active_connection,
      cluster::Receiver::Options{
          .subjects = subjects, .secret = cluster_secret, .together_within = together_within},
      [this] { return seen_by_active.get(); },
      [this](std::vector<cluster::Receiver::Received>&& all) { forwarded.serve(std::move(all)); }};

  cluster::Forwarder forwarder;
  Importer rows_elsewhere{nullptr, nullptr, &forwarder, {}};
  const Backend standby{gatekeeper, nullptr,         read_models, feed,
                        nullptr,    &rows_elsewhere, &forwarder};
  Doors here{active};
  Doors there{standby};

  std::uint64_t count(ForwarderMachine::Outcome outcome) const {
    return forwarder.measures().count(outcome);
  }
};

const Json address{{"line", "세종대로 1"}, {"zipCode", "03172"}};
Json account(const std::string& name) {
  return {{"name", name}, {"address", address}};
}
Json product(const std::string& name) {
  return {{"name", name}, {"unitPrice", {{"amount", 1'000}, {"currency", "KRW"}}}, {"stock", 9}};
}
Json purchase(const std::string& buyer, int quantity = 1) {
  return {{"buyer", buyer}, {"product", "쑥차"}, {"quantity", quantity}};
}

// What a client sees of an answer, but for what is new each time: ids, times, tokens.
std::string seen(const Reply& reply) {
  static const std::regex id("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  static const std::regex time("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z");
  static const std::regex token("\"quoteId\":\"[^\"]+\"");
  std::string text = std::to_string(reply.status) + "\n";
  for (const auto& [name, value] : reply.headers)
    if (name != "date" && name != "x-request-id" && name != "content-length")
      text += name + ": " + value + "\n";
  text += reply.body;
  text = std::regex_replace(text, id, "ID");
  text = std::regex_replace(text, time, "TIME");
  return std::regex_replace(text, token, "TOKEN");
}

// A story with every command, and what clients see of it.
std::vector<std::string> story(Doors& doors) {
  std::vector<std::string> all;
  const auto say = [&](Reply reply) {
    all.push_back(seen(reply));
    return reply;
  };
  const Fields key{{"Idempotency-Key", "one"}};
  const auto hong = say(doors[accounts].post("/accounts", account("홍길동"), key));
  say(doors[accounts].post("/accounts", account("홍길동"), key));  // again
  say(doors[accounts].post("/accounts", account("황진이"), key));  // another request
  say(doors[accounts].post("/accounts", account("홍길동")));       // taken
  say(doors[accounts].post("/accounts", {{"name", 7}}));           // malformed
  say(doors[accounts].send("POST", "/accounts", "{", {{"Content-Type", "application/json"}}));
  say(doors[accounts].send("POST", "/accounts", "x", {{"Content-Type", "text/plain"}}));
  say(doors[accounts].post("/accounts?x=1", account("성춘향")));  // unknown parameter
  const std::string at = hong.header("location");
  say(doors[accounts].put(at + "/address", {{"line", "강남대로 2"}, {"zipCode", "06000"}},
                          {{"If-Match", hong.header("etag")}}));
  say(doors[accounts].put(at + "/address", address, {{"If-Match", hong.header("etag")}}));  // 412
  say(doors[accounts].patch(at, {{"membershipLevel", "GOLD"}}));
  say(doors[accounts].patch("/accounts/" + to_string(new_id<AccountId>()), {{"name", "누구"}}));

  const auto tea = say(doors[products].post("/products", product("쑥차")));
  const std::string of_tea = tea.header("location");
  say(doors[products].put(of_tea + "/price",
                          {{"unitPrice", {{"amount", 1'200}, {"currency", "KRW"}}}}));
  say(doors[products].post(of_tea + "/stock", {{"change", 5}, {"reason", "입고"}}));

  const auto quote = say(doors[purchases].post("/quotes", purchase("홍길동", 2)));
  const Json confirm{{"quoteId", quote.json.at("quoteId")}};
  const auto bought = say(doors[purchases].post("/purchases", confirm));
  say(doors[purchases].post("/purchases", confirm));  // again
  say(doors[purchases].post("/purchases", purchase("홍길동", 9)));
  say(doors[purchases].post("/purchases", purchase("아무개")));
  say(doors[purchases].post("/purchases", {{"quoteId", "a.b"}}));
  const auto other = say(doors[purchases].post("/purchases", purchase("홍길동")));
  say(doors[purchases].post(other.header("location") + "/cancellation", {{"reason", "변심"}}));

  const std::string delivery = "/deliveries/" + bought.json.at("id").get<std::string>();
  for (const char* status : {"picked-up", "delivered", "label-created"})
    say(doors[deliveries].post(delivery + "/scans", {{"carrier", "CJ"},
                                                     {"trackingNumber", "6865412345678"},
                                                     {"status", status},
                                                     {"location", "서울"},
                                                     {"occurredAt", "2026-03-01T09:30:00.000Z"}}));
  say(doors[deliveries].send("POST", delivery + "/receipt", "", {}));
  say(doors[products].delete_(of_tea));
  say(doors[accounts].delete_(at));
  return all;
}

TEST_CASE("every command is answered through another instance as it is directly") {
  const auto directly = [] {
    Cluster cluster;
    return story(cluster.here);
  }();
  Cluster cluster;
  const auto forwarded = story(cluster.there);
  REQUIRE(forwarded.size() == directly.size());
  for (std::size_t i = 0; i < directly.size(); ++i) CHECK(forwarded[i] == directly[i]);
  CHECK(cluster.receiver->requests() > 20);
  CHECK(cluster.count(ForwarderMachine::Outcome::answered) == cluster.receiver->requests());
}

TEST_CASE("a key that was used at one instance is known at the other") {
  Cluster cluster;
  const Fields key{{"Idempotency-Key", "one"}};
  const Reply first = cluster.here[accounts].post("/accounts", account("홍길동"), key);
  const Reply again = cluster.there[accounts].post("/accounts", account("홍길동"), key);
  CHECK(again.status == 201);
  CHECK(again.json == first.json);
  CHECK(again.has("idempotent-replayed"));
}

TEST_CASE("a body of the largest size is forwarded, and a larger one is refused at once") {
  Cluster cluster;
  Json body = account("홍길동");
  body["x"] = std::string(64 * 1024 - body.dump().size() - 8, 'x');
  CHECK(cluster.there[accounts].post("/accounts", body).code() == "invalid-field");
  CHECK(cluster.receiver->requests() == 1);
  body["x"] = std::string(64 * 1024, 'x');
  CHECK(cluster.there[accounts].post("/accounts", body).code() == "body-too-large");
  CHECK(cluster.receiver->requests() == 1);
}

TEST_CASE("rows of an import are decided by the active instance, under their own keys") {
  Cluster cluster;
  std::string rows = "{}\n";
  for (int i = 0; i < 50; ++i) rows += account("손님 " + std::to_string(i)).dump() + "\n";
  const auto import_at = [&](Doors& doors) {
    Client client(doors.port(accounts));
    client.send(
        "POST /accounts:import HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: customers\r\n"
        "Content-Type: application/x-ndjson\r\nContent-Length: " +
        std::to_string(rows.size()) + "\r\n\r\n" + rows);
    const Answer answer = client.read_answer();
    REQUIRE(answer.status == 200);
    std::vector<Json> parsed;
    std::istringstream text(answer.body);
    for (std::string line; std::getline(text, line);) parsed.push_back(Json::parse(line));
    return parsed;
  };
  const auto first = import_at(cluster.there);
  REQUIRE(first.size() == 51);
  CHECK(first[0].at("status") == 422);
  for (std::size_t i = 1; i < first.size(); ++i) {
    CHECK(first[i].at("status") == 201);
    CHECK(first[i].at("line") == i + 1);
  }
  // The keys are the same, wherever it is sent again.
  const auto again = import_at(cluster.here);
  const auto third = import_at(cluster.there);
  REQUIRE(again.size() == 51);
  CHECK(third == again);
  for (std::size_t i = 1; i < again.size(); ++i) {
    CHECK(again[i].at("replayed") == true);
    CHECK(again[i].at("id") == first[i].at("id"));
  }
}

// Keys of two buyers and a clerk.
struct Keys {
  Keys() {
    std::vector<access::AccessKey> all;
    for (const auto& [name, role] :
         {std::pair("kim", Role::buyer), std::pair("lee", Role::buyer),
          std::pair("shop", Role::clerk), std::pair("sold", Role::seller)}) {
      texts[name] = access::new_access_key(name);
      all.push_back({.name = name,
                     .digest = sha256({texts[name]}),
                     .roles = {role},
                     .carrier = {},
                     .rate = {}});
    }
    keys.configure(std::move(all));
  }
  Fields of(const std::string& name) const {
    return {{"Authorization", "Bearer " + texts.at(name)}};
  }

  std::map<std::string, std::string> texts;
  access::AccessKeys keys;
};

TEST_CASE("who asks, and what is theirs, is the same through another instance") {
  const Keys keys;
  Cluster cluster({.keys = &keys.keys});
  HttpClient& there = cluster.there[accounts];
  const Reply kim = there.post("/accounts", account("김"), keys.of("kim"));
  REQUIRE(kim.status == 201);
  const std::string at = kim.header("location") + "/address";
  CHECK(there.put(at, address, keys.of("lee")).status == 403);
  CHECK(there.put(at, address, keys.of("kim")).status == 200);
  CHECK(there.put(at, address, keys.of("shop")).status == 200);
  const auto served = cluster.receiver->requests();
  CHECK(there.put(at, address).status == 401);                   // at the door, not there
  CHECK(there.put(at, address, keys.of("sold")).status == 403);  // likewise
  CHECK(cluster.receiver->requests() == served);
}

// What a forwarder would send, made by hand.
struct ByHand {
  explicit ByHand(Cluster& of, Position in_term = {5})
      : cluster(of), subject(cluster::forward_subject(subjects, in_term)) {}

  // The answer to this message, opened; nullopt: there is none within the time.
  std::optional<std::string> ask(const std::string& bytes, const std::string& reply,
                                 std::chrono::milliseconds wait = 60s) {
    std::promise<std::string> answer;
    std::atomic<bool> given = false;
    const NatsConnection::Subscription subscription(
        cluster.standby_connection, reply, [&](const NatsMessage& message) {
          if (!given.exchange(true)) answer.set_value(std::string(payload(*message)));
        });
    cluster.standby_connection.publish(
        subject, reply,
        cluster::seal(cluster_secret, cluster::question_context(subject, reply), bytes));
    auto future = answer.get_future();
    if (future.wait_for(wait) != std::future_status::ready) return std::nullopt;
    const std::string sealed = future.get();
    const auto opened = cluster::open(cluster_secret, cluster::answer_context(reply), sealed);
    REQUIRE(opened);
    return std::string(*opened);
  }
  static std::string message(const Principal& asker, const std::string& name,
                             std::int64_t at = system_now().ms) {
    return message(asker, std::vector{name}, at);
  }
  static std::string message(const Principal& asker, const std::vector<std::string>& names,
                             std::int64_t at = system_now().ms) {
    cluster::MessageWriter writer({{":at", std::to_string(at)}, {":news", "from the future"}});
    for (std::uint32_t i = 0; i < names.size(); ++i) {
      http::Request request;
      request.method = http::Method::post;
      request.target = "/accounts";
      const std::string body = account(names[i]).dump();
      const std::string length = std::to_string(body.size());
      request.headers.add("Content-Type", "application/json");
      request.headers.add("Content-Length", length);
      writer.add(i, cluster::request_item(
                        {.service = "account", .request = request, .body = body, .asker = asker}));
    }
    return std::move(writer).take();
  }
  static cluster::Message read(const std::string& bytes) {
    return std::get<cluster::Message>(cluster::read_message(bytes).value());
  }
  static std::string undone(const std::string& bytes) {
    return std::string(read(bytes).members.find(":undone").value_or(""));
  }
  static int status(const std::string& bytes) {
    return cluster::read_answer(read(bytes).items.at(0))->status;
  }

  Cluster& cluster;
  const std::string subject;
};

TEST_CASE("what is forwarded for nobody is refused where access control is on") {
  const Keys keys;
  Cluster cluster({.keys = &keys.keys});
  ByHand by_hand(cluster);
  const Principal clerk{.id = {}, .name = "key:shop", .roles = {Role::clerk}, .carrier = {}};
  const Principal auditor{.id = {}, .name = "key:look", .roles = {Role::auditor}, .carrier = {}};
  CHECK(by_hand.status(*by_hand.ask(ByHand::message(*anyone(), "김"), "a.1")) == 403);
  CHECK(by_hand.status(*by_hand.ask(ByHand::message(auditor, "김"), "a.2")) == 403);
  CHECK(by_hand.status(*by_hand.ask(ByHand::message(clerk, "김"), "a.3")) == 201);
}

TEST_CASE("what came in one message is decided in one turn, and answered in one message") {
  Cluster cluster({.together_within = 60s});
  ByHand by_hand(cluster);
  const std::string bytes =
      by_hand.ask(ByHand::message(*anyone(), std::vector<std::string>{"김", "", "이", "박"}), "a.1")
          .value();
  const cluster::Message answer = ByHand::read(bytes);
  std::map<std::uint32_t, int> statuses;
  for (const auto& item : answer.items) statuses[item.number] = cluster::read_answer(item)->status;
  CHECK(statuses == std::map<std::uint32_t, int>{{0, 201}, {1, 422}, {2, 201}, {3, 201}});
  CHECK(cluster.real_log.last() == Position{2});  // after the claim
}

// While the log answers nothing: of two in a message, one without a name.
void hear_only_of_what_is_refused(ByHand& by_hand) {
  const std::string bytes =
      by_hand.ask(ByHand::message(*anyone(), std::vector<std::string>{"김", ""}), "a.1").value();
  const cluster::Message answer = ByHand::read(bytes);
  REQUIRE(answer.items.size() == 1);
  CHECK(answer.items[0].number == 1);
}

TEST_CASE("answers do not wait long for one that takes longer") {
  Cluster cluster;
  ByHand by_hand(cluster);
  cluster.log.hold();
  hear_only_of_what_is_refused(by_hand);
  cluster.log.open();
}

TEST_CASE("answers that wait for others are given when the active instance ends") {
  Cluster cluster({.together_within = 60s});
  ByHand by_hand(cluster);
  cluster.log.hold();
  const auto ends = std::async(std::launch::async, [&cluster] {
    cluster.log.wait_for_held();
    cluster.receiver.reset();
  });
  hear_only_of_what_is_refused(by_hand);
  cluster.log.open();
}

TEST_CASE("a message is carried out once, however often it arrives") {
  Cluster cluster;
  ByHand by_hand(cluster);
  const std::string message = ByHand::message(*anyone(), "김");
  CHECK(by_hand.status(*by_hand.ask(message, "a.7")) == 201);
  cluster.standby_connection.publish(
      by_hand.subject, "a.7",
      cluster::seal(cluster_secret, cluster::question_context(by_hand.subject, "a.7"), message));
  // By the time of a later message's answer it has been there.
  CHECK(by_hand.status(*by_hand.ask(ByHand::message(*anyone(), "이"), "a.8")) == 201);
  CHECK(cluster.receiver->requests() == 2);
}

TEST_CASE("a message of another version, of another time, or for another term is not carried out") {
  Cluster cluster;
  ByHand by_hand(cluster);
  std::string other = ByHand::message(*anyone(), "김");
  other[0] = static_cast<char>(cluster::format_version + 1);
  CHECK(by_hand.undone(*by_hand.ask(other, "a.1")) == "version");
  const std::int64_t minute = 60'000;
  CHECK(by_hand.undone(*by_hand.ask(ByHand::message(*anyone(), "김", system_now().ms - minute),
                                    "a.2")) == "clock");
  cluster.seen_by_active.set({.active = false, .term = {9}, .instance = {}, .name = "two"});
  const std::string answer = by_hand.ask(ByHand::message(*anyone(), "김"), "a.3").value();
  CHECK(by_hand.undone(answer) == "not-active");
  CHECK(ByHand::read(answer).members.find(":name") == "two");
  CHECK(ByHand::read(answer).members.number(":term") == 9);
  CHECK(cluster.receiver->requests() == 0);
}

TEST_CASE("a build that speaks another version refuses clearly, and nothing is done") {
  Cluster cluster;
  cluster.receiver.reset();
  cluster.active_connection.request("nobody", "", 60s);  // the server has heard of that, too
  const std::string subject = cluster::forward_subject(subjects, {5});
  const NatsConnection::Subscription newer(
      cluster.active_connection, subject, [&](const NatsMessage& message) {
        const std::string reply = natsMsg_GetReply(message.get());
        cluster.active_connection.publish(
            reply, cluster::seal(cluster_secret, cluster::answer_context(reply),
                                 std::string(1, char{cluster::format_version + 1}) + "?"));
      });
  const Reply reply = cluster.there[accounts].post("/accounts", account("김"));
  CHECK(reply.status == 503);
  CHECK(reply.code() == "not-ready");
  CHECK_THAT(reply.body,
             ContainsSubstring("version " + std::to_string(cluster::format_version + 1)) &&
                 ContainsSubstring("Nothing was done"));
  CHECK(cluster.count(ForwarderMachine::Outcome::refused) == 1);
}

TEST_CASE("without the cluster's secret nothing is carried out") {
  Cluster cluster(
      {.secret = std::string(cluster::min_secret, 'w'), .machine = {.answer_deadline = 500ms}});
  CHECK(cluster.there[accounts].post("/accounts", account("김")).code() == "outcome-unknown");
  CHECK(cluster.receiver->requests() == 0);
  CHECK(cluster.log.appends() == 1);  // the claim
}

TEST_CASE("while nobody is active commands wait, and are done once somebody is") {
  Cluster cluster;
  cluster.seen_by_standby.set({});
  cluster.forwarder.standing_changed();
  auto held = std::async(std::launch::async, [client = cluster.there.another(accounts)]() mutable {
    return client.post("/accounts", account("김"));
  });
  wait_until("the command", [&] { return cluster.forwarder.bytes() > 0; });
  cluster.seen_by_active.set({.active = true, .term = {8}, .instance = {}, .name = "one"});
  cluster.receiver->standing_changed();
  cluster.seen_by_standby.set({.active = false, .term = {8}, .instance = {}, .name = "one"});
  cluster.forwarder.standing_changed();
  CHECK(held.get().status == 201);
}

TEST_CASE("when nobody becomes active in time, the client is told to try again") {
  Cluster cluster({.machine = {.deadline = 200ms}});
  cluster.seen_by_standby.set({});
  cluster.forwarder.standing_changed();
  const Reply reply = cluster.there[accounts].post("/accounts", account("김"));
  CHECK(reply.status == 503);
  CHECK(reply.code() == "not-ready");
  CHECK(reply.header("retry-after") == "1");
  CHECK(cluster.count(ForwarderMachine::Outcome::not_active) == 1);
}

TEST_CASE("when the active instance goes with commands in flight, nobody is told anything false") {
  Cluster cluster({.machine = {.answer_deadline = 500ms}, .writer = {.deadline = 60s}});
  cluster.log.hold();
  auto bought =
      std::async(std::launch::async, [client = cluster.there.another(accounts)]() mutable {
        return client.post("/accounts", account("김"), {{"Idempotency-Key", "k"}});
      });
  cluster.log.wait_for_held();
  cluster.receiver.reset();  // and with it whatever it would have answered
  const Reply reply = bought.get();
  CHECK(reply.code() == "outcome-unknown");
  cluster.log.open();
  wait_until("the commit", [&] { return cluster.real_log.last() == Position{2}; });
  const Reply again =
      cluster.here[accounts].post("/accounts", account("김"), {{"Idempotency-Key", "k"}});
  CHECK(again.status == 201);
  CHECK(again.has("idempotent-replayed"));
  CHECK(cluster.real_log.last() == Position{2});
}

TEST_CASE("commands survive that the connection of the one that forwards was lost before") {
  Cluster cluster;
  CHECK(cluster.there[accounts].post("/accounts", account("김")).status == 201);
  cluster.nats.kill();
  wait_until("the loss", [&] { return !cluster.standby_connection.why_away().empty(); });
  auto held = std::async(std::launch::async, [client = cluster.there.another(accounts)]() mutable {
    return client.post("/accounts", account("이"));
  });
  wait_until("the command", [&] { return cluster.forwarder.bytes() > 0; });
  cluster.nats.start();
  const Reply reply = held.get();
  CHECK((reply.status == 201 || reply.code() == "not-ready" || reply.code() == "overloaded"));
  wait_until("another command", [&] {
    return cluster.there[accounts].post("/accounts", account("박")).status == 201;
  });
}

}  // namespace
}  // namespace jangbu::test
