#include "tests/faults/faulty_shop.hpp"

#include <poll.h>
#include <signal.h>

#include <stdexcept>

namespace jangbu::test {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// libpq takes the last of two values.
std::string through(const TcpProxy& proxy, const std::string& database) {
  return database + " host=127.0.0.1 port=" + std::to_string(proxy.port());
}

}  // namespace

FaultyShop::Instance::Instance(const NatsServer& log, int postgres_port,
                               const std::string& database)
    : nats(log.port()),
      postgres(postgres_port),
      jangbu({.nats_url = "nats://127.0.0.1:" + std::to_string(nats.port()),
              .nats_monitor_url = log.monitor_url(),
              .database = through(postgres, database),
              // With snapshots so often that every start begins with one.
              .flags = {"--quote-secret", "a secret that both processes have", "--drain-s", "10",
                        "--snapshot-events", "50"}}),
      doors{TcpProxy(jangbu.port(Service::account)), TcpProxy(jangbu.port(Service::product)),
            TcpProxy(jangbu.port(Service::purchase)), TcpProxy(jangbu.port(Service::delivery))} {}

FaultyShop::FaultyShop()
    : postgres_port_(free_port_base()),
      postgres({"fsync=off"}, {}, postgres_port_),
      database(postgres.create_database()),
      one(nats, postgres_port_, database),
      other(nats, postgres_port_, database) {}

Clients::Servers FaultyShop::servers() const {
  const auto of = [](const Instance& instance) {
    std::array<int, 5> ports{instance.jangbu.port(Service::operations)};
    for (std::size_t i = 0; i < instance.doors.size(); ++i) ports[i + 1] = instance.doors[i].port();
    return ports;
  };
  return {of(one), of(other)};
}

std::optional<std::string> FaultyShop::trouble() {
  for (ServeProcess* jangbu : {&one.jangbu, &other.jangbu}) {
    if (!jangbu->running()) return "jangbu serve ended by itself";
    try {
      if (!jangbu->ready()) return "jangbu serve is not ready";
    } catch (const std::exception& error) {
      return std::string("/health/ready: ") + error.what();
    }
  }
  return std::nullopt;
}

void let_pass(Random& random, milliseconds least, milliseconds most) {
  const auto more = static_cast<std::size_t>((most - least).count());
  ::poll(nullptr, 0, static_cast<int>(least.count() + static_cast<long>(pick(random, more + 1))));
}

// --- Faults --------------------------------------------------------------------------------------

