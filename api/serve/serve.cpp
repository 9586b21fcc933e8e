#include "api/serve/serve.hpp"

#include <limits.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "api/access/tokens.hpp"
#include "api/answers/represent.hpp"
#include "api/cluster/forwarder.hpp"
#include "api/cluster/nats_peers.hpp"
#include "api/cluster/receiver.hpp"
#include "api/cluster/seal.hpp"
#include "api/cluster/subjects.hpp"
#include "api/http/server.hpp"
#include "api/jobs/import.hpp"
#include "api/jobs/load_jobs.hpp"
#include "api/jobs/rebuild_jobs.hpp"
#include "api/jobs/snapshot_file.hpp"
#include "api/log/log_lookup.hpp"
#include "api/log/log_search.hpp"
#include "api/pages/console/console.hpp"
#include "api/pages/static_content.hpp"
#include "api/pages/swagger_ui/swagger_ui.hpp"
#include "api/publishing/asyncapi.hpp"
#include "api/publishing/publisher.hpp"
#include "api/serve/gate.hpp"
#include "api/serve/ports.hpp"
#include "api/serve/signals.hpp"
#include "api/services/forwarded.hpp"
#include "api/services/quotes.hpp"
#include "api/services/readiness.hpp"
#include "api/services/service.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "api/streams/log_feed.hpp"
#include "api/telemetry/access_log.hpp"
#include "api/telemetry/metrics.hpp"
#include "api/webhooks/webhooks.hpp"
#include "commands/writer.hpp"
#include "infra/base64.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/eventlog/replicas.hpp"
#include "infra/ids.hpp"
#include "infra/log.hpp"
#include "infra/sha256.hpp"
#include "infra/version.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

std::string quote_secret(const ServeOptions& options) {
  if (options.quote_secret.empty()) {
    std::filesystem::create_directories(options.data);
    return load_quote_secret(options.data / "quote-secret");
  }
  if (options.quote_secret.size() < Quotes::min_secret)
    throw std::runtime_error("JANGBU_QUOTE_SECRET must have at least " +
                             std::to_string(Quotes::min_secret) + " characters");
  return options.quote_secret;
}

std::unique_ptr<AccessLog> open_access_log(const ServeOptions& options) {
  if (options.access_log.empty()) return nullptr;
  try {
    return std::make_unique<AccessLog>(options.access_log);
  } catch (const std::exception& error) {
    throw std::runtime_error("--access-log " + options.access_log +
                             " cannot be written: " + error.what());
  }
}

// `query` makes the query from an id and the place to begin.
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

Publisher::Options publishing(const ServeOptions& options) {
  return {
      .stream = {.url = options.public_nats_url.empty() ? options.log.url : options.public_nats_url,
                 .stream = public_stream_name(options.log.stream),
                 .subjects = "jangbu." + options.shop + ".>",
                 .max_bytes = options.public_max_bytes,
                 .replicas = options.log.replicas},
      .view = {.shop = options.shop, .recipients = options.public_recipients},
      .from = options.public_from,
      .keep = options.public_keep};
}

webhook::Webhooks::Options delivering(const ServeOptions& options) {
  const Publisher::Options published = publishing(options);
  return {.nats_url = published.stream.url,
          .courier = {.log_stream = options.log.stream,
                      .public_stream = published.stream.stream,
                      .shop = options.shop,
                      .replicas = published.stream.replicas}};
}

// What cannot be read leaves everything as it was.
template <class Read>
void read_again(const char* what, Read read) {
  try {
    read();
    log::info("SIGHUP: {} are as the configuration says now", what);
  } catch (const std::exception& wrong) {
    log::error("SIGHUP: {} stay as they were: {}", what, wrong.what());
  }
}

// Who is let in: what access keys and tokens are good for. Each part is there if it is in use.
struct Admission {
  explicit Admission(const ServeOptions& options)
      : keys(options.read_access_keys ? std::make_unique<access::AccessKeys>() : nullptr),
        tokens(options.issuers.empty() ? nullptr
                                       : std::make_unique<access::Tokens>(options.issuers)),
        gatekeeper(keys.get(), tokens.get(), with_issuers(options)) {
    if (keys) keys->configure(options.read_access_keys());
    std::string by = keys ? "access keys of " + options.access_keys : std::string();
    for (const std::string& issuer : gatekeeper.issuers())
      by += (by.empty() ? "tokens of " : ", tokens of ") + issuer;
    if (gatekeeper.is_on())
      log::info("access control is on: {}", by);
    else
      log::info("access control is off: whoever reaches a port may do everything");
  }

