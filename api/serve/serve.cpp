#include "api/serve/serve.hpp"

#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "api/http/hosts.hpp"
#include "api/http/server.hpp"
#include "api/jobs/load_jobs.hpp"
#include "api/jobs/snapshot_file.hpp"
#include "api/load/options.hpp"
#include "api/pages/console/console.hpp"
#include "api/pages/pages.hpp"
#include "api/pages/swagger_ui/swagger_ui.hpp"
#include "api/serve/open_log.hpp"
#include "api/services/backend.hpp"
#include "api/services/operations_service.hpp"
#include "api/services/service.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "api/streams/log_feed.hpp"
#include "api/telemetry/access_log.hpp"
#include "api/telemetry/metrics.hpp"
#include "events/errors.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/ids.hpp"
#include "infra/log.hpp"
#include "infra/postgres/connection.hpp"
#include "infra/version.hpp"
#include "projections/writing/checkpoints.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

// Why serving cannot begin. The text says what to do.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

bool is_loopback(const std::string& address) {
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return address == "::1";
}

void check_listen(const ServeOptions& options) {
  if (is_loopback(options.listen) || options.insecure) return;
  throw Refused("--listen " + options.listen +
                " lets others in, and there is no access control. Put a proxy with access control "
                "in front, or say --insecure");
}

// What was seen, by the read models or by the snapshot, that the log does not hold. Where they saw
// anything, a stream that is not there is a log that was lost.
template <class Seen>
std::optional<std::string> missing_from(EventLog& log, const std::string& who, const Seen& seen) {
  try {
    return contradiction(seen, log);
  } catch (const Corrupt& corrupt) {
    return who + " seen a log that is not here: " + corrupt.what();
  }
}

constexpr const char* right_log =
    ". Restore the log from a backup, or name the right one with --nats-url and --stream; or, if "
    "this log is the right one, ";

