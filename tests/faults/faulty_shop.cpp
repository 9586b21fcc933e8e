#include "tests/faults/faulty_shop.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <stdexcept>

namespace jangbu::test {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// libpq takes the last of two values.
std::string through(const TcpProxy& proxy, const std::string& database) {
  return database + " host=127.0.0.1 port=" + std::to_string(proxy.port());
}

std::string urls_of(const std::deque<TcpProxy>& proxies) {
  std::string all;
  for (const TcpProxy& proxy : proxies)
    all += (all.empty() ? "" : ",") + ("nats://127.0.0.1:" + std::to_string(proxy.port()));
  return all;
}

std::deque<TcpProxy> proxies_to(const NatsServers& log) {
  std::deque<TcpProxy> proxies;
  for (std::size_t i = 0; i < log.size(); ++i) proxies.emplace_back(log.server(i).port());
  return proxies;
}

}  // namespace

NatsServers::NatsServers(Form form)
    : single_(form == Form::single ? std::make_unique<NatsServer>() : nullptr),
      cluster_(form == Form::cluster ? std::make_unique<NatsCluster>() : nullptr) {}

void NatsServers::kill() const {
  for (std::size_t i = 0; i < size(); ++i) single_ ? single_->kill() : cluster_->kill(i);
}

void NatsServers::start() const {
  for (std::size_t i = 0; i < size(); ++i) single_ ? single_->start() : cluster_->start(i);
}

void NatsServers::wait_current() const {
  if (cluster_) cluster_->wait_current("SHOP");
}

FaultyShop::Instance::Instance(const NatsServers& log, int postgres_port,
                               const std::string& database)
    : nats(proxies_to(log)),
      postgres(postgres_port),
      jangbu({.nats_url = urls_of(nats),
              .nats_monitor_url = log.monitor_urls(),
              .database = through(postgres, database),
              // With snapshots so often that every start begins with one.
              .flags = {"--drain-s", "10", "--snapshot-events", "50", "--replicas",
                        std::to_string(log.size())}}),
      doors{TcpProxy(jangbu.port(Service::account)), TcpProxy(jangbu.port(Service::product)),
            TcpProxy(jangbu.port(Service::purchase)), TcpProxy(jangbu.port(Service::delivery))} {}

bool FaultyShop::Instance::is_active() const {
  try {
    const Reply reply = HttpClient(jangbu.port(Service::operations)).get("/health/ready");
    return reply.json.at("checks").at("writer").at("state") == "active";
  } catch (const NoReply&) {
    return false;
  }
}

FaultyShop::FaultyShop(Form form)
    : postgres_port_(free_port_base()),
      nats(form),
      postgres({"fsync=off"}, {}, postgres_port_),
      database(postgres.create_database()) {
  const std::size_t count = form == Form::single ? 2 : 3;
  while (instances.size() < count) instances.emplace_back(nats, postgres_port_, database);
}

Clients::Servers FaultyShop::servers() const {
  Clients::Servers all;
  for (const Instance& instance : instances) {
    std::array<int, 5>& ports = all.emplace_back();
    ports[0] = instance.jangbu.port(Service::operations);
    for (std::size_t i = 0; i < instance.doors.size(); ++i) ports[i + 1] = instance.doors[i].port();
  }
  return all;
}

