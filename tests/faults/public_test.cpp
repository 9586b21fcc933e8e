// A long log is published while the publishers and nats-server are killed again and again, in the
// middle of large batches, which the rounds hardly ever have.
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <variant>

#include "events/commit.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/ids.hpp"
#include "tests/bench/shop_content.hpp"
#include "tests/faults/clients.hpp"
#include "tests/faults/public_checker.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/shop.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

namespace {

constexpr const char* public_stream = "SHOP_PUBLIC";

// Commits of 1 to 400 events, so that batches split them anywhere.
void fill(const NatsServer& nats, std::uint64_t events, Random& random) {
  const auto log =
      JetStreamLog::connect({.url = nats.url(), .monitor_url = nats.monitor_url()}, 30s);
  log->create_stream();
  const Timestamp now{1'772'357'400'000};
  Position last;
  for (std::uint64_t number = 0; number < events;) {
    Commit commit{.committed_at = now, .events = {}};
    for (std::size_t left = 1 + pick(random, 400); left > 0; --left)
      commit.events.push_back({{.occurred_at = now}, bench::account_opened(number++, now)});
    const auto result = log->append(last, {new_id<CommitId>(), encode_commit(commit)}, 30s);
    if (!std::holds_alternative<Appended>(result))
      throw std::runtime_error("the log is not filled");
    last = std::get<Appended>(result).position;
  }
}

std::size_t violations(const std::vector<LogCommit>& log, const std::vector<PublicEvent>& stream) {
  const auto found = check_public(log, stream);
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 5); ++i)
    UNSCOPED_INFO(found[i].rule << ": " << found[i].what);
  return found.size();
}

}  // namespace

TEST_CASE("a log is published without a gap and without a double, whoever is killed meanwhile") {
  Random random(Catch::getSeed());
  NatsServer nats;
  fill(nats, 12'000, random);
  const auto log = read_log(nats.port());
  const std::size_t all = public_events(log).size();

  // It takes its time, so that there is something to interrupt.
  TcpProxy way(nats.port());
  way.set_delay(25ms);
  PostgresServer postgres;
  const std::string database = postgres.create_database();
  const TemporaryFolder folder;
  const auto publisher = [&] {
    const std::string port = std::to_string(free_port_base());
    return run_jangbu({"serve", "--no-writer", "--no-projector", "--port-base", port, "--nats-url",
                       "nats://127.0.0.1:" + std::to_string(way.port()), "--nats-monitor-url",
                       nats.monitor_url(), "--database", database, "--data", folder.path() / port},
                      folder.path() / "log");
  };
  std::array publishers{publisher(), publisher()};
  std::uint64_t published = 0;
  std::size_t kills = 0;
  while (published < all) {
    wait_until(
        "more to be published",
        [&] { return last_sequence(nats.port(), public_stream) > published; }, 120s);
    ::poll(nullptr, 0, static_cast<int>(pick(random, 40)));
    if (chance(random, 50)) {
      nats.kill();
      nats.start();
    } else {
      auto& victim = publishers[pick(random, 2)];
      victim->stop(SIGKILL);
      victim = publisher();
    }
    ++kills;
    published = last_sequence(nats.port(), public_stream);
  }
  CHECK(kills > 0);
  CHECK(violations(log, read_public(nats.port())) == 0);
}

}  // namespace jangbu::test
