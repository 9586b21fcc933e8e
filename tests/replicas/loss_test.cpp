// A log on three servers that loses one, its leader, or two of them: what was acknowledged is
// there, and it goes on by itself.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <map>
#include <thread>

#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "tests/contract/logs.hpp"
#include "tests/support/nats_cluster.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Weight = GateFinding::Weight;

// Elections take up to 9 s each, and several may be needed.
constexpr auto patience = 180s;

std::unique_ptr<JetStreamLog> connect(const std::string& urls, const NatsCluster& cluster) {
  return JetStreamLog::connect(
      {.url = urls, .monitor_url = cluster.monitor_urls(), .replicas = 3, .request_timeout = 1s},
      30s);
}

struct Market {
  Market() : log(connect(cluster.urls(), cluster)) { log->create_stream(); }

  NatsCluster cluster;
  std::unique_ptr<JetStreamLog> log;
};

// Appends one commit after the other, as the writer does, and remembers what was acknowledged.
class Appender {
 public:
  explicit Appender(EventLog& log) : log_(log), thread_([this] { run(); }) {}
  ~Appender() { stop(); }

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t acknowledged() const { return acknowledged_; }
  void await_more(std::uint64_t more) {
    const std::uint64_t wanted = acknowledged_ + more;
    wait_until(
        "acknowledged commits", [&] { return acknowledged_ >= wanted; }, patience);
  }

 private:
  // Of an append that was refused, or not answered, the log tells what became of it.
  void run() {
    while (!stop_) {
      const Position last{acknowledged_};
      const CommitId id = commit_id(static_cast<unsigned>(last.value) + 1);
      const AppendResult result = log_.append(last, {id, "x"}, 1s);
      if (std::holds_alternative<Appended>(result)) {
        ++acknowledged_;
      } else if (std::holds_alternative<WrongSequence>(result)) {
        try {
          if (const auto there = log_.read(last.next()); there && there->id == id) ++acknowledged_;
        } catch (const Unavailable&) {
        }
      }
    }
  }

  EventLog& log_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::thread thread_;
};

void require_first(EventLog& log, std::uint64_t count) {
  const auto reader = log.read_from({1});
  const auto commits = read_commits(*reader, count);
  for (std::uint64_t i = 0; i < count; ++i) {
    REQUIRE(commits[i].position == Position{i + 1});
    REQUIRE(commits[i].id == commit_id(static_cast<unsigned>(i) + 1));
  }
}

// The commit at a position; waits for a log that is away, and for the commit.
CommitId commit_at(EventLog& log, Position position) {
  std::optional<StoredCommit> there;
  wait_until(
      "the commit",
      [&] {
        try {
          there = log.read(position);
        } catch (const Unavailable&) {
        }
        return there.has_value();
      },
      patience);
  return there->id;
}

// Like append_surely(), after an election: a refusal does not tell that anything is there then, for
// it may be about what was proposed and never decided.
void append_until_there(EventLog& log, Position expected, const CommitId& id,
                        std::string_view payload) {
  wait_until(
      "the append",
      [&] {
        append_surely(log, expected, id, payload);
        try {
          return log.read(expected.next()).has_value();
        } catch (const Unavailable&) {
          return false;
        }
      },
      patience);
}

bool is_away(EventLog& log) {
  try {
    log.last();
    return false;
  } catch (const Unavailable&) {
    return true;
  }
}

TEST_CASE("the log goes on when the server that leads it is killed, and loses nothing") {
  Market market;
  const auto reader = market.log->read_from({1});
  Appender appender(*market.log);
  std::size_t read = 0;
  for (unsigned round = 0; round < 2; ++round) {
    appender.await_more(50);
    const std::size_t leader = market.cluster.leader_of("SHOP");
    market.cluster.kill(leader);
    appender.await_more(50);
    // A reader whose consumer lived there goes on as well.
    const std::size_t there = appender.acknowledged();
    read += read_commits(*reader, there - std::min(there, read)).size();
    market.cluster.start(leader);
    market.cluster.wait_current("SHOP");
  }
  appender.stop();
  require_first(*market.log, appender.acknowledged());
}

TEST_CASE("the log goes on when the server that leads it stands still, and loses nothing") {
  Market market;
  Appender appender(*market.log);
  appender.await_more(50);
  const std::size_t leader = market.cluster.leader_of("SHOP");
  market.cluster.pause(leader);
  appender.await_more(50);
  market.cluster.resume(leader);
  market.cluster.wait_current("SHOP");
  appender.await_more(50);
  appender.stop();
  require_first(*market.log, appender.acknowledged());
}

TEST_CASE("a leader that was cut off acknowledges nothing, and is known by what it hears of") {
  Market market;
  append_next(*market.log, commit_id(1), "before");
  market.cluster.wait_current("SHOP");
  const std::size_t old = market.cluster.leader_of("SHOP");
  const auto at_old = connect(market.cluster.server(old).url(), market.cluster);
  const auto at_others = connect(
      market.cluster.server((old + 1) % 3).url() + "," + market.cluster.server((old + 2) % 3).url(),
      market.cluster);
  REQUIRE(at_old->ask_replicas().has_majority());

  market.cluster.isolate(old);
  CHECK(std::holds_alternative<NoAnswer>(at_old->append({1}, {commit_id(2), "lost"}, 1s)));
  wait_until("the old leader's knowledge", [&] {
    try {
      return !at_old->ask_replicas().has_majority();
    } catch (const Unavailable&) {
      return true;
    }
  });

  REQUIRE(market.cluster.leader_of("SHOP") != old);
  append_until_there(*at_others, {1}, commit_id(3), "kept");
  CHECK(commit_at(*at_others, {2}) == commit_id(3));

  market.cluster.heal(old);
  market.cluster.wait_current("SHOP");
  CHECK(commit_at(*at_old, {2}) == commit_id(3));
}

