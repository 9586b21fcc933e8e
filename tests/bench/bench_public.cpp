// How fast events get into the public stream and out to webhooks, and what that costs the shop. See
// README.md.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "api/http/server.hpp"
#include "api/publishing/publisher.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/ids.hpp"
#include "tests/bench/bench_shop.hpp"
#include "tests/bench/lag_watch.hpp"
#include "tests/bench/log_filler.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/shop_content.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

struct Flags {
  int seconds = 5;
  int repetitions = 3;
  std::uint64_t events = 300'000;
  std::size_t connections = 64;
  bool no_webhooks = false;
};

// Room for what a round appends.
constexpr std::uint64_t max_bytes = std::uint64_t{2} << 30;
constexpr std::size_t accounts = 1'000, products = 10'000;  // of each shop
// Webhooks whose delivery is timed.
constexpr std::uint64_t deliveries = 5'000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void print_row(const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) std::cout << std::setw(24) << cell;
  std::cout << std::endl;
}

std::vector<std::string> row(const std::string& what, const Series& series) {
  return {what, grouped(series.median()), grouped(series.least()), grouped(series.most())};
}

// --- Into the stream -----------------------------------------------------------------------------

// As many purchases as a batch may have, as they are published.
std::vector<PublicStream::Message> messages() {
  std::vector<PublicStream::Message> all;
  for (std::uint32_t i = 0; i < PublicStream::most_in_batch; ++i) {
    const auto purchase = purchase_completed(i, i, i, Timestamp{1'772'357'400'000});
    RecordedEvent recorded;
    recorded.envelope.occurred_at = purchase.purchased_at;
    recorded.event = purchase;
    auto event = to_public({.shop = "limit"}, {{1}, i}, recorded);
    all.push_back({std::move(event->subject), std::move(event->cloud_event), new_id<CommitId>()});
  }
  return all;
}

// Nothing but appends, each awaited: what any publisher can do at most.
class Limit {
 public:
  explicit Limit(const test::NatsServer& nats)
      : stream_({.url = nats.url(),
                 .stream = "LIMIT_PUBLIC",
                 .subjects = "jangbu.limit.>",
                 .max_bytes = max_bytes},
                10s) {
    stream_.open();
  }

  // Messages a second, in batches of so many.
  double measure(std::size_t batch, std::chrono::seconds time) {
    stream_.purge_before(last_ + 1);
    const std::span<const PublicStream::Message> some(messages_.data(), batch);
    const std::uint64_t before = last_;
    const auto start = Clock::now();
    while (Clock::now() - start < time) {
      const auto result = stream_.append(last_, some, 10s);
      const auto* appended = std::get_if<Appended>(&result);
      if (!appended) throw std::runtime_error("a batch could not be appended");
      last_ = appended->position.value;
    }
    return static_cast<double>(last_ - before) / seconds_since(start);
  }

 private:
  const std::vector<PublicStream::Message> messages_ = messages();
  PublicStream stream_;
  std::uint64_t last_ = 0;
};

// Accounts, products, and then purchases and their scans: every event is public.
void fill(EventLog& log, std::uint64_t events) {
  constexpr std::uint64_t things = 1'000;
  LogFiller filler(log);
  for (std::uint64_t i = 0; i < things; ++i) filler.add(account_opened(i, filler.now()));
  for (std::uint64_t i = 0; i < things; ++i) filler.add(product_listed(i, filler.now()));
  for (std::uint64_t i = 0; filler.events() < events; ++i) {
    const auto purchase = purchase_completed(i, i % things, i * 7 % things, filler.now());
    filler.add(purchase);
    if (i % 3 == 0 && filler.events() < events)
      filler.add(delivery_scanned(purchase, DeliveryStatus::preparing, DeliveryStatus::picked_up,
                                  filler.now()));
  }
  filler.append();
}

// The publisher, in this process, with the whole log before it; into a stream of its own.
double publish(EventLog& log, const test::NatsServer& nats, std::uint64_t events) {
  const auto start = Clock::now();
  double seconds = 0;
  {
    Publisher publisher(
        log, {.stream = {.url = nats.url(), .max_bytes = max_bytes}, .view = {.shop = "shop"}});
    test::wait_until(
        "the log to be published",
        [&] {
          const auto status = publisher.status();
          if (status.state == Publisher::State::stopped) throw std::runtime_error(status.reason);
          return status.sequence >= events;
        },
        30min);
    seconds = seconds_since(start);
  }
  NatsConnection connection(nats.url(), "bench", 10s);
  JetStreamApi(connection, 10s).call("STREAM.DELETE.SHOP_PUBLIC", nullptr);
  return static_cast<double>(events) / seconds;
}