std::optional<std::string> FaultyShop::trouble() {
  for (Instance& instance : instances) {
    ServeProcess& jangbu = instance.jangbu;
    if (!jangbu.running()) return "jangbu serve ended by itself";
    try {
      if (!jangbu.ready()) return "jangbu serve is not ready";
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

// Mostly the active one.
Instance& one_of(FaultyShop& shop, Random& random) {
  Instance& any = shop.instances[pick(random, shop.instances.size())];
  if (!chance(random, 70)) return any;
  const auto active = std::ranges::find_if(shop.instances, &Instance::is_active);
  return active == shop.instances.end() ? any : *active;
}

using Proxies = std::vector<TcpProxy*>;

Proxies ways_to_nats(Instance& instance) {
  Proxies all;
  for (TcpProxy& proxy : instance.nats) all.push_back(&proxy);
  return all;
}

Proxies doors_of(Instance& instance) {
  Proxies all;
  for (TcpProxy& proxy : instance.doors) all.push_back(&proxy);
  return all;
}

template <class... What, class... Values>
void each(const Proxies& proxies, void (TcpProxy::*what)(What...), Values... values) {
  for (TcpProxy* proxy : proxies) (proxy->*what)(values...);
}

// Until something is held back, for then there is something to lose; but not for long.
void wait_for_victim(const Proxies& proxies) {
  const auto until = Clock::now() + 2s;
  while (std::ranges::all_of(proxies, [](const TcpProxy* one) { return one->held_back() == 0; }) &&
         Clock::now() < until)
    ::poll(nullptr, 0, 2);
}

void stop_for_a_while(ServeProcess& jangbu, Random& random) {
  jangbu.signal(SIGSTOP);
  let_pass(random, 500ms, 5'000ms);  // with and without another taking over
  jangbu.signal(SIGCONT);
}

void kill_jangbu(FaultyShop& shop, Random& random, std::chrono::seconds) {
  ServeProcess& jangbu = one_of(shop, random).jangbu;
  jangbu.kill();
  let_pass(random, 0ms, 1'000ms);
  jangbu.launch();
}

// As `jangbu writer handover` asks for it, of whoever; only the active one can.
void hand_over_writer(FaultyShop& shop, Random& random, std::chrono::seconds) {
  for (std::size_t times = 1 + pick(random, 4); times > 0; --times) {
    const ServeProcess& jangbu = one_of(shop, random).jangbu;
    const Reply reply = jangbu.client(Service::operations).post("/writer/handover", Json());
    if (reply.status != 200 && reply.code() != "not-handed-over" && reply.status != 503)
      throw std::runtime_error("/writer/handover: " + std::to_string(reply.status) + " " +
                               reply.code());
    let_pass(random, 0ms, 800ms);
  }
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
  for (Instance& instance : shop.instances) instance.jangbu.kill();
  shop.postgres.kill();
  let_pass(random, 0ms, 500ms);
  for (Instance& instance : shop.instances) instance.jangbu.launch();  // waits for the others
  shop.postgres.start();
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

void kill_all_jangbu(FaultyShop& shop, Random& random, std::chrono::seconds) {
  for (Instance& instance : shop.instances) instance.jangbu.kill();
  let_pass(random, 0ms, 1'000ms);
  for (Instance& instance : shop.instances) instance.jangbu.launch();
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
  NatsServer& server = shop.nats.server(0);
  server.pause();
  let_pass(random, 500ms, 4'000ms);
  server.resume();
}

void stop_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  shop.postgres.pause();
  let_pass(random, 500ms, 4'000ms);
  shop.postgres.resume();
}

void cut_often(const Proxies& proxies, Random& random) {
  for (std::size_t times = 1 + pick(random, 6); times > 0; --times) {
    each(proxies, &TcpProxy::cut);
    let_pass(random, 0ms, 400ms);
  }
}

void cut_nats(FaultyShop& shop, Random& random, std::chrono::seconds) {
  cut_often(ways_to_nats(one_of(shop, random)), random);
}

void cut_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  cut_often({&one_of(shop, random).postgres}, random);
}

void slow_down(const Proxies& proxies, Random& random) {
  each(proxies, &TcpProxy::set_delay, milliseconds(5 + pick(random, 400)));
  let_pass(random, 1'000ms, 3'000ms);
  each(proxies, &TcpProxy::set_delay, milliseconds(0));
}

void slow_nats(FaultyShop& shop, Random& random, std::chrono::seconds) {
  slow_down(ways_to_nats(one_of(shop, random)), random);
}

void slow_postgres(FaultyShop& shop, Random& random, std::chrono::seconds) {
  slow_down({&one_of(shop, random).postgres}, random);
}

// As when a cable is pulled: nothing arrives, and nobody is told.
void cut_off_jangbu(FaultyShop& shop, Random& random, std::chrono::seconds) {
  const Proxies nats = ways_to_nats(one_of(shop, random));
  each(nats, &TcpProxy::set_closed, true);
  each(nats, &TcpProxy::set_mute, true);
  each(nats, &TcpProxy::hold_requests);
  let_pass(random, 1'000ms, 8'000ms);
  each(nats, &TcpProxy::cut);
  each(nats, &TcpProxy::set_mute, false);
  each(nats, &TcpProxy::set_closed, false);
}

void lose_acks(FaultyShop& shop, Random& random, std::chrono::seconds) {
  const Proxies nats = ways_to_nats(one_of(shop, random));
  for (std::size_t times = 4 + pick(random, 4); times > 0; --times) {
    each(nats, &TcpProxy::set_mute, true);
    wait_for_victim(nats);
    // Either way, shorter or longer than an append is waited for.
    chance(random, 75) ? let_pass(random, 0ms, 200ms) : let_pass(random, 900ms, 1'500ms);
    // Lost, or only late.
    if (chance(random, 60)) each(nats, &TcpProxy::cut);
    each(nats, &TcpProxy::set_mute, false);
    let_pass(random, 100ms, 400ms);
  }
}

void publish_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  const Proxies nats = ways_to_nats(one_of(shop, random));
  each(nats, &TcpProxy::hold_requests);
  wait_for_victim(nats);
  let_pass(random, 0ms, 1'500ms);
  each(nats, &TcpProxy::strand);
  let_pass(random, 0ms, 1'000ms);
  each(nats, &TcpProxy::deliver);
}

// What it had sent lands when another writer has gone on, and it does not know.
void stop_and_publish_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& writer = one_of(shop, random);
  const Proxies nats = ways_to_nats(writer);
  each(nats, &TcpProxy::hold_requests);
  wait_for_victim(nats);
  writer.jangbu.signal(SIGSTOP);
  let_pass(random, 100ms, 4'000ms);
  each(nats, &TcpProxy::strand);
  if (chance(random, 50)) each(nats, &TcpProxy::deliver);
  writer.jangbu.signal(SIGCONT);
  let_pass(random, 0ms, 500ms);
  each(nats, &TcpProxy::deliver);
}

void kill_and_publish_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& writer = one_of(shop, random);
  const Proxies nats = ways_to_nats(writer);
  each(nats, &TcpProxy::hold_requests);
  wait_for_victim(nats);
  writer.jangbu.kill();
  writer.jangbu.launch();
  let_pass(random, 0ms, 1'500ms);
  each(nats, &TcpProxy::deliver);
}

// --- Between clients and a process

void cut_clients(FaultyShop& shop, Random& random, std::chrono::seconds) {
  const Proxies doors = doors_of(one_of(shop, random));
  for (std::size_t times = 4 + pick(random, 12); times > 0; --times) {
    each(doors, &TcpProxy::cut);
    let_pass(random, 0ms, 200ms);
  }
}

void slow_clients(FaultyShop& shop, Random& random, std::chrono::seconds) {
  slow_down(doors_of(one_of(shop, random)), random);
}

void lose_answers(FaultyShop& shop, Random& random, std::chrono::seconds) {
  const Proxies doors = doors_of(one_of(shop, random));
  for (std::size_t times = 4 + pick(random, 4); times > 0; --times) {
    each(doors, &TcpProxy::set_mute, true);
    wait_for_victim(doors);
    let_pass(random, 0ms, 200ms);
    each(doors, &TcpProxy::cut);
    each(doors, &TcpProxy::set_mute, false);
    let_pass(random, 100ms, 400ms);
  }
}

// What clients gave up, and have asked again meanwhile, perhaps the other process, is taken for
// new.
void ask_late(FaultyShop& shop, Random& random, std::chrono::seconds) {
  const Proxies doors = doors_of(one_of(shop, random));
  for (std::size_t times = 2 + pick(random, 3); times > 0; --times) {
    each(doors, &TcpProxy::hold_requests);
    wait_for_victim(doors);
    let_pass(random, 0ms, 200ms);
    each(doors, &TcpProxy::strand);
    let_pass(random, 0ms, 1'000ms);
    each(doors, &TcpProxy::deliver);
  }
}

// The one that fills the read models loses its connections, and with them its locks. The other one
// is slow: what it has read of a checkpoint is old when the lock becomes its own.
void hand_over_locks(FaultyShop& shop, Random& random, std::chrono::seconds) {
  Instance& one = shop.instances[0];
  Instance& other = shop.instances[1];
  for (auto [from, to] : {std::pair(&one, &other), std::pair(&other, &one)}) {
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

// --- Several nats-servers

// So many of them, and the one that leads the log among them if that is wanted.
std::vector<std::size_t> some_servers(FaultyShop& shop, Random& random, std::size_t count,
                                      bool leader) {
  std::vector<std::size_t> all{0, 1, 2};
  std::shuffle(all.begin(), all.end(), random);
  if (leader) std::swap(all[0], *std::ranges::find(all, shop.nats.cluster().leader_of("SHOP")));
  all.resize(count);
  return all;
}

using What = void (NatsCluster::*)(std::size_t);

// Something happens to them, and is made good after a while.
void befall(FaultyShop& shop, Random& random, const std::vector<std::size_t>& servers, What harm,
            What mend, milliseconds least, milliseconds most) {
  NatsCluster& nats = shop.nats.cluster();
  for (const std::size_t i : servers) (nats.*harm)(i);
  let_pass(random, least, most);
  for (const std::size_t i : servers) (nats.*mend)(i);
}

template <std::size_t count, bool leader = false>
void kill_servers(FaultyShop& shop, Random& random, std::chrono::seconds) {
  befall(shop, random, some_servers(shop, random, count, leader), &NatsCluster::kill,
         &NatsCluster::start, 0ms, 6'000ms);
}

template <std::size_t count, bool leader = false>
void stop_servers(FaultyShop& shop, Random& random, std::chrono::seconds) {
  befall(shop, random, some_servers(shop, random, count, leader), &NatsCluster::pause,
         &NatsCluster::resume, 500ms, 8'000ms);
}

// Of two that are cut off, neither hears the other: nobody has a majority. With and without another
// leader.
template <std::size_t count, bool leader = false>
void cut_off_servers(FaultyShop& shop, Random& random, std::chrono::seconds) {
  befall(shop, random, some_servers(shop, random, count, leader), &NatsCluster::isolate,
         &NatsCluster::heal, 500ms, 12'000ms);
}

// As docs/cluster.md has it: one after the other, each when the one before it is well.
void restart_all(FaultyShop& shop, Random&, std::chrono::seconds) {
  for (std::size_t i = 0; i < shop.nats.size(); ++i) {
    shop.nats.cluster().stop(i);
    shop.nats.cluster().start(i);
    shop.nats.wait_current();
  }
  for (Instance& instance : shop.instances) {
    if (const int status = instance.jangbu.stop(40s); status != 0)
      throw std::runtime_error("SIGTERM made jangbu serve end with " + std::to_string(status));
    instance.jangbu.start();
  }
  shop.postgres.stop();
  shop.postgres.start();
}

}  // namespace

const std::vector<Fault>& faults() {
  static const std::vector<Form> single{Form::single}, cluster{Form::cluster},
      both{Form::single, Form::cluster};
  static const std::vector<Fault> all{
      {"kill-jangbu", "kill -9 of jangbu", kill_jangbu, both},
      {"kill-all-jangbu", "kill -9 of every jangbu", kill_all_jangbu, both},
      {"kill-nats", "kill -9 of nats-server", kill_nats, single},
      {"kill-postgres", "kill -9 of PostgreSQL", kill_postgres, both},
      {"kill-both", "kill -9 of PostgreSQL and every nats-server", kill_both, both},
      {"kill-everything", "kill -9 of everything", kill_everything, both},
      {"restart-jangbu", "SIGTERM of jangbu", restart_jangbu, both},
      {"hand-over", "the active instance hands over", hand_over_writer, both},
      {"stop-jangbu", "SIGSTOP of jangbu", stop_jangbu, both},
      {"stop-nats", "SIGSTOP of nats-server", stop_nats, single},
      {"stop-postgres", "SIGSTOP of PostgreSQL", stop_postgres, single},
      {"cut-nats", "connections to NATS break", cut_nats, both},
      {"cut-postgres", "connections to PostgreSQL break", cut_postgres, single},
      {"cut-off-jangbu", "jangbu is cut off from NATS", cut_off_jangbu, both},
      {"slow-nats", "the way to NATS is slow", slow_nats, both},
      {"slow-postgres", "the way to PostgreSQL is slow", slow_postgres, single},
      {"lost-acks", "acknowledgements are lost, or late", lose_acks, both},
      {"late-publish", "publishes land late", publish_late, both},
      {"late-publish-stopped", "... of a writer that was stopped", stop_and_publish_late, both},
      {"late-publish-killed", "... of a writer that was killed", kill_and_publish_late, both},
      {"cut-clients", "connections of clients break", cut_clients, single},
      {"slow-clients", "the way of clients is slow", slow_clients, single},
      {"lost-answers", "answers to clients are lost", lose_answers, single},
      {"late-requests", "requests arrive when their clients have given them up", ask_late, both},
      {"hand-over-locks", "the projectors' locks change hands", hand_over_locks, single},
      {"nats-away", "NATS is away", without_nats, both},
      {"postgres-away", "PostgreSQL is away", without_postgres, both},
      {"kill-leader", "kill -9 of the log's leader", kill_servers<1, true>, cluster},
      {"kill-one", "kill -9 of one nats-server", kill_servers<1>, cluster},
      {"kill-two", "kill -9 of two nats-servers", kill_servers<2>, cluster},
      {"kill-three", "kill -9 of three nats-servers", kill_servers<3>, cluster},
      {"stop-leader", "SIGSTOP of the log's leader", stop_servers<1, true>, cluster},
      {"stop-one", "SIGSTOP of one nats-server", stop_servers<1>, cluster},
      {"stop-two", "SIGSTOP of two nats-servers", stop_servers<2>, cluster},
      {"stop-three", "SIGSTOP of three nats-servers", stop_servers<3>, cluster},
      {"cut-off-leader", "the log's leader is cut off", cut_off_servers<1, true>, cluster},
      {"cut-off-one", "one nats-server is cut off", cut_off_servers<1>, cluster},
      {"cut-off-two", "two nats-servers are cut off", cut_off_servers<2>, cluster},
      {"cut-off-three", "all nats-servers are cut off from each other", cut_off_servers<3>,
       cluster},
      {"rolling-restart", "everything is restarted, one after the other", restart_all, cluster},
  };
  return all;
}

}  // namespace jangbu::test
