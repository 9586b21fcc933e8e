// The copies of a log on three servers: their number is changed while it serves, and they are read
// and compared one by one.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "events/errors.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tool.hpp"
#include "tests/contract/logs.hpp"
#include "tests/support/nats_cluster.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;

std::unique_ptr<JetStreamLog> open(const NatsCluster& cluster, unsigned replicas) {
  auto log = JetStreamLog::connect(
      {.url = cluster.urls(), .monitor_url = cluster.monitor_urls(), .replicas = replicas}, 30s);
  log->create_stream();
  return log;
}

TEST_CASE("a log gets more copies, and fewer, while it is appended to") {
  NatsCluster cluster;
  const auto log = open(cluster, 1);
  std::atomic<bool> stop = false;
  std::jthread appending([&] {
    for (std::uint8_t i = 0; !stop; ++i) {
      CommitId id;
      id.bytes[0] = i;
      try {
        log->append(log->last(), {id, "x"}, 1s);
      } catch (const Unavailable&) {
        // A leader is being made.
      }
    }
  });

  for (const std::string number : {"3", "1", "3"}) {
    CAPTURE(number);
    const Ended ended = run({"events", "replicas", number, "--nats-url", cluster.urls()});
    CAPTURE(ended.errors);
    REQUIRE(ended.status == 0);
    CHECK_THAT(ended.output, ContainsSubstring("SHOP: " + number + " cop"));
    const Replicas replicas = log->ask_replicas();
    CHECK(std::to_string(replicas.wanted) == number);
    CHECK(replicas.each.size() == replicas.wanted);
    for (const Replica& replica : replicas.each) CHECK(replica.end);  // says each server itself
    log->last();
    CHECK(std::to_string(log->replicas()) == number);
    // The gate takes it as it is, whatever --replicas says.
    CHECK(log->inspect().empty());
  }
  stop = true;
  appending.join();

  const auto commits = all_of(*log);
  CHECK(commits.size() == log->last().value);
  const Ended shown = run({"events", "replicas", "--nats-url", cluster.urls()});
  CHECK(shown.status == 0);
  for (std::size_t i = 0; i < NatsCluster::size; ++i)
    CHECK_THAT(shown.output, ContainsSubstring(NatsCluster::name(i)));

  const Ended too_many = run({"events", "replicas", "5", "--nats-url", cluster.urls()});
  CHECK(too_many.status == 1);
  CHECK_THAT(too_many.errors,
             ContainsSubstring("cannot have 5 replicas") && ContainsSubstring("docs/cluster.md"));
}

TEST_CASE("of three copies the one that was damaged is found, and nobody is given what it has") {
  NatsCluster cluster;
  const auto log = open(cluster, 3);
  for (const Commit& commit : small_story()) append(*log, commit);
  for (const Commit& commit : many_purchases(60, 2)) append(*log, commit);
  const auto commits = all_of(*log);
  cluster.wait_current("SHOP");
  const std::vector<std::string> verify{"events", "verify", "--replicas", "--nats-url",
                                        cluster.urls()};
  const Ended well = run(verify);
  CAPTURE(well.output, well.errors);
  CHECK_THAT(well.output, ContainsSubstring("3 copies of"));
  CHECK_THAT(well.output + well.errors, !ContainsSubstring("the copy on"));

  // A commit in the middle, of a copy that does not lead.
  const std::size_t leader = cluster.leader_of("SHOP");
  const std::size_t follower = (leader + 1) % 3;
  cluster.stop(follower);
  const StoredCommit& victim = commits.at(commits.size() / 2);
  const auto file = cluster.server(follower).store() / "$G/streams/SHOP/msgs/1.blk";
  std::fstream block(file, std::ios::in | std::ios::out | std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(block), {}};
  const auto place = text.find(victim.payload);
  REQUIRE(place != std::string::npos);
  block.clear();
  block.seekp(static_cast<std::streamoff>(place) + 8);
  block.put(static_cast<char>(~text[place + 8]));
  block.close();
  cluster.start(follower);
  cluster.wait_current("SHOP");

  const Ended damaged = run(verify);
  CAPTURE(damaged.output, damaged.errors);
  CHECK(damaged.status == 1);
  CHECK_THAT(damaged.output,
             ContainsSubstring(std::to_string(victim.position.value) + ": the copy on " +
                               NatsCluster::name(follower) + " lacks the commit"));
  // Readers that happen to follow that copy get it from the leader.
  for (unsigned i = 0; i < 12; ++i)
    CHECK(same_commits(read_commits(*log->read_from({1}), commits.size()), commits));
}

}  // namespace
}  // namespace jangbu::test