void into_the_stream(const Flags& flags) {
  const test::NatsServer nats;
  const auto log =
      JetStreamLog::connect({.url = nats.url(), .monitor_url = nats.monitor_url()}, 10s);
  log->create_stream();
  std::cerr << "filling the log" << std::endl;
  fill(*log, flags.events);
  Limit limit(nats);
  Series single, batches, published;
  for (int round = 1; round <= flags.repetitions; ++round) {
    std::cerr << "into the stream, round " << round << " of " << flags.repetitions << std::endl;
    single.add(limit.measure(1, std::chrono::seconds(flags.seconds)));
    batches.add(limit.measure(PublicStream::most_in_batch, std::chrono::seconds(flags.seconds)));
    published.add(publish(*log, nats, flags.events));
  }
  print_row({"events a second", "median", "least", "most"});
  print_row(row("one, and its ack", single));
  print_row(row("1,000, and their ack", batches));
  print_row(row("the publisher", published));
  std::cout << "the publisher: " << with_decimals(published.median() / batches.median(), 2)
            << " of the batches, " << with_decimals(published.median() / single.median(), 1)
            << " times single messages\n\n";
}

// --- What the shop sells -------------------------------------------------------------------------

// Takes webhooks, and counts them.
class Receiver {
 public:
  Receiver() : server_("127.0.0.1", 0, router()) { server_.start(); }

  int port() const { return server_.port(); }
  std::uint64_t received() const { return received_; }

 private:
  http::Router router() {
    http::Router router;
    router.add(http::Method::post, "/", [this](http::Request&&, const http::Exchange& exchange) {
      ++received_;
      exchange.respond({.status = 204});
    });
    return router;
  }

  std::atomic<std::uint64_t> received_ = 0;
  http::Server server_;  // last: it uses what is above
};

// A shop with servers of its own, which stands still while it is not its turn.
class Contestant {
 public:
  Contestant(std::string name, const std::vector<std::string>& flags)
      : name_(std::move(name)),
        shop_(servers_, servers_.postgres.create_database(), true, accounts, products, flags) {
    shop_.process().signal(SIGSTOP);
  }
  ~Contestant() { shop_.process().signal(SIGCONT); }

  const std::string& name() const { return name_; }
  const Speed& speed() const { return speed_; }

  void sell(const Flags& flags) {
    shop_.process().signal(SIGCONT);
    speed_.add(shop_.purchases(round(flags)));
    shop_.catch_up();
    shop_.process().signal(SIGSTOP);
  }

  // Whether what was told to buyers, the log, the read model and, if there is one, the public
  // stream agree.
  bool is_right(bool publishes) {
    shop_.process().signal(SIGCONT);
    if (publishes) await_publisher();
    const double published = publishes ? shop_.process().metric("jangbu_public_sequence") : 0;
    const BenchShop::Audit audit = shop_.audit();
    const auto events = static_cast<double>(audit.recorded + accounts + products);
    const bool right = audit.good() && (!publishes || published == events);
    if (!right) std::cout << name_ << ": answers, log, read model and public stream differ\n";
    return right;
  }

  // How far behind the publisher is, in seconds, while purchases fall due at this rate.
  std::vector<double> lags(const Flags& flags, double rate) {
    shop_.process().signal(SIGCONT);
    await_publisher();
    LagWatch watch(shop_.process(), publishing_lag);
    shop_.purchases(round(flags, 3, rate));
    std::vector<double> lags = watch.stop();
    shop_.catch_up();
    shop_.process().signal(SIGSTOP);
    std::ranges::sort(lags);
    return lags;
  }

  // Webhooks a second, while nothing else happens. REQUIRES: more are waiting than are timed.
  double deliver(const Receiver& receiver) {
    shop_.process().signal(SIGCONT);
    const auto await = [&](std::uint64_t more) {
      test::wait_until(
          "webhooks", [&, all = receiver.received() + more] { return receiver.received() >= all; },
          10min);
    };
    await(1);
    const std::uint64_t before = receiver.received();
    const auto start = Clock::now();
    await(deliveries);
    const double rate = static_cast<double>(receiver.received() - before) / seconds_since(start);
    shop_.process().signal(SIGSTOP);
    return rate;
  }