  void configure(std::vector<access::Issuer> issuers) {
    if (!tokens) throw std::runtime_error("the first [issuers.NAME] table takes a restart");
    if (issuers.empty() && !keys)
      log::warn(
          "SIGHUP: there is no [issuers.NAME] table any more, so nobody is let in, and the next "
          "start would be without access control: whoever reaches a port might do everything");
    tokens->configure(std::move(issuers));
  }

  const std::unique_ptr<access::AccessKeys> keys;
  const std::unique_ptr<access::Tokens> tokens;
  access::Gatekeeper gatekeeper;

 private:
  static access::Gatekeeper::Options with_issuers(const ServeOptions& options) {
    access::Gatekeeper::Options access = options.access;
    for (const access::Issuer& issuer : options.issuers) access.issuers.push_back(issuer.url);
    return access;
  }
};

void read_tables_again(const ServeOptions& options, webhook::Webhooks& webhooks,
                       Admission& admission) {
  ServeOptions::Tables tables;
  try {
    tables = options.read_tables();
  } catch (const std::exception& wrong) {
    return log::error("SIGHUP: the issuers and the webhooks stay as they were: {}", wrong.what());
  }
  if (admission.tokens || !tables.issuers.empty())
    read_again("the issuers", [&] { admission.configure(std::move(tables.issuers)); });
  read_again("the webhooks", [&] { webhooks.configure(std::move(tables.webhooks)); });
}

void read_again(const ServeOptions& options, webhook::Webhooks& webhooks, Admission& admission,
                http::Tls* tls) {
  if (!options.read_tables && !admission.keys && !tls)
    log::warn(
        "SIGHUP: there is nothing to read again, without --config, --access-keys or "
        "--tls-certificate");
  if (options.read_tables) read_tables_again(options, webhooks, admission);
  if (admission.keys)
    read_again("the access keys", [&] { admission.keys->configure(options.read_access_keys()); });
  if (tls) read_again("the certificates", [&] { tls->reload(); });
}

// By default glibc raises its mmap threshold to the size of the largest block freed and keeps
// smaller ones for reuse: hundreds of megabytes after a few large answers. With a fixed threshold,
// large blocks go back to the system at once. That also fixes what is kept at the end of each heap
// (a thread's), at 128 KiB: so little that every batch of the projector and every burst of requests
// gives its memory back and has it made again page by page, which took an eighth of the processor
// time that this process needs for a purchase (tests/bench/README.md).
void give_large_memory_back() {
  constexpr int large = 128 * 1024, kept_of_a_heap = 1024 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, kept_of_a_heap);
}

// A core file would hold the credentials of those who are being served. A limit of 1 is for the
// kernel what 0 is, and also keeps the memory from a program that core files are piped to: core(5),
// and do_coredump() in fs/coredump.c.
void leave_no_core_file() {
  const auto set_limit = [](rlim_t bytes) {
    const rlimit both{bytes, bytes};
    return ::setrlimit(RLIMIT_CORE, &both) == 0;
  };
  if (set_limit(1)) return;
  // The limit is 0 already, and may not be raised to 1. A program gets the memory in spite of a 0.
  const int to_whom = std::ifstream("/proc/sys/kernel/core_pattern").peek();
  if (set_limit(0) && to_whom != '|' && to_whom != '@') return;
  log::warn(
      "a crash may write credentials into a core file: the limit of its size cannot be 1 "
      "(ulimit -c, or LimitCORE=1 of systemd), and kernel.core_pattern hands it to a program");
}

// Who this instance is, and what it shares with the others.
struct Instance {
  Instance(const ServeOptions& options, const std::string& quote_secret)
      : author{new_id<InstanceId>(),
               options.instance_name.empty() ? default_name(options) : options.instance_name},
        subjects(cluster::subjects_of(options.log.stream)),
        secret(options.cluster_secret.empty() ? cluster::secret_from_quotes(quote_secret)
                                              : cluster::load_secret(options.cluster_secret)),
        agreement(agreement_of(options, quote_secret)) {}

  const Author author;
  const std::string subjects;  // where the subjects of its messages begin
  const std::string secret;
  const std::string agreement;

 private:
  static std::string default_name(const ServeOptions& options) {
    std::array<char, HOST_NAME_MAX + 1> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    std::string name(host.data());
    std::erase_if(name, [](char c) { return !is_instance_name({&c, 1}); });
    const std::string port = std::to_string(options.port_base);
    return name.substr(0, 63 - port.size()) + "-" + port;
  }