std::vector<Checkpoint> checkpoints_in_database(const ServeOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + options.wait;
  for (;;) {
    try {
      pg::Connection connection({.conninfo = options.database});
      return read_checkpoints(connection);
    } catch (const Unavailable& away) {
      if (std::chrono::steady_clock::now() > deadline)
        throw Refused(std::string("PostgreSQL cannot be reached: ") + away.what() +
                      ". Check --database (JANGBU_DATABASE)");
      log::warn("waiting for PostgreSQL: {}", away.what());
      ::poll(nullptr, 0, 1'000);
    }
  }
}

// The database's side of the gate: what its read models saw must be in the log.
void check_checkpoints(const ServeOptions& options, EventLog& log) {
  const std::vector<Checkpoint> checkpoints = checkpoints_in_database(options);
  if (const auto wrong = missing_from(log, "the read models have", std::span(checkpoints)))
    throw Refused(*wrong + right_log +
                  "an empty database with --database, which will be filled from it");
}

// The snapshot's side of it, likewise.
void check_snapshot(const SnapshotFile& snapshots, EventLog& log) {
  const auto mark = snapshots.mark();
  if (!mark) return;
  if (const auto wrong = missing_from(log, "the snapshot has", *mark))
    throw Refused(*wrong + right_log + "remove " + snapshots.path().string() +
                  ", and all of it will be replayed");
}

std::string quote_secret(const ServeOptions& options) {
  if (options.quote_secret.empty()) {
    std::filesystem::create_directories(options.data);
    return load_quote_secret(options.data / "quote-secret");
  }
  if (options.quote_secret.size() < Quotes::min_secret)
    throw Refused("JANGBU_QUOTE_SECRET must have at least " + std::to_string(Quotes::min_secret) +
                  " characters");
  return options.quote_secret;
}

std::unique_ptr<AccessLog> open_access_log(const ServeOptions& options) {
  if (options.access_log.empty()) return nullptr;
  try {
    return std::make_unique<AccessLog>(options.access_log);
  } catch (const std::exception& error) {
    throw Refused("--access-log " + options.access_log + " cannot be written: " + error.what());
  }
}

constexpr std::string_view operations = "operations";

struct ServicePort {
  std::string_view name;
  int offset;  // of its port
  Service (*make)(const Backend&);
};

// Operations is there always, and made of other parts.
constexpr ServicePort services[] = {
    {operations, 0, nullptr},          {"account", 1, account_service},
    {"product", 2, product_service},   {"purchase", 3, purchase_service},
    {"delivery", 4, delivery_service},
};

// Where this process reaches its own services.
std::string own_address(const std::string& listen) {
  if (listen == "0.0.0.0") return "127.0.0.1";
  return listen == "::" ? "::1" : listen;
}

bool is_served(const ServeOptions& options, std::string_view service) {
  return service == operations ||
         std::ranges::find(options.services, service) != options.services.end();
}

// As browsers name the place that a page came from (RFC 6454, section 6.2).
std::string origin_of(const std::string& host, int port) {
  return "http://" + host + (port == 80 ? "" : ":" + std::to_string(port));
}

// The services of this process, under each name that a browser on this machine may reach them by.
std::vector<Neighbour> own_places(const ServeOptions& options) {
  std::vector<std::string> hosts{"127.0.0.1", "localhost"};
  if (options.listen == "::1")
    hosts.emplace_back("[::1]");
  else if (is_loopback(options.listen) && options.listen != hosts.front())
    hosts.push_back(options.listen);
  std::vector<Neighbour> places;
  for (const std::string& host : hosts)
    for (const ServicePort& service : services)
      if (is_served(options, service.name))
        places.push_back(
            {std::string(service.name), origin_of(host, options.port_base + service.offset)});
  return places;
}

// What our pages may use, and offer: our own services, and those that are configured.
std::vector<Neighbour> neighbours(const ServeOptions& options) {
  std::vector<Neighbour> found = own_places(options);
  const auto is_new = [&](const std::string& origin) {
    return std::ranges::find(found, origin, &Neighbour::origin) == found.end();
  };
  for (const std::string& origin : options.cors_origins)
    for (const ServicePort& service : services)
      if (origin.ends_with(":" + std::to_string(options.port_base + service.offset)) &&
          is_new(origin))
        found.push_back({std::string(service.name), origin});
  return found;
}

// Whose pages may use the services: our own and configured ones. What they may send, and what of
// the answers they may read.
http::Cors cors(const ServeOptions& options) {
  std::vector<std::string> origins = options.cors_origins;
  for (Neighbour& place : own_places(options)) origins.push_back(std::move(place.origin));
  return http::Cors({.origins = std::move(origins),
                     .request_headers = "Content-Type, Idempotency-Key, If-Match, If-None-Match, "
                                        "Last-Event-ID, X-Request-Id, traceparent",
                     .response_headers = "ETag, Event-Position, Idempotent-Replayed, Location, "
                                         "Retry-After, X-Request-Id"});
}

// SIGTERM and SIGINT come to who waits for them alone: every thread inherits the mask.
sigset_t block_stop_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

const char* name_of(int signal) {
  return signal == SIGINT ? "SIGINT" : "SIGTERM";
}

void wait_for_stop(const sigset_t& signals) {
  int number = 0;
  sigwait(&signals, &number);
  log::info("stopping on {}", name_of(number));
}

// While this is there, an order to stop ends the process at once: nothing was begun that would have
// to be finished, and whoever waits for a server may wait for long.
class EndsAtOnce {
 public:
  explicit EndsAtOnce(const sigset_t& signals)
      : thread_([signals](const std::stop_token& stop) {
          constexpr timespec moment{0, 10'000'000};
          while (!stop.stop_requested()) {
            const int number = sigtimedwait(&signals, nullptr, &moment);
            if (number < 0) continue;
            log::info("stopped on {}, before it had begun", name_of(number));
            std::_Exit(0);
          }
        }) {}

 private:
  std::jthread thread_;
};

// What `query` makes of an id and where to begin.
template <class MakeQuery>
streams::History history_from(ReadModels& read_models, MakeQuery query) {
  return [&read_models, query](EntityId entity, const From<EventId>& from, Position at_least,
                               std::function<void(streams::HistoryPage)> done) {
    constexpr auto wait = 2000ms;
    read_models.query<Page<HistoryRow>>(query(entity, from),
                                        {.min_position = at_least, .wait = wait}, std::move(done));
  };
}

streams::Subject deliveries_of(ReadModels& read_models) {
  return delivery_changes(history_from(read_models, [](EntityId id, const From<EventId>& from) {
    return history_of({EntityKind::purchase, id}, from);
  }));
}

// By which names clients may call the services. The address that a client has reached them by needs
// no name here.
http::Hosts hosts(const ServeOptions& options) {
  std::vector<std::string> names = options.allowed_hosts;
  names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
  return http::Hosts(names);
}

// What each server may take. Clients never use up the descriptors that the process needs itself:
// for NATS and PostgreSQL, for files, for bursts of its own. What is left is shared out evenly, so
// that those of one service never keep another's waiting, nor operations from telling why.
http::Limits limits_of_each(const ServeOptions& options) {
  constexpr std::size_t own_descriptors = 128;
  constexpr std::size_t descriptors_of_worker = 3;  // epoll, its mailbox, its clock
  constexpr std::size_t least_clients = 16;
  http::Limits limits;
  limits.max_connections = options.max_connections;
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return limits;
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);

  const std::size_t servers = options.services.size() + 1;
  const auto bursts =
      options.allow_load ? static_cast<std::size_t>(load::http_bounds.connections.max) : 0;
  const std::size_t own =
      own_descriptors + bursts +
      servers * descriptors_of_worker * static_cast<std::size_t>(options.workers);
  const std::size_t least = own + servers * least_clients;
  if (descriptors.rlim_max < least)
    throw Refused("the process may open " + std::to_string(descriptors.rlim_max) +
                  " files, and needs " + std::to_string(least) +
                  " at least: raise the limit (ulimit -Hn, or LimitNOFILE of systemd)");
  const std::size_t share = (descriptors.rlim_max - own) / servers;
  limits.max_turned_away = std::min(limits.max_turned_away, share / 16);
  const std::size_t most = share - limits.max_turned_away;
  if (most >= limits.max_connections) return limits;
  log::info("each service takes {} clients, not {}: the process may open {} files (ulimit -Hn)",
            most, limits.max_connections, descriptors.rlim_max);
  limits.max_connections = most;
  return limits;
}