namespace {

using Instance = FaultyShop::Instance;

Instance& one_of(FaultyShop& shop, Random& random) {
  return chance(random, 70) ? shop.one : shop.other;
}

// Until something is held back, for then there is something to lose; but not for long.
void wait_for_victim(const TcpProxy& proxy) {
  const auto until = Clock::now() + 2s;
  while (proxy.held_back() == 0 && Clock::now() < until) ::poll(nullptr, 0, 2);
}

void stop_for_a_while(ServeProcess& jangbu, Random& random) {
  jangbu.signal(SIGSTOP);
  let_pass(random, 500ms, 3'000ms);
  jangbu.signal(SIGCONT);
}

void kill_jangbu(FaultyShop& shop, Random& random, std::chrono::seconds) {
  ServeProcess& jangbu = one_of(shop, random).jangbu;
  jangbu.kill();
  let_pass(random, 0ms, 1'000ms);
  jangbu.launch();
}

void kill_nats(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.nats.kill();
  let_pass(random, 0ms, 2'000ms);
  shop.nats.start();
}

void kill_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.postgres.kill();
  let_pass(random, 0ms, 2'000ms);
  shop.postgres.start();
}

void kill_everything(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.nats.kill();
  shop.one.jangbu.kill();
  shop.other.jangbu.kill();
  shop.postgres.kill();
  let_pass(random, 0ms, 500ms);
  shop.other.jangbu.launch();  // waits for the others
  shop.postgres.start();
  shop.one.jangbu.launch();
  shop.nats.start();
}

// PostgreSQL forgets its last moments, and the log is not there to bring them back at once.
void kill_both(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.postgres.kill();
  shop.nats.kill();
  shop.postgres.start();
  let_pass(random, 500ms, 1'500ms);
  shop.nats.start();
}

void restart_jangbu(FaultyShop& shop, Random& random, std::chrono::seconds) {
  ServeProcess& jangbu = one_of(shop, random).jangbu;
  if (const int status = jangbu.stop(40s); status != 0)
    throw std::runtime_error("SIGTERM made jangbu serve end with " + std::to_string(status));
  jangbu.launch();
}

void stop_jangbu(FaultyShop& shop, Random& random, std::chrono::seconds) {
  stop_for_a_while(one_of(shop, random).jangbu, random);
}

void stop_nats(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.nats.pause();
  let_pass(random, 500ms, 4'000ms);
  shop.nats.resume();
}

void stop_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.postgres.pause();
  let_pass(random, 500ms, 4'000ms);
  shop.postgres.resume();
}

void cut_often(TcpProxy& proxy, Random& random) {
  for (std::size_t times = 1 + pick(random, 6); times > 0; --times) {
    proxy.cut();
    let_pass(random, 0ms, 400ms);
  }
}

void cut_nats(FaultyShop& shop, Random& random, std::chrono::seconds) {
  cut_often(one_of(shop, random).nats, random);
}

void cut_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  cut_often(one_of(shop, random).postgres, random);
}

void slow_down(TcpProxy& proxy, Random& random) {
  proxy.set_delay(milliseconds(5 + pick(random, 400)));
  let_pass(random, 1'000ms, 3'000ms);
  proxy.set_delay(0ms);
}

void slow_nats(FaultyShop& shop, Random& random, std::chrono::seconds) {
  slow_down(one_of(shop, random).nats, random);
}

void slow_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  slow_down(one_of(shop, random).postgres, random);
}

void lose_acks(FaultyShop& shop, Random& random, std::chrono::seconds) {
  TcpProxy& nats = one_of(shop, random).nats;
  for (std::size_t times = 4 + pick(random, 4); times > 0; --times) {
    nats.set_mute(true);
    wait_for_victim(nats);
    // Either way, shorter or longer than an append is waited for.
    chance(random, 75) ? let_pass(random, 0ms, 200ms) : let_pass(random, 900ms, 1'500ms);
    // Lost, or only late.
    if (chance(random, 60)) nats.cut();
    nats.set_mute(false);
    let_pass(random, 100ms, 400ms);
  }
}

void publish_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  TcpProxy& nats = one_of(shop, random).nats;
  nats.hold_requests();
  wait_for_victim(nats);
  let_pass(random, 0ms, 1'500ms);
  nats.strand();
  let_pass(random, 0ms, 1'000ms);
  nats.deliver();
}

// What it had sent lands when another writer has gone on, and it does not know.
void stop_and_publish_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& writer = one_of(shop, random);
  writer.nats.hold_requests();
  wait_for_victim(writer.nats);
  writer.jangbu.signal(SIGSTOP);
  let_pass(random, 100ms, 1'500ms);
  writer.nats.strand();
  if (chance(random, 50)) writer.nats.deliver();
  writer.jangbu.signal(SIGCONT);
  let_pass(random, 0ms, 500ms);
  writer.nats.deliver();
}

void kill_and_publish_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& writer = one_of(shop, random);
  writer.nats.hold_requests();
  wait_for_victim(writer.nats);
  writer.jangbu.kill();
  writer.jangbu.launch();
  let_pass(random, 0ms, 1'500ms);
  writer.nats.deliver();
}

// --- Between clients and a process

TcpProxy& busiest_door(Instance& instance) {
  return instance.doors[static_cast<std::size_t>(Service::purchase) - 1];
}

void cut_clients(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& instance = one_of(shop, random);
  for (std::size_t times = 4 + pick(random, 12); times > 0; --times) {
    for (TcpProxy& door : instance.doors) door.cut();
    let_pass(random, 0ms, 200ms);
  }
}

void slow_clients(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& instance = one_of(shop, random);
  const milliseconds delay(5 + pick(random, 400));
  for (TcpProxy& door : instance.doors) door.set_delay(delay);
  let_pass(random, 1'000ms, 3'000ms);
  for (TcpProxy& door : instance.doors) door.set_delay(0ms);
}

void lose_answers(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& instance = one_of(shop, random);
  for (std::size_t times = 4 + pick(random, 4); times > 0; --times) {
    for (TcpProxy& door : instance.doors) door.set_mute(true);
    wait_for_victim(busiest_door(instance));
    let_pass(random, 0ms, 200ms);
    for (TcpProxy& door : instance.doors) {
      door.cut();
      door.set_mute(false);
    }
    let_pass(random, 100ms, 400ms);
  }
}

// What clients gave up, and have asked again meanwhile, perhaps the other process, is taken for
// new.
void ask_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& instance = one_of(shop, random);
  for (std::size_t times = 2 + pick(random, 3); times > 0; --times) {
    for (TcpProxy& door : instance.doors) door.hold_requests();
    wait_for_victim(busiest_door(instance));
    let_pass(random, 0ms, 200ms);
    for (TcpProxy& door : instance.doors) door.strand();
    let_pass(random, 0ms, 1'000ms);
    for (TcpProxy& door : instance.doors) door.deliver();
  }
}

// The one that fills the read models loses its connections, and with them its locks. The other one
// is slow: what it has read of a checkpoint is old when the lock becomes its own.
void hand_over(FaultyShop& shop, Random& random, std::chrono::seconds) {
  for (auto [from, to] : {std::pair(&shop.one, &shop.other), std::pair(&shop.other, &shop.one)}) {
    to->postgres.set_delay(milliseconds(150 + pick(random, 200)));
    let_pass(random, 900ms, 1'700ms);
    from->postgres.set_closed(true);
    from->postgres.cut();
    let_pass(random, 1'200ms, 2'000ms);
    from->postgres.set_closed(false);
    to->postgres.set_delay(0ms);
  }
}

void without_nats(FaultyShop& shop, Random&, std::chrono::seconds outage) {
  shop.nats.kill();
  const auto begin = Clock::now();
  ::poll(nullptr, 0, static_cast<int>(milliseconds(outage).count()));
  shop.outages.push_back({Outage::Of::log, begin, Clock::now()});
  shop.nats.start();
}

void without_postgres(FaultyShop& shop, Random&, std::chrono::seconds outage) {
  shop.postgres.kill();
  const auto begin = Clock::now();
  ::poll(nullptr, 0, static_cast<int>(milliseconds(outage).count()));
  shop.outages.push_back({Outage::Of::read_models, begin, Clock::now()});
  shop.postgres.start();
}

}  // namespace

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all{
      {"kill-jangbu", "kill -9 of jangbu", kill_jangbu},
      {"kill-nats", "kill -9 of nats-server", kill_nats},
      {"kill-postgres", "kill -9 of PostgreSQL", kill_postgres},
      {"kill-both", "kill -9 of PostgreSQL and nats-server", kill_both},
      {"kill-everything", "kill -9 of everything", kill_everything},
      {"restart-jangbu", "SIGTERM of jangbu", restart_jangbu},
      {"stop-jangbu", "SIGSTOP of jangbu", stop_jangbu},
      {"stop-nats", "SIGSTOP of nats-server", stop_nats},
      {"stop-postgres", "SIGSTOP of PostgreSQL", stop_postgres},
      {"cut-nats", "connections to NATS break", cut_nats},
      {"cut-postgres", "connections to PostgreSQL break", cut_postgres},
      {"slow-nats", "the way to NATS is slow", slow_nats},
      {"slow-postgres", "the way to PostgreSQL is slow", slow_postgres},
      {"lost-acks", "acknowledgements are lost, or late", lose_acks},
      {"late-publish", "publishes land late", publish_late},
      {"late-publish-stopped", "... of a writer that was stopped", stop_and_publish_late},
      {"late-publish-killed", "... of a writer that was killed", kill_and_publish_late},
      {"cut-clients", "connections of clients break", cut_clients},
      {"slow-clients", "the way of clients is slow", slow_clients},
      {"lost-answers", "answers to clients are lost", lose_answers},
      {"late-requests", "requests arrive when their clients have given them up", ask_late},
      {"hand-over", "the projectors' locks change hands", hand_over},
      {"nats-away", "NATS is away", without_nats},
      {"postgres-away", "PostgreSQL is away", without_postgres},
  };
  return all;
}

}  // namespace jangbu::test