TEST_CASE("without a majority nothing is acknowledged, and the log comes back by itself") {
  Market market;
  append_next(*market.log, commit_id(1), "before");
  const auto reader = market.log->read_from({1});
  REQUIRE(read_commits(*reader, 1).size() == 1);
  market.cluster.wait_current("SHOP");
  const std::size_t left = market.cluster.leader_of("SHOP");
  const std::size_t others[] = {(left + 1) % 3, (left + 2) % 3};
  for (const std::size_t other : others) market.cluster.kill(other);

  CHECK_FALSE(std::holds_alternative<Appended>(market.log->append({1}, {commit_id(2), "x"}, 2s)));
  wait_until(
      "the log to be away", [&] { return is_away(*market.log); }, patience);
  CHECK_FALSE(std::holds_alternative<Appended>(market.log->append({1}, {commit_id(2), "x"}, 2s)));

  for (const std::size_t other : others) market.cluster.start(other);
  append_until_there(*market.log, {1}, commit_id(2), "x");
  CHECK(commit_at(*market.log, {2}) == commit_id(2));
  CHECK(read_commits(*reader, 1).front().id == commit_id(2));
}

TEST_CASE("an instance can be started while one of three servers is away, and is told") {
  Market market;
  CHECK(market.log->inspect().empty());
  append_next(*market.log, commit_id(1), "x");
  market.cluster.wait_current("SHOP");
  const auto away = GENERATE(0u, 1u, 2u);
  market.cluster.kill(away);
  market.cluster.leader_of("SHOP");  // waits for one

  const auto log = connect(market.cluster.urls(), market.cluster);
  std::vector<GateFinding> findings;
  wait_until(
      "the gate",
      [&] {
        try {
          findings = log->inspect();
          return true;
        } catch (const Unavailable&) {
          return false;
        }
      },
      patience);
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().code == GateFinding::Code::server_away);
  CHECK(findings.front().weight == Weight::warning);
  log->create_stream();
  CHECK(log->read({1})->id == commit_id(1));
}

TEST_CASE("a log is made once the last server of a new cluster is there") {
  NatsCluster cluster({}, 2);
  NatsConnection admin(cluster.urls(), "test", 30s);
  const nlohmann::json answer =
      JetStreamApi(admin, 10s)
          .call("STREAM.CREATE.OTHER",
                {{"name", "OTHER"}, {"subjects", {"other"}}, {"num_replicas", 3}});
  REQUIRE(error_code(answer) == api_error::no_suitable_peers);
  const auto log = connect(cluster.urls(), cluster);
  auto made = std::async(std::launch::async, [&] { log->create_stream(); });
  cluster.start(2);
  made.get();
  append_until_there(*log, {0}, commit_id(1), "x");
}

TEST_CASE("the gate wants to ask every server that keeps the log") {
  Market market;
  const auto log = JetStreamLog::connect({.url = market.cluster.server(0).url(),
                                          .monitor_url = market.cluster.server(0).monitor_url()},
                                         30s);
  const auto findings = log->inspect();
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().code == GateFinding::Code::server_not_asked);
}

TEST_CASE("instances that begin a log together share it") {
  NatsCluster cluster;
  std::vector<std::jthread> threads;
  std::atomic<unsigned> made = 0;
  for (std::size_t i = 0; i < NatsCluster::size; ++i)
    threads.emplace_back([&cluster, &made, url = cluster.server(i).url()] {
      connect(url, cluster)->create_stream();
      ++made;
    });
  threads.clear();
  REQUIRE(made == NatsCluster::size);
  CHECK(connect(cluster.urls(), cluster)->ask_replicas().wanted == 3);
}

TEST_CASE("a replicated tail that is missing is away for 15 s before it is lost") {
  NatsCluster cluster;
  TcpProxy proxy(cluster.server(0).port());
  const auto log = connect("nats://127.0.0.1:" + std::to_string(proxy.port()), cluster);
  log->create_stream();
  for (unsigned i = 1; i <= 3; ++i) append_next(*log, commit_id(i), "x");

  // What no majority would do: it forgets.
  NatsConnection admin(cluster.urls(), "test", 10s);
  JetStreamApi api(admin, 10s);
  REQUIRE(error_code(api.call("STREAM.DELETE.SHOP", nullptr)) == 0);
  const auto fresh = connect(cluster.urls(), cluster);
  fresh->create_stream();
  append_next(*fresh, commit_id(1), "x");
  proxy.cut();

  const auto began = std::chrono::steady_clock::now();
  std::string why;
  wait_until(
      "the verdict",
      [&] {
        try {
          log->last();
        } catch (const Unavailable& away) {
          why = away.what();
        } catch (const Corrupt&) {
          return true;
        }
        return false;
      },
      patience);
  CHECK(std::chrono::steady_clock::now() - began >= 15s);
  CHECK_THAT(why, ContainsSubstring("at the server that leads it now"));
  CHECK_THROWS_MATCHES(log->last(), Corrupt, MessageMatches(ContainsSubstring("lost commits")));
}

}  // namespace
}  // namespace jangbu::test