 private:
  static BenchShop::Round round(const Flags& flags, int times = 1, double per_second = 0) {
    return {.connections = flags.connections,
            .time = times * std::chrono::seconds(flags.seconds),
            .hot = false,
            .keys = false,
            .per_second = per_second};
  }

  void await_publisher() const {
    test::wait_until(
        "the publisher", [&] { return shop_.process().metric("jangbu_public_lag_commits") == 0; },
        10min);
  }

  const std::string name_;
  Servers servers_;
  BenchShop shop_;
  Speed speed_;
};

// The flags of a shop that delivers to this receiver.
std::vector<std::string> webhook_flags(const fs::path& folder, const Receiver& receiver) {
  const fs::path secret = folder / "secret", config = folder / "jangbu.toml";
  std::ofstream(secret) << "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
  fs::permissions(secret, fs::perms::owner_read | fs::perms::owner_write);
  std::ofstream(config) << "[webhooks.bench]\nurl = \"http://127.0.0.1:" << receiver.port()
                        << "/\"\nallow_private = true\nsecret_file = \"" << secret.string()
                        << "\"\n";
  return {"--config", config.string()};
}

// False when something that must agree does not.
bool what_it_costs(const Flags& flags) {
  const test::TemporaryFolder folder;
  const Receiver receiver;
  std::cerr << "filling the shops" << std::endl;
  Contestant alone("neither", {"--no-publisher"});
  Contestant publishing("publishing", {});
  std::unique_ptr<Contestant> delivering;
  if (!flags.no_webhooks)
    delivering =
        std::make_unique<Contestant>("and a webhook", webhook_flags(folder.path(), receiver));
  std::vector<Contestant*> all{&alone, &publishing};
  if (delivering) all.push_back(delivering.get());
  for (int round = 1; round <= flags.repetitions; ++round)
    for (Contestant* shop : all) {
      std::cerr << "purchases, round " << round << " of " << flags.repetitions << ", "
                << shop->name() << std::endl;
      shop->sell(flags);
    }

  print_row({"purchases a second", "median", "least", "most", "p50 ms", "p99 ms", "of neither"});
  for (const Contestant* shop : all) {
    const Speed& speed = shop->speed();
    auto cells = row(shop->name(), speed.per_second);
    cells.push_back(with_decimals(speed.p50_ms.median(), 2));
    cells.push_back(with_decimals(speed.p99_ms.median(), 2));
    cells.push_back(
        with_decimals(100 * speed.per_second.median() / alone.speed().per_second.median(), 1) +
        " %");
    print_row(cells);
  }

  const double half = publishing.speed().per_second.median() / 2;
  std::cerr << "lag at half load" << std::endl;
  const std::vector<double> lags = publishing.lags(flags, half);
  const auto share = [&](double part) {
    const auto last = static_cast<double>(lags.size() - 1);
    return with_decimals(1'000 * lags[static_cast<std::size_t>(part * last)], 1);
  };
  std::cout << "\nat " << grouped(half) << " purchases a second events are published p50 "
            << share(0.5) << " ms, p99 " << share(0.99) << " ms, most " << share(1)
            << " ms after their commit\n";
  if (delivering) {
    std::cerr << "webhooks" << std::endl;
    std::cout << grouped(delivering->deliver(receiver)) << " webhooks a second are delivered\n";
  }
  std::cerr << "comparing answers, logs, read models and public streams" << std::endl;
  bool right = true;
  for (Contestant* shop : all) right = shop->is_right(shop != &alone) && right;
  return right;
}

int benchmark(const Flags& flags) {
  {
    const test::TemporaryFolder folder;
    const Servers servers;
    print(inspect_machine(folder.path()), versions(servers, folder.path()), std::cout);
  }
  into_the_stream(flags);
  return what_it_costs(flags) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How fast the public stream is, and what it costs the shop",
               "tests/bench/run public"};
  Flags flags;
  app.option_defaults()->always_capture_default();
  app.add_option("--seconds", flags.seconds, "Length of a round")->check(CLI::Range(1, 600));
  app.add_option("--repetitions", flags.repetitions, "Rounds of each kind")
      ->check(CLI::Range(1, 100));
  app.add_option("--events", flags.events, "Events in the log that is published")
      ->check(CLI::Range(10'000, 1'500'000));
  app.add_option("--connections", flags.connections, "That purchases come over")
      ->check(CLI::Range(1, 1'000));
  app.add_flag("--no-webhooks", flags.no_webhooks, "Leave out the shop that delivers webhooks");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return benchmark(flags);
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
