// What only a log on a real server can show: broken ways, killed servers, lost tails.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "infra/eventlog/nats_connection.hpp"
#include "tests/contract/logs.hpp"
#include "tests/support/http_client.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Clock = std::chrono::steady_clock;

// Waits until the log answers again.
void await(EventLog& log) {
  wait_until("the log", [&] {
    try {
      log.last();
      return true;
    } catch (const Unavailable&) {
      return false;
    }
  });
}

// Bytes that the server has sent over its connections, by their names.
std::map<std::string, std::size_t> bytes_sent(NatsServer& server) {
  std::map<std::string, std::size_t> sent;
  // One at a time: of an answer over 2 KiB the server does not tell the length.
  for (std::size_t offset = 0;; ++offset) {
    const auto page = HttpClient(server.monitor_port())
                          .get("/connz?limit=1&offset=" + std::to_string(offset))
                          .json.at("connections");
    if (page.empty()) return sent;
    sent[page[0].at("name")] += page[0].at("out_bytes").template get<std::size_t>();
  }
}

TEST_CASE("a late acknowledgement answers the attempt that waits for the same commit",
          "[contract]") {
  JetStreamUnderTest test;
  test.proxy().set_mute(true);
  CHECK(std::holds_alternative<NoAnswer>(test.log().append({0}, {commit_id(1), "x"}, 100ms)));
  wait_until("the acknowledgement", [&] { return test.proxy().held_back() > 0; });

  const auto first_ack = test.proxy().held_back();
  auto again = std::async(std::launch::async, [&] {
    return test.log().append({0}, {commit_id(1), "x"}, 30s);
  });
  wait_until("the second answer", [&] { return test.proxy().held_back() > first_ack; });
  test.proxy().set_mute(false);
  const auto result = again.get();
  REQUIRE(std::holds_alternative<Appended>(result));
  CHECK(std::get<Appended>(result).position == Position{1});
}

TEST_CASE("a late acknowledgement is not taken for that of another commit", "[contract]") {
  JetStreamUnderTest test;
  test.proxy().set_mute(true);
  CHECK(std::holds_alternative<NoAnswer>(test.log().append({0}, {commit_id(1), "x"}, 100ms)));
  wait_until("the acknowledgement", [&] { return test.proxy().held_back() > 0; });

  const auto first_ack = test.proxy().held_back();
  auto other = std::async(std::launch::async, [&] {
    return test.log().append({0}, {commit_id(2), "y"}, 30s);
  });
  wait_until("the second answer", [&] { return test.proxy().held_back() > first_ack; });
  test.proxy().set_mute(false);
  CHECK(std::holds_alternative<WrongSequence>(other.get()));
  CHECK(test.log().read({1})->id == commit_id(1));
}

TEST_CASE("a lost connection ends the wait for an acknowledgement at once", "[contract]") {
  JetStreamUnderTest test;
  test.proxy().set_mute(true);
  auto waiting = std::async(std::launch::async, [&] {
    return test.log().append({0}, {commit_id(1), "x"}, 600s);
  });
  wait_until("the acknowledgement", [&] { return test.proxy().held_back() > 0; });
  const auto cut_at = Clock::now();
  test.proxy().cut();
  CHECK(std::holds_alternative<NoAnswer>(waiting.get()));
  CHECK(Clock::now() - cut_at < 60s);
}

TEST_CASE("an append to a server that stands still ends at its timeout, and may land later",
          "[contract]") {
  JetStreamUnderTest test;
  test.server().pause();
  const auto sent_at = Clock::now();
  CHECK(std::holds_alternative<NoAnswer>(test.log().append({0}, {commit_id(1), "x"}, 300ms)));
  CHECK(Clock::now() - sent_at >= 300ms);
  CHECK_THROWS_AS(test.log().last(), Unavailable);
  test.server().resume();
  const auto result = append_surely(test.log(), {0}, commit_id(1), "x");
  const bool stored_before = std::holds_alternative<WrongSequence>(result);
  CHECK((stored_before || std::get<Appended>(result).position == Position{1}));
  CHECK(test.log().read({1})->id == commit_id(1));
  CHECK(test.log().last() == Position{1});
}

