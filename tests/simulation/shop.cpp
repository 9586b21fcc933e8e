#include "tests/simulation/shop.hpp"

#include <algorithm>
#include <utility>

#include "tests/support/same_shop.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::simulation {

using test::id;
using test::won;

namespace {

constexpr std::size_t clients = 5;
constexpr Time trouble = 60s;
// After the last fault: within this time somebody is active. Who has just lost its term waits for
// 10 s; where there were many changes, silence is awaited for 10 s.
constexpr Time recovery = 25s;
constexpr Time answered_within = 5s;
constexpr Time client_waits = 12s;

KeyHash key_of(std::uint32_t command) {
  return id<KeyHash>(0x80000000U + command);
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  Checker::Totals::operator+=(other);
  worlds += other.worlds;
  steps += other.steps;
  kills += other.kills;
  cuts += other.cuts;
  stalls += other.stalls;
  hand_overs += other.hand_overs;
  void_worlds += other.void_worlds;
  virtual_s += other.virtual_s;
  return *this;
}

Shop::Weather Shop::draw_weather(World& world) {
  return {.replicas = world.maybe(0.5) ? 3U : 1U,
          .hosts = 2 + world.below(3),
          .loss = world.maybe(0.3)   ? 0.0
                  : world.maybe(0.7) ? 0.01
                                     : 0.1,
          .broken_fence = world.maybe(0.1) ? 0.3 : 0.0,
          .between_faults = world.maybe(0.3) ? 10s : 2s,
          .between_threads = world.maybe(0.5) ? 50us : 5ms,
          .between_commands = world.maybe(0.3) ? 20ms : 200ms,
          .has_odd_one = world.maybe(0.15),
          .has_idle_one = world.maybe(0.15)};
}

Shop::Shop(World& world)
    : world_(world),
      weather_(draw_weather(world)),
      checker_([this](std::uint32_t command) -> const Asked& { return asked_.at(command); }),
      log_(world,
           {.replicas = weather_.replicas,
            .false_refusals = world.maybe(0.5) ? 0.01 : 0.0,
            .late_landings = world.maybe(0.5) ? 0.03 : 0.0,
            .broken_fence = weather_.broken_fence},
           [this](const StoredCommit& commit) {
             world_.note([&] {
               return std::string(commit.is_void() ? "VOID " : "") + "commit " +
                      to_string(commit.id).substr(28) + " by " +
                      (commit.origin.author ? commit.origin.author->name : "somebody") + " is at " +
                      std::to_string(commit.position.value);
             });
             checker_.landed(commit);
           }),
      network_(world, weather_.hosts, weather_.replicas > 1, weather_.loss),
      hosts_(weather_.hosts),
      clients_(clients) {
  for (Host& host : hosts_)
    host.clock = {.rate = 0.98 + 0.04 * static_cast<double>(world.below(1'001)) / 1'000,
                  .offset_ms = static_cast<std::int64_t>(world.below(3'001)) - 1'500};
  if (weather_.has_odd_one) hosts_.back().is_odd = true;
  if (weather_.has_idle_one && hosts_.size() > 2) hosts_[1].never_claims = true;
}

Totals Shop::totals() const {
  Totals totals = totals_;
  static_cast<Checker::Totals&>(totals) = checker_.totals();
  totals.worlds = 1;
  totals.steps = world_.steps();
  totals.void_worlds = weather_.broken_fence > 0 ? 1 : 0;
  totals.virtual_s = static_cast<double>(world_.now().count()) / 1e6;
  return totals;
}

void Shop::run() {
  open();
  for (std::size_t host = 0; host < hosts_.size(); ++host)
    world_.after(world_.between(0s, 3s), [this, host] { start(host); });
  for (std::size_t client = 0; client < clients_.size(); ++client)
    world_.after(world_.between(0s, 2s), [this, client] { next_command(client); });
  world_.after(5s, [this] { disturb(); });
  world_.run_until(trouble);
  calm_down();
  world_.run_until(trouble + recovery);
  check_alive();
  is_closing_ = true;
  const auto terms = checker_.totals().terms;
  world_.run_until(trouble + recovery + client_waits + 2s);
  if (checker_.totals().terms != terms)
    throw Violation("while all is well, another instance takes over");
  check_folds();
}

// A log that an older build left: it names no author.
void Shop::open() {
  Commit commit{test::opening, {}};
  const auto add = [&](Event event) {
    commit.events.push_back({{.occurred_at = test::opening,
                              .command_key = {},
                              .correlation = {},
                              .causation = {},
                              .actor = {}},
                             std::move(event)});
  };
  for (unsigned i = 0; i < accounts; ++i)
    add(AccountOpened{{.account = id<AccountId>(1 + i),
                       .person = {"buyer " + std::to_string(i), "", {"1 Street", "01234"}},
                       .opened_at = test::opening}});
  for (unsigned i = 0; i < products; ++i)
    add(ProductListed{{.product = id<ProductId>(1 + i),
                       .name = "product " + std::to_string(i),
                       .unit_price = won(1'000),
                       .stock = 5,
                       .description = {},
                       .listed_at = test::opening}});
  log_.begin_with({.expected = {},
                   .id = id<CommitId>(1),
                   .origin = {},
                   .payload = std::make_shared<const std::string>(encode_commit(commit))});
}

// --- Hosts ---------------------------------------------------------------------------------------

void Shop::start(std::size_t number) {
  Host& host = hosts_[number];
  if (host.instance && host.instance->is_stopping())
    return world_.after(100ms, [this, number] { start(number); });
  if (host.instance && host.instance->is_alive()) return;
  const std::uint64_t incarnation = ++ids_;
  host.instance = std::make_shared<Instance>(
      Instance::Surroundings{
          .world = world_,
          .log = log_,
          .network = network_,
          .submission =
              [this](const Try& one) {
                const Asked& asked = asked_.at(one.command);
                Submission submission{.command = asked.command,
                                      .conditions = {},
                                      .at = {},
                                      .correlation = to_string(one),
                                      .asker = anyone(),
                                      .answer = {}};
                if (asked.has_key)
                  submission.conditions.key = {key_of(one.command), id<RequestHash>(one.command)};
                return submission;
              },
          .outcomes = outcomes_,
          .ids = ids_,
          .between_threads = weather_.between_threads},
      Instance::Settings{
          .host = number,
          .author = {id<InstanceId>(static_cast<unsigned>(incarnation)),
                     "host-" + std::to_string(number) + "-" + std::to_string(incarnation % 1'000)},
          .clock = host.clock,
          .agreement = host.is_odd ? "other" : "same",
          .never_claim = host.never_claims});
  auto snapshot = host.snapshot && world_.maybe(0.5) ? host.snapshot : std::nullopt;
  host.instance->start(std::move(snapshot));
}

void Shop::take_snapshot(std::size_t number) {
  Host& host = hosts_[number];
  const auto& machine = host.instance->machine();
  if (machine.at_rest() && machine.position() != Position{}) host.snapshot = machine.snapshot(0);
}

// --- Faults --------------------------------------------------------------------------------------

void Shop::disturb() {
  if (is_calm_) return;
  disturb_once();
  world_.after(world_.between(100ms, weather_.between_faults), [this] { disturb(); });
}

void Shop::disturb_once() {
  const std::size_t number = world_.below(hosts_.size());
  Host& host = hosts_[number];
  if (!host.instance || !host.instance->is_alive()) return start(number);
  Instance& instance = *host.instance;
  if (world_.maybe(0.3)) take_snapshot(number);
  switch (world_.below(9)) {
    case 0:
    case 1:
      ++totals_.kills;
      instance.kill();
      // Its clients see their connections close.
      for (std::size_t client = 0; client < clients_.size(); ++client)
        if (clients_[client].waits && clients_[client].asks == number)
          nothing_heard(client, {clients_[client].command, clients_[client].tries - 1});
      return world_.after(world_.between(0s, 8s), [this, number] { start(number); });
    case 2:
    case 3:
      ++totals_.stalls;
      return instance.stall(world_.maybe(0.5) ? world_.between(1ms, 1s) : world_.between(1s, 9s));
    case 4:
      ++totals_.hand_overs;
      return instance.hand_over();
    case 5:
      ++totals_.hand_overs;
      instance.terminate();
      return world_.after(world_.between(1s, 8s), [this, number] { start(number); });
    case 6:
    case 7:
      return cut();
    default:
      return log_.change_leader();
  }
}

void Shop::cut() {
  if (world_.now() < mend_at_) return;
  ++totals_.cuts;
  switch (world_.below(3)) {
    case 0:
      log_.lose_leader();
      mend_at_ = world_.now() + 10s;
      return;
    case 1:
      if (weather_.replicas > 1) {
        log_.lose_majority();
        break;
      }
      [[fallthrough]];
    default:
      // At the worst, who is active is cut off with the log's leader, and sleeps meanwhile.
      const bool is_worst = weather_.replicas > 1 && world_.maybe(0.3);
      for (std::size_t number = 0; number < hosts_.size(); ++number) {
        const auto& instance = hosts_[number].instance;
        const bool is_active = instance && instance->machine().is_active();
        if (!(is_worst ? is_active : world_.maybe(0.5))) continue;
        world_.note([&] { return "host " + std::to_string(number) + " goes to side 1"; });
        network_.cut(number);
        if (is_worst) instance->stall(world_.between(4s, 11s));
      }
      if (weather_.replicas > 1 && (is_worst || world_.maybe(0.7))) log_.cut_off_leader();
  }
  const Time lasts = world_.between(500ms, 18s);
  mend_at_ = world_.now() + lasts;
  world_.after(lasts, [this] {
    world_.note([] { return std::string("everything is connected"); });
    network_.mend();
    log_.mend();
  });
}

// All is whole again, and configured as it should be.
void Shop::calm_down() {
  world_.note([] { return std::string("from now on nothing happens"); });
  is_calm_ = true;
  world_.calm_down();
  network_.mend();
  network_.set_loss(0);
  log_.mend();
  log_.be_good();
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    Host& host = hosts_[number];
    if (host.instance) {
      host.instance->go_on();
      const bool is_right =
          std::exchange(host.is_odd, false) == false &&
          host.instance->machine().status().why.find("configured") == std::string::npos;
      if (!is_right) host.instance->kill();
    }
    start(number);
  }
}

// --- Clients -------------------------------------------------------------------------------------

Command Shop::draw_command() {
  const auto product = id<ProductId>(1 + static_cast<unsigned>(world_.below(products)));
  const auto account = id<AccountId>(1 + static_cast<unsigned>(world_.below(accounts)));
  const auto new_purchase = [this] {
    return id<PurchaseId>(0x10000000U + static_cast<unsigned>(asked_.size()));
  };
  const auto quantity = static_cast<std::int64_t>(1 + world_.below(3));
  switch (world_.below(20)) {
    case 0:
      return CloseAccount{account, {}};
    case 1:
    case 2:
      return ChangePrice{product, won(1'000 + 500 * static_cast<std::int64_t>(world_.below(2)))};
    case 3:
    case 4:
      return RequestQuote{account, {{product, quantity}}};
    case 5:
      return BuyNow{new_purchase(), account, {{product, quantity}}, won(1'000 * quantity), {}};
    case 6:
    case 7:
    case 8:
      return ChangeStock{product, quantity, "arrived"};
    default:
      return BuyNow{new_purchase(), account, {{product, quantity}}, {}, {}};
  }
}

void Shop::next_command(std::size_t number) {
  if (is_closing_) return;
  Client& client = clients_[number];
  client.command = static_cast<std::uint32_t>(asked_.size());
  client.tries = 0;
  Command command = draw_command();
  const bool may_have_key = !std::holds_alternative<RequestQuote>(command);
  asked_.push_back({std::move(command), may_have_key && world_.maybe(0.7)});
  send(number);
}

void Shop::send(std::size_t number) {
  Client& client = clients_[number];
  const std::size_t host = world_.below(hosts_.size());
  const auto& instance = hosts_[host].instance;
  if (!instance || !instance->is_alive()) {  // nobody there
    world_.after(world_.between(20ms, 100ms), [this, number] { send(number); });
    return;
  }
  const Try one{client.command, client.tries++};
  client.waits = true;
  client.asks = host;
  checker_.asked(one);
  world_.note(
      [&] { return "command " + to_string(one) + " to " + instance->settings().author.name; });
  const auto answer = [this, number, one](const Outcome& outcome) {
    checker_.told(one, outcome);
    world_.after(world_.delay(200us),
                 [this, number, one, outcome] { answered(number, one, outcome); });
  };
  world_.after(world_.delay(200us), [instance, one, answer] { instance->ask(one, answer); });
  world_.after(client_waits, [this, number, one] { nothing_heard(number, one); });
}

void Shop::answered(std::size_t number, const Try& one, const Outcome& outcome) {
  Client& client = clients_[number];
  if (!client.waits || one != Try{client.command, client.tries - 1}) return;
  const auto* why = std::get_if<NotDecided>(&outcome.result);
  if (why && *why == NotDecided::outcome_unknown) return nothing_heard(number, one);
  client.waits = false;
  if (why && !is_closing_) return try_again(number);
  world_.after(world_.delay(weather_.between_commands), [this, number] { next_command(number); });
}

// Who has a key asks again; else it is not known what came of it.
void Shop::nothing_heard(std::size_t number, const Try& one) {
  Client& client = clients_[number];
  if (!client.waits || one != Try{client.command, client.tries - 1}) return;
  client.waits = false;
  checker_.unknown();
  if (asked_[client.command].has_key) return try_again(number);
  world_.after(world_.delay(weather_.between_commands), [this, number] { next_command(number); });
}

void Shop::try_again(std::size_t number) {
  if (clients_[number].tries > 30) return next_command(number);
  world_.after(world_.between(10ms, 500ms), [this, number] { send(number); });
}

// --- In the end ----------------------------------------------------------------------------------

std::string Shop::describe(std::size_t number) const {
  const Instance& instance = *hosts_[number].instance;
  const auto status = instance.machine().status();
  return instance.settings().author.name + ": " + std::string(to_string(status.state)) + " at " +
         std::to_string(status.position.value) + " " + status.why;
}

void Shop::check_alive() {
  std::string who;
  std::size_t active = 0;
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    active += hosts_[number].instance->machine().is_active() ? 1 : 0;
    who += "\n  " + describe(number);
  }
  if (active != 1) throw Violation(std::to_string(active) + " instances are active:" + who);
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    asked_.push_back({ChangeStock{id<ProductId>(1), 1, "probe"}, false});
    const Try one{static_cast<std::uint32_t>(asked_.size() - 1), 0};
    checker_.asked(one);
    hosts_[number].instance->ask(one,
                                 [this, one](const Outcome& told) { checker_.told(one, told); });
    world_.after(answered_within, [this, one, number] {
      if (!checker_.is_in_log(one.command))
        throw Violation("host " + std::to_string(number) + " does not carry out commands: it is " +
                        describe(number));
    });
  }
}

// What each instance has folded is what a replay gives.
void Shop::check_folds() {
  ::jangbu::Shop replay;
  Timestamp latest;
  for (Position at{1}; at <= log_.last(); at = at.next()) {
    Commit commit = decode(log_.at(at));
    latest = commit.committed_at = std::max(latest, commit.committed_at);
    fold(replay, commit, at);
  }
  for (unsigned i = 0; i < products; ++i)
    if (replay.stock.find(id<ProductId>(1 + i))->pieces != checker_.stock(id<ProductId>(1 + i)))
      throw Violation("a replay has another stock than there should be");
  for (const Host& host : hosts_) {
    const auto& machine = host.instance->machine();
    const std::string name = host.instance->settings().author.name;
    if (machine.position() != log_.last())
      throw Violation(name +
                      " has not followed to the end: " + std::to_string(machine.position().value) +
                      " of " + std::to_string(log_.last().value));
    if (!machine.at_rest()) throw Violation(name + " does not come to rest");
    if (!test::same(machine.snapshot(0).shop, replay))
      throw Violation(name + " has another shop than a replay");
  }
}

}  // namespace jangbu::simulation