// By itself glibc keeps what was freed for the next time, and the more, the larger it was: after a
// few large answers hundreds of megabytes. With a threshold that stays, they go back at once.
void give_large_memory_back() {
  constexpr int large = 128 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, large);
}

// What takes commands, where this process does.
struct CommandParts {
  CommandParts(const ServeOptions& options, EventLog& log, const Quotes& quotes,
               SnapshotFile& snapshots)
      : writer(log, {.now = system_now, .new_commit_id = new_id<CommitId>},
               {.queue = options.queue, .idempotency_keys = options.idempotency_keys}, &snapshots),
        log_lookup(log),
        importer(writer, log_lookup, {.deadline = options.import_deadline}),
        side{writer, log_lookup, quotes, importer} {}

  Writer writer;
  LogLookup log_lookup;
  Importer importer;
  const CommandSide side;
};

void run(const ServeOptions& options) {
  log::info("jangbu {} starts", version());
  check_listen(options);
  const http::Limits limits = limits_of_each(options);
  give_large_memory_back();
  const sigset_t signals = block_stop_signals();
  std::optional<EndsAtOnce> starting(signals);
  std::optional<Quotes> quotes;
  if (options.writer) quotes.emplace(quote_secret(options));
  const auto access_log = open_access_log(options);

  const auto log = open_log(options.log, options.accept_weak_durability, options.wait);
  check_checkpoints(options, *log);
  std::optional<SnapshotFile> snapshots;
  if (options.writer) {
    snapshots.emplace(SnapshotFile::Options{.file = options.data / "snapshot",
                                            .log = options.log.stream,
                                            .events = options.snapshot_events});
    check_snapshot(*snapshots, *log);
  }
  log->create_stream();
  starting.reset();

  LogSearch log_search(*log);
  RebuildJobs rebuilds(*log, options.database);
  LoadJobs loads({.host = own_address(options.listen), .port_base = options.port_base},
                 options.allow_load);
  ReadModels read_models({.conninfo = options.database});
  std::unique_ptr<Projector> projector;
  if (options.projector)
    projector = std::make_unique<Projector>(*log, Projector::Options{.conninfo = options.database});

  std::unique_ptr<CommandParts> commands;
  if (options.writer) commands = std::make_unique<CommandParts>(options, *log, *quotes, *snapshots);
  const Writer* writer = commands ? &commands->writer : nullptr;
  const EventFeed::Options streams{.most_subscribers = options.subscribers,
                                   .heartbeat = options.heartbeat,
                                   .known_end = [writer, projector = projector.get()] {
                                     return std::max(
                                         writer ? writer->status().position : Position{},
                                         projector ? projector->status().log_end : Position{});
                                   }};
  EventFeed delivery_feed(*log, deliveries_of(read_models), streams);
  EventFeed log_feed(*log, all_events(history_from(read_models, events_of)), streams);

  const Backend backend{commands ? &commands->side : nullptr, read_models, delivery_feed};
  Metrics metrics({writer, snapshots ? &*snapshots : nullptr, read_models, projector.get(),
                   delivery_feed, log_feed, access_log.get()});
  std::vector<std::unique_ptr<http::Server>> servers;
  const SwaggerUi swagger_ui(options.swagger_ui, neighbours(options));
  const Console console(options.uplot, neighbours(options));
  const auto listen = [&](int port, const Service& service) {
    http::Router router = to_router(service);
    swagger_ui.add_to(router);
    if (service.page) console.add_to(router);
    router.allow(cors(options)).answer_to(hosts(options));
    servers.push_back(std::make_unique<http::Server>(
        options.listen, port, std::move(router), limits, options.workers,
        access_log ? access_log->of_service(service.name) : http::OnAccess()));
    metrics.add(service.name, *servers.back());
    log::info("{} at http://{}:{}", service.name, options.listen, servers.back()->port());
  };
  listen(
      options.port_base,
      operations_service({writer, read_models, projector.get(), log_search, rebuilds, loads,
                          metrics, [&log = *log] { return log.why_away(); }, log_feed, console}));
  for (const ServicePort& service : services)
    if (service.make && is_served(options, service.name))
      listen(options.port_base + service.offset, service.make(backend));

  if (commands) commands->writer.start();
  for (const auto& server : servers) server->start();
  wait_for_stop(signals);

  loads.close();
  for (EventFeed* feed : {&delivery_feed, &log_feed}) feed->stop();  // streams never end otherwise
  const auto deadline = std::chrono::steady_clock::now() + options.drain;
  // All begin at once: each waits for clients that keep their connections open.
  for (const auto& server : servers) server->drain(0ms);
  for (const auto& server : servers) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (!server->drain(std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), 0ms)))
      log::warn("some requests were not answered in time");
  }
  if (!commands) return log::info("stopped");
  commands->importer.stop();
  commands->writer.stop();
  read_models.stop();  // what it answers may hand a command to the writer
  log::info("stopped at position {}", commands->writer.status().position.value);
}

}  // namespace

int serve(const ServeOptions& options) {
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    log::critical("{}", error.what());
    return 1;
  }
}

}  // namespace jangbu