TEST_CASE("a publish that could be written in part only leaves no part behind", "[contract]") {
  JetStreamUnderTest test;
  // The server reads nothing until the way to it is full and the client gives up in the middle of a
  // message. Of what was sent until then any number may be stored, but only as it was.
  const std::string large(250 * 1024, 'a');
  test.server().pause();
  bool gave_up_writing = false;
  for (unsigned i = 0; i < 200 && !gave_up_writing; ++i) {
    const auto sent_at = Clock::now();
    CHECK(
        std::holds_alternative<NoAnswer>(test.other().append({i}, {commit_id(i + 1), large}, 1ms)));
    gave_up_writing = Clock::now() - sent_at > 1s;
  }
  CHECK(gave_up_writing);
  for (unsigned i = 0; i < 5; ++i)
    test.other().append({1'000}, {commit_id(2'000), std::string(100, 'b')}, 1ms);
  test.server().resume();
  await(test.log());
  await(test.other());

  append_next(test.other(), commit_id(3'000), std::string(100, 'b'));
  const Position last = test.log().last();
  const auto reader = test.log().read_from({1});
  const auto commits = read_commits(*reader, last.value);
  for (const auto& commit : commits) {
    if (commit.position == last) {
      CHECK(commit.id == commit_id(3'000));
      CHECK(commit.payload == std::string(100, 'b'));
    } else {
      CHECK(commit.id == commit_id(unsigned(commit.position.value)));
      CHECK(commit.payload == large);
    }
  }
}

TEST_CASE("after kill -9 of the server every acknowledged commit is there", "[contract]") {
  JetStreamUnderTest test;
  const auto reader = test.log().read_from({1});
  Position last;
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < 20; ++i) {
      last = std::get<Appended>(
                 test.log().append(last, {commit_id(unsigned(last.value) + 1), "x"}, 10s))
                 .position;
    }
    test.server().kill();
    CHECK(std::holds_alternative<NoAnswer>(test.log().append(last, {commit_id(999), "x"}, 1s)));
    CHECK_THROWS_AS(test.log().last(), Unavailable);
    test.server().start();
    await(test.log());
    CHECK(test.log().last() == last);
  }
  const auto commits = read_commits(*reader, last.value);
  REQUIRE(commits.size() == last.value);
  for (unsigned i = 0; i < commits.size(); ++i) CHECK(commits[i].id == commit_id(i + 1));
}

TEST_CASE("a reader goes on after a restart of the server", "[contract]") {
  JetStreamUnderTest test;
  const auto reader = test.log().read_from({1});
  append_next(test.log(), commit_id(1), "x");
  REQUIRE(read_commits(*reader, 1).size() == 1);

  test.server().stop();
  CHECK_THROWS_AS(reader->next(10, 5s), Unavailable);
  test.server().start();
  await(test.log());
  append_next(test.log(), commit_id(2), "x");
  const auto commits = read_commits(*reader, 1);
  REQUIRE(commits.size() == 1);
  CHECK(commits.front().id == commit_id(2));
}

TEST_CASE("a reader notices a server that stands still, and goes on with it", "[contract]") {
  JetStreamUnderTest test;
  const auto reader = test.log().read_from({1});
  append_next(test.log(), commit_id(1), "x");
  REQUIRE(read_commits(*reader, 1).size() == 1);

  test.server().pause();
  CHECK_THROWS_AS(reader->next(10, 30s), Unavailable);
  test.server().resume();
  await(test.log());
  append_next(test.log(), commit_id(2), "x");
  CHECK(read_commits(*reader, 1).front().id == commit_id(2));
}

TEST_CASE("a reader replaces a consumer that was taken away", "[contract]") {
  JetStreamUnderTest test;
  NatsConnection admin(test.server().url(), "test", 10s);
  const auto call = [&](const std::string& what) {
    return nlohmann::json::parse(payload(*admin.request("$JS.API." + what, {}, 10s)));
  };
  const auto reader = test.log().read_from({1});
  append_next(test.log(), commit_id(1), "x");
  REQUIRE(read_commits(*reader, 1).size() == 1);

  const auto names = call("CONSUMER.NAMES.SHOP").at("consumers");
  REQUIRE(names.size() == 1);
  CHECK(call("CONSUMER.DELETE.SHOP." + names.front().get<std::string>()).at("success") == true);
  append_next(test.log(), commit_id(2), "x");
  CHECK(read_commits(*reader, 1).front().id == commit_id(2));
}

TEST_CASE("a reader whose consumers bring nothing reads what the leader has", "[contract]") {
  JetStreamUnderTest test;
  NatsConnection admin(test.server().url(), "test", 10s);
  const auto call = [&](const std::string& what, const std::string& body = {}) {
    return nlohmann::json::parse(payload(*admin.request("$JS.API." + what, body, 10s)));
  };
  const auto reader = test.log().read_from({1});
  append_next(test.log(), commit_id(1), "x");
  REQUIRE(read_commits(*reader, 1).size() == 1);

  // Each of its consumers is alive, and brings nothing.
  std::set<std::string> paused;
  const auto pause_its_consumer = [&] {
    const auto names = call("CONSUMER.NAMES.SHOP").at("consumers");
    for (const auto& name : names)
      if (paused.insert(name.get<std::string>()).second)
        call("CONSUMER.PAUSE.SHOP." + name.get<std::string>(),
             R"({"pause_until": "2100-01-01T00:00:00Z"})");
  };
  pause_its_consumer();
  for (unsigned i = 2; i <= 5; ++i) append_next(test.log(), commit_id(i), "x");
  std::vector<StoredCommit> commits;
  wait_until("the commits", [&] {
    for (auto& commit : reader->next(10, 100ms)) commits.push_back(std::move(commit));
    pause_its_consumer();
    return commits.size() == 4;
  });
  CHECK(paused.size() >= 2);
  for (unsigned i = 0; i < 4; ++i) CHECK(commits[i].id == commit_id(i + 2));
}

TEST_CASE("a reader leaves no consumer behind", "[contract]") {
  JetStreamUnderTest test;
  NatsConnection admin(test.server().url(), "test", 10s);
  test.log().read_from({1})->next(1, 10ms);
  wait_until("the consumer's end", [&] {
    const auto answer = admin.request("$JS.API.CONSUMER.NAMES.SHOP", {}, 10s);
    return nlohmann::json::parse(payload(*answer)).at("total") == 0;
  });
}

// Readers asked for commits while these were small, and large ones came.
TEST_CASE("what readers have asked for is bounded, however large the commits are", "[contract]") {
  constexpr std::size_t readers = 10;
  constexpr std::size_t size = 250 * 1024;
  constexpr std::size_t most_of_one = 2 * 1024 * 1024;
  JetStreamUnderTest test;
  NatsConnection admin(test.server().url(), "test", 10s);
  append_next(test.log(), commit_id(1), "small");
  std::vector<std::unique_ptr<LogReader>> all;
  for (std::size_t i = 0; i < readers; ++i) {
    all.push_back(test.log().read_from({1}));
    REQUIRE(read_commits(*all.back(), 1).size() == 1);
  }
  for (unsigned i = 2; i <= 40; ++i)
    append_next(test.log(), commit_id(i), std::string(size, static_cast<char>('a' + i % 26)));

  // The server holds nothing of theirs that it could send any more. It may have forgotten some of
  // them meanwhile, since nobody reads; so what counts is what went over their connection.
  wait_until("the end of all pulls", [&] {
    const auto answer = admin.request("$JS.API.CONSUMER.LIST.SHOP", "{}", 10s);
    const auto found = nlohmann::json::parse(payload(*answer)).at("consumers");
    return std::ranges::all_of(
        found, [](const auto& consumer) { return consumer.at("num_waiting") == 0; });
  });
  CHECK(bytes_sent(test.server()).at("jangbu readers") < readers * (most_of_one + size));

  // All of it comes, in order.
  for (const auto& reader : all) {
    const auto commits = read_commits(*reader, 39);
    CHECK(commits.front().id == commit_id(2));
    CHECK(commits.back().id == commit_id(40));
    CHECK(commits.back().payload == std::string(size, static_cast<char>('a' + 40 % 26)));
  }
}

TEST_CASE("a reader keeps its consumer from pull to pull", "[contract]") {
  JetStreamUnderTest test;
  NatsConnection admin(test.server().url(), "test", 10s);
  const auto consumers = [&] {
    const auto answer = admin.request("$JS.API.CONSUMER.NAMES.SHOP", {}, 10s);
    return nlohmann::json::parse(payload(*answer)).at("consumers");
  };
  for (unsigned i = 1; i <= 300; ++i)
    append_next(test.log(), commit_id(i), std::string(10'000, 'x'));
  const auto reader = test.log().read_from({1});
  const std::size_t read = read_commits(*reader, 1).size();
  const auto first = consumers();
  REQUIRE(first.size() == 1);
  REQUIRE(read_commits(*reader, 300 - read).size() == 300 - read);
  append_next(test.log(), commit_id(301), "x");
  REQUIRE(read_commits(*reader, 1).size() == 1);
  CHECK(consumers() == first);
}

TEST_CASE("a commit that is larger than what readers ask for at once is read", "[contract]") {
  NatsServer server({.extra = "max_payload: 8MB"});
  const auto log = JetStreamLog::connect({.url = server.url()}, 10s);
  log->create_stream();
  const std::string huge(5 << 20, 'x');
  append_next(*log, commit_id(1), "small");
  append_next(*log, commit_id(2), huge);
  append_next(*log, commit_id(3), huge);
  append_next(*log, commit_id(4), "small");
  const auto commits = read_commits(*log->read_from({1}), 4);
  CHECK(commits[1].payload == huge);
  CHECK(commits[2].payload == huge);
  CHECK(commits[3].id == commit_id(4));
}

// What is on its way to readers stands before no acknowledgement; and where the server ends that
// connection, appends go on.
TEST_CASE("commits do not come over the connection that appends use", "[contract]") {
  NatsServer server;
  const auto log = JetStreamLog::connect({.url = server.url()}, 10s);
  log->create_stream();
  const std::string large(250 * 1024, 'x');
  for (unsigned i = 1; i <= 20; ++i) append_next(*log, commit_id(i), large);
  REQUIRE(read_commits(*log->read_from({1}), 20).size() == 20);
  const auto sent = bytes_sent(server);
  CHECK(sent.at("jangbu readers") > 20 * large.size());
  CHECK(sent.at("jangbu appends") < large.size());
}

TEST_CASE("a lost tail is told for ever", "[contract]") {
  JetStreamUnderTest test;
  for (unsigned i = 1; i <= 3; ++i) append_next(test.log(), commit_id(i), "x");
  const auto reader = test.log().read_from({1});
  REQUIRE(read_commits(*reader, 3).size() == 3);
  test.server().stop();
  std::filesystem::remove_all(test.server().store());
  test.server().start();

  SECTION("when the stream is gone") {}
  SECTION("when it is empty") {
    const auto fresh = test.connect(test.server().port());
    fresh->create_stream();
  }
  SECTION("when it has grown again, as long as it was") {
    const auto fresh = test.connect(test.server().port());
    fresh->create_stream();
    for (unsigned i = 11; i <= 13; ++i) append_next(*fresh, commit_id(i), "y");
  }

  AppendResult result;
  wait_until("an answer", [&] {
    result = test.log().append({3}, {commit_id(4), "x"}, 1s);
    return !std::holds_alternative<NoAnswer>(result);
  });
  CHECK(std::holds_alternative<WrongSequence>(result));
  CHECK_THROWS_MATCHES(test.log().last(), Corrupt,
                       MessageMatches(ContainsSubstring("lost commits") &&
                                      ContainsSubstring("restore the stream from a backup")));
  CHECK_THROWS_AS(test.log().read({4}), Corrupt);
  CHECK_THROWS_AS(reader->next(1, 100ms), Corrupt);
  CHECK(std::holds_alternative<WrongSequence>(test.log().append({0}, {commit_id(4), "x"}, 1s)));
}

TEST_CASE("a missing commit stops a reader", "[contract]") {
  NatsServer server;
  NatsConnection admin(server.url(), "test", 10s);
  // As no stream of ours would be: it keeps two messages only.
  admin.request("$JS.API.STREAM.CREATE.SHOP",
                R"({"name":"SHOP","subjects":["shop.commits"],"max_msgs":2})", 10s);
  const auto log = JetStreamLog::connect({.url = server.url()}, 10s);
  for (unsigned i = 1; i <= 4; ++i) append_next(*log, commit_id(i), "x");
  CHECK_THROWS_MATCHES(log->read_from({1})->next(10, 5s), Corrupt,
                       MessageMatches(ContainsSubstring("commit 1 is missing")));
  CHECK(log->read_from({3})->next(10, 5s).front().id == commit_id(3));
}

TEST_CASE("a foreign message stops a reader, after the commits before it", "[contract]") {
  JetStreamUnderTest test;
  NatsConnection admin(test.server().url(), "test", 10s);
  append_next(test.log(), commit_id(1), "x");
  admin.request("shop.commits", "not a commit", 10s);
  const auto reader = test.log().read_from({1});
  CHECK(read_commits(*reader, 1).size() == 1);
  CHECK_THROWS_MATCHES(reader->next(10, 5s), Corrupt,
                       MessageMatches(ContainsSubstring("message 2 of stream SHOP")));
  CHECK_THROWS_AS(test.log().read({2}), Corrupt);
}

TEST_CASE("a commit beyond the server's largest message is not stored, and says so", "[contract]") {
  JetStreamUnderTest test;
  const auto result = test.log().append({0}, {commit_id(1), std::string(2 << 20, 'x')}, 10s);
  CHECK(std::holds_alternative<NoAnswer>(result));
  CHECK(test.log().last() == Position{0});
}

TEST_CASE("a log without a stream answers nothing rather than something wrong", "[contract]") {
  NatsServer server;
  const auto log = JetStreamLog::connect({.url = server.url()}, 10s);
  const auto result = log->append({0}, {commit_id(1), "x"}, 10s);
  REQUIRE(std::holds_alternative<NoAnswer>(result));
  CHECK_THAT(std::get<NoAnswer>(result).why, ContainsSubstring("no stream takes shop.commits"));
  CHECK_THROWS_AS(log->last(), Corrupt);
  CHECK_THROWS_AS(log->read({1}), Corrupt);
  CHECK_THROWS_AS(log->read_from({1})->next(1, 1s), Corrupt);
  log->create_stream();
  CHECK(log->last() == Position{0});
}

TEST_CASE("two streams on one server do not meet", "[contract]") {
  NatsServer server;
  const auto shop = JetStreamLog::connect({.url = server.url()}, 10s);
  const auto lab = JetStreamLog::connect({.url = server.url(), .stream = "LAB-2"}, 10s);
  shop->create_stream();
  lab->create_stream();
  append_next(*lab, commit_id(1), "x");
  CHECK(shop->last() == Position{0});
  CHECK(lab->last() == Position{1});
}

TEST_CASE("a log ends while its server is away", "[contract]") {
  JetStreamUnderTest test;
  auto reader = test.log().read_from({1});
  CHECK(reader->next(1, 10ms).empty());
  test.server().kill();
  const auto began_at = Clock::now();
  reader.reset();
  test.drop_log();
  CHECK(Clock::now() - began_at < 30s);
}

TEST_CASE("a server that is not there is waited for, and then named", "[contract]") {
  const int port = free_port_base();
  const std::string url = "nats://shop:secret@127.0.0.1:" + std::to_string(port);
  try {
    JetStreamLog::connect({.url = url}, 500ms);
    FAIL("connected to nothing");
  } catch (const Unavailable& away) {
    CHECK_THAT(away.what(), ContainsSubstring("127.0.0.1:" + std::to_string(port)));
    CHECK_THAT(away.what(), !ContainsSubstring("secret"));
  }
  CHECK_THROWS_AS(JetStreamLog::connect({.url = "no url at all"}, 0ms), Unavailable);
}

TEST_CASE("a server that comes late is found", "[contract]") {
  NatsServer server;
  server.stop();
  auto connecting = std::async(std::launch::async,
                               [&] { return JetStreamLog::connect({.url = server.url()}, 30s); });
  server.start();
  CHECK(connecting.get()->why_away().empty());
}

TEST_CASE("wrong credentials are refused at once", "[contract]") {
  NatsServer server({.extra = "authorization { user: shop, password: right }"});
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  const auto began_at = Clock::now();
  CHECK_THROWS_MATCHES(JetStreamLog::connect({.url = "nats://shop:wrong@" + address}, 600s),
                       Unavailable,
                       MessageMatches(ContainsSubstring("refuses the user or password") &&
                                      !ContainsSubstring("wrong")));
  CHECK(Clock::now() - began_at < 60s);
  JetStreamLog::connect({.url = "nats://shop:right@" + address}, 10s)->create_stream();
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t times = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++times;
  return times;
}

// Whatever a server ends connections for, or makes them useless, while we are connected.
TEST_CASE("a log that is locked out says why, and comes back when it is let in", "[contract]") {
  const std::string let_in = "authorization { users: [{ user: shop, password: right }] }";
  struct Case {
    std::string configuration, why, in_the_servers_log;
    std::size_t tries;  // more than two of each connection that is refused
  };
  const auto locked_out =
      GENERATE_COPY(Case{"authorization { users: [{ user: shop, password: other }] }",
                         "Authorization Violation", "authentication error", 5},
                    Case{let_in + "\nmax_connections: 1", "maximum connections exceeded",
                         "maximum connections exceeded", 3},
                    Case{"authorization { users: [{ user: shop, password: right, "
                         "permissions: { subscribe: { deny: ['_INBOX.>'] } } }] }",
                         "Permissions Violation for Subscription", "Subscription Violation", 5});
  NatsServer server({.extra = let_in});
  const auto log =
      JetStreamLog::connect({.url = "nats://shop:right@127.0.0.1:" + std::to_string(server.port()),
                             .monitor_url = server.monitor_url()},
                            10s);
  log->create_stream();
  append_next(*log, commit_id(1), "before");
  CHECK(log->why_away().empty());

  server.reload(locked_out.configuration);
  wait_until("the reason",
             [&] { return log->why_away().find(locked_out.why) != std::string::npos; });
  CHECK_THAT(log->why_away(), !ContainsSubstring("right"));
  // cnats itself would try no more after two refusals.
  wait_until("further tries", [&] {
    return count(server.log_text(), locked_out.in_the_servers_log) >= locked_out.tries;
  });

  server.reload(let_in);
  wait_until("the log", [&] { return log->why_away().empty(); });
  CHECK(log->read({1})->payload == "before");
  append_surely(*log, {1}, commit_id(2), "after");
  CHECK(read_commits(*log->read_from({1}), 2).back().payload == "after");
}

TEST_CASE("who may not append is told why", "[contract]") {
  const std::string may = "authorization { users: [{ user: shop, password: right }] }";
  NatsServer server({.extra = may});
  const auto log =
      JetStreamLog::connect({.url = "nats://shop:right@127.0.0.1:" + std::to_string(server.port()),
                             .monitor_url = server.monitor_url()},
                            10s);
  log->create_stream();
  server.reload(
      "authorization { users: [{ user: shop, password: right, "
      "permissions: { publish: { deny: ['shop.commits'] } } }] }");
  wait_until("the refusal", [&] {
    const auto result = log->append({}, {commit_id(1), "refused"}, 200ms);
    const auto* none = std::get_if<NoAnswer>(&result);
    return none && none->why.find("Permissions Violation for Publish") != std::string::npos;
  });
  server.reload(may);
  append_surely(*log, {}, commit_id(1), "taken");
}

// Whoever may publish to an inbox may answer what he likes.
TEST_CASE("answers that JetStream would not give leave the log away", "[contract]") {
  NatsServer server({.jetstream = false});
  NatsConnection forger(server.url(), "forger", 10s);
  const auto answer = [&](const std::string& to, const std::string& with) {
    return std::make_unique<NatsConnection::Subscription>(
        forger, to, [&forger, with](const NatsMessage& asked) {
          if (const char* reply = natsMsg_GetReply(asked.get())) forger.publish(reply, with);
        });
  };
  const auto with = GENERATE(R"({"seq": "many", "config": 3, "message": []})",
                             R"({"error": {"err_code": "none"}})", R"({"error": []})");
  const auto info = answer("$JS.API.STREAM.INFO.SHOP", with);
  const auto get = answer("$JS.API.STREAM.MSG.GET.SHOP", with);
  const auto made = answer("$JS.API.CONSUMER.CREATE.SHOP.*", with);
  const auto appended = answer("shop.commits", with);
  forger.request("nobody", "", 10s);  // the server has heard of these, too
  const auto log = JetStreamLog::connect({.url = server.url(), .monitor_url = {}}, 10s);
  CHECK_THROWS_AS(log->last(), Unavailable);
  CHECK_THROWS_AS(log->read({1}), Unavailable);
  const AppendResult result = log->append({}, {commit_id(1), "one"}, 10s);
  CHECK(std::holds_alternative<NoAnswer>(result));
  const auto reader = log->read_from({1});
  CHECK_THROWS_AS(reader->next(1, 10s), Unavailable);
}

}  // namespace
}  // namespace jangbu::test