  // A digest of what must be the same at all instances: else one would forget, or refuse, what
  // another has promised.
  static std::string agreement_of(const ServeOptions& options, const std::string& quote_secret) {
    const std::string said = "request hashes 2\n" + std::to_string(options.idempotency_keys) +
                             "\n" + options.shop + "\n" +
                             (options.has_access_control() ? "access" : "open");
    return to_hex(sha256({quote_secret, "\n", said}));
  }
};

Writer::Options writing(const ServeOptions& options, const Instance& instance) {
  return {.queue = options.queue,
          .machine = {.idempotency_keys = options.idempotency_keys,
                      .self = instance.author,
                      .agreement = instance.agreement,
                      .never_claim = options.never_claim}};
}

// The parts that take commands, if this process does.
struct CommandParts {
  CommandParts(const ServeOptions& options, const Instance& instance, EventLog& log,
               NatsConnection& connection, const Quotes& quotes, SnapshotFile& snapshots)
      : peers(connection, instance.subjects, instance.secret),
        writer(log,
               {.now = system_now, .new_commit_id = new_id<CommitId>, .any_number = random_number},
               writing(options, instance), &snapshots, &peers),
        log_lookup(log),
        forwarder(connection,
                  {.subjects = instance.subjects,
                   .secret = instance.secret,
                   .instance = instance.author.id},
                  [this] { return writer.standing(); }),
        importer(&writer, &log_lookup, &forwarder, {.deadline = options.import_deadline}),
        side{writer, log_lookup, quotes} {}

  // Before a stop: has another instance take over, if one can, so that commands wait for a moment
  // at most. While the log is slow that is not waited for.
  void leave() {
    constexpr auto patience = 3s;
    const auto promise = std::make_shared<std::promise<Writer::HandOver>>();
    auto handed_over = promise->get_future();
    writer.leave([promise](const Writer::HandOver& how) { promise->set_value(how); });
    if (handed_over.wait_for(patience) != std::future_status::ready) return;
    const auto how = handed_over.get();
    if (const auto* successor = std::get_if<Author>(&how))
      log::info("{} takes over", successor->name);
  }

  cluster::NatsPeers peers;
  Writer writer;
  LogLookup log_lookup;
  cluster::Forwarder forwarder;
  Importer importer;
  const CommandSide side;
};

void run(const ServeOptions& options) {
  Signals signals;
  log::info("jangbu {} starts", version());
  check_access(options);
  const std::shared_ptr<http::Tls> tls = open_tls(options);
  const std::vector<std::vector<Neighbour>> for_console = instances(options);
  Admission admission(options);
  if (options.has_access_control()) leave_no_core_file();
  const http::Limits limits = limits_of_each(options);
  give_large_memory_back();
  std::optional<Quotes> quotes;
  std::optional<Instance> instance;
  if (options.writer) {
    const std::string secret = quote_secret(options);
    quotes.emplace(secret, options.shop);
    instance.emplace(options, secret);
  }
  const auto access_log = open_access_log(options);

  const auto log = open_log(options.log, options.accept_weak_durability, options.wait);
  check_database(options.database, "--database (JANGBU_DATABASE)", options.wait, *log);
  if (!options.query_database.empty())
    check_database(options.query_database, "--query-database (JANGBU_QUERY_DATABASE)", options.wait,
                   *log);
  std::optional<SnapshotFile> snapshots;
  if (options.writer) {
    snapshots.emplace(SnapshotFile::Options{.file = options.data / "snapshot",
                                            .log = options.log.stream,
                                            .events = options.snapshot_events});
    check_snapshot(*snapshots, *log);
  }
  if (options.publisher) check_public_stream(publishing(options).stream, *log);
  log->create_stream();
  signals.begun();

  LogSearch log_search(*log);
  RebuildJobs rebuilds(*log, options.database);
  LoadJobs loads({.host = own_address(options), .port_base = options.port_base},
                 options.allow_load);
  ReadModels read_models(
      {.conninfo = options.query_database.empty() ? options.database : options.query_database});
  std::unique_ptr<Projector> projector;
  if (options.projector)
    projector = std::make_unique<Projector>(*log, Projector::Options{.conninfo = options.database});

  std::unique_ptr<Publisher> publisher;
  if (options.publisher) publisher = std::make_unique<Publisher>(*log, publishing(options));

  webhook::Webhooks webhooks(delivering(options), options.webhooks);

  std::optional<NatsConnection> between_instances;
  std::unique_ptr<CommandParts> commands;
  if (options.writer) {
    between_instances.emplace(options.log.url, "instances", options.wait);
    commands = std::make_unique<CommandParts>(options, *instance, *log, *between_instances, *quotes,
                                              *snapshots);
  }
  const Writer* writer = commands ? &commands->writer : nullptr;
  const EventFeed::Options streams{.most_subscribers = options.subscribers,
                                   .heartbeat = options.heartbeat,
                                   .known_end = [writer, projector = projector.get()] {
                                     return std::max(
                                         writer ? writer->status().position : Position{},
                                         projector ? projector->status().log_end : Position{});
                                   }};
  const std::string source = cloud_event_source(options.shop);
  EventFeed delivery_feed(*log, deliveries_of(read_models), streams);
  EventFeed log_feed(*log, all_events(source, history_from(read_models, events_of)), streams);

  std::optional<ForwardedCommands> forwarded;
  std::optional<cluster::Receiver> receiver;
  if (commands) {
    receiver.emplace(
        *between_instances,
        cluster::Receiver::Options{.subjects = instance->subjects, .secret = instance->secret},
        [writer] { return writer->standing(); },
        [&forwarded](std::vector<cluster::Receiver::Received>&& all) {
          forwarded->serve(std::move(all));
        });
    commands->writer.on_standing([&forwarder = commands->forwarder, &receiver] {
      forwarder.standing_changed();
      receiver->standing_changed();
    });
  }

  const ReplicaWatch replicas([&log = *log] { return log.ask_replicas(); });
  Metrics metrics({writer, snapshots ? &*snapshots : nullptr, read_models, projector.get(),
                   publisher.get(), webhooks, delivery_feed, log_feed, access_log.get(),
                   admission.gatekeeper, admission.tokens.get(), replicas,
                   commands ? &commands->forwarder : nullptr, receiver ? &*receiver : nullptr});
  const PageAccess for_pages = page_access(options);
  const SwaggerUi swagger_ui(options.swagger_ui, neighbours(options), for_pages.logins);
  const Console console(options.uplot, for_console, for_pages);
  Readiness readiness({writer, read_models, projector.get(), publisher.get(),
                       [&log = *log] { return log.why_away(); }, replicas});
  const PublicStreamOptions public_stream = publishing(options).stream;
  const StaticContent asyncapi(
      asyncapi_document(
          {.shop = options.shop, .nats_url = public_stream.url, .stream = public_stream.stream}),
      "application/json");
  const OperationsSide operations{projector.get(), log_search, log_feed, rebuilds, loads, webhooks,
                                  readiness,       metrics,    console,  asyncapi, source};
  const Backend backend{admission.gatekeeper,
                        commands ? &commands->side : nullptr,
                        read_models,
                        delivery_feed,
                        &operations,
                        commands ? &commands->importer : nullptr,
                        commands ? &commands->forwarder : nullptr};
  forwarded.emplace(backend);
  std::vector<std::unique_ptr<http::Server>> servers;
  for (const auto& [service, offset] : served(options)) {
    http::Router router = to_router(service, backend);
    swagger_ui.add_to(router);
    if (service.page) console.add_to(router);
    router.allow(cors(options)).answer_to(hosts(options));
    servers.push_back(std::make_unique<http::Server>(
        options.listen, options.port_base + offset, std::move(router), limits, options.workers,
        access_log ? access_log->of_service(service.name) : http::OnAccess(),
        http::TlsUse{tls, &service == &operations_service && !options.tls.client_ca.empty()}));
    metrics.add(service.name, *servers.back());
    log::info("{} at {}://{}:{}", service.name, scheme(options), options.listen,
              servers.back()->port());
  }

  // Whatever happens: it ends before what it tells of its changes.
  const std::unique_ptr<Writer, void (*)(Writer*)> running(
      commands ? &commands->writer : nullptr, [](Writer* started) { started->stop(); });
  if (running) running->start();
  for (const auto& server : servers) server->start();
  while (signals.wait() == Signals::Request::reload)
    read_again(options, webhooks, admission, tls.get());

  if (commands) commands->leave();
  webhooks.stop();
  loads.close();
  for (EventFeed* feed : {&delivery_feed, &log_feed}) feed->stop();  // streams never end otherwise
  const auto deadline = std::chrono::steady_clock::now() + options.drain;
  // All drain at once, since each waits for clients that keep their connections open.
  for (const auto& server : servers) server->drain(0ms);
  for (const auto& server : servers) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (!server->drain(std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), 0ms)))
      log::warn("some requests were not answered in time");
  }
  if (!commands) return log::info("stopped");
  commands->importer.stop();
  commands->writer.stop();
  receiver.reset();
  read_models.stop();  // its answers may still submit a command to the writer
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
