#include "api/cli/serve_command.hpp"

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/access/limiter.hpp"
#include "api/cli/config_file.hpp"
#include "api/cli/settings.hpp"
#include "api/serve/serve.hpp"
#include "infra/eventlog/server_urls.hpp"
#include "infra/postgres/conninfo.hpp"

namespace jangbu::cli {

namespace {

struct ServeFlags {
  ServeOptions options;
  std::string config;
  int wait_s = 60;
  int drain_s = 15;
  int heartbeat_ms = 15'000;
  int import_s = 900;
  bool no_projector = false;
  bool no_writer = false;
  bool no_publisher = false;
  int public_days = 30;
  std::string public_from = "1.0";
  double requests_per_second = 0;
  double request_burst = 0;  // 0: not given
  std::vector<std::string> trusted_proxies;
  bool print_config = false;
};

void add_flags(CLI::App& app, ServeFlags& flags) {
  ServeOptions& options = flags.options;
  app.add_option(
         "--config", flags.config,
         "Read settings from a TOML file; flags and environment take precedence. Its tables "
         "[webhooks.NAME] and [issuers.NAME] are read again on SIGHUP, and nothing else of it")
      ->envname("JANGBU_CONFIG")
      ->configurable(false);
  app.add_flag(
         "--print-config", flags.print_config,
         "Print the settings in force from flags, environment and file, secrets masked, and exit")
      ->configurable(false);
  add_port_base_flag(app, options.port_base);
  setting(app, "listen", options.listen, "Address to listen on")
      ->check(CLI::ValidIPV4 | CLI::IsMember({"::1", "::"}));
  setting(app, "insecure", options.insecure,
          "Listen beyond loopback without access control, or without TLS: something else sees to "
          "it");
  setting(app, "access-keys", options.access_keys,
          "Let in only who has one of the access keys in this TOML file, or a token of an "
          "[issuers.NAME] table of --config; read again on SIGHUP. jangbu keys new makes one")
      ->type_name("FILE");
  setting(app, "requests-per-second", flags.requests_per_second,
          "Requests that each who is known may make, or each address while nobody is, 0.001 to "
          "1000000; 0: any number");
  setting(app, "request-burst", flags.request_burst,
          "How many of them at once, 1 to 1000000; 0: as many as in a second");
  setting(app, "trusted-proxy", flags.trusted_proxies,
          "Networks (CIDR) of proxies whose X-Forwarded-For is believed, separated by commas")
      ->delimiter(',')
      ->check(check_network);
  setting(app, "tls-certificate", options.tls.certificate,
          "Speak HTTPS, with this certificate and those between it and a root (PEM); read again on "
          "SIGHUP, as are the next two")
      ->type_name("FILE");
  setting(app, "tls-key", options.tls.key, "Its private key (PEM, not encrypted)")
      ->type_name("FILE");
  setting(app, "tls-client-ca", options.tls.client_ca,
          "Let only clients with a certificate of these authorities (PEM) talk to operations")
      ->type_name("FILE");
  setting(app, "services", options.services, "Which services to serve")
      ->delimiter(',')
      ->check(CLI::IsMember({"account", "product", "purchase", "delivery"}));
  setting(app, "workers", options.workers, "HTTP threads per service")->check(CLI::Range(1, 64));
  setting(app, "max-connections", options.max_connections,
          "Simultaneous clients per service; more get 503")
      ->check(CLI::Range(1, 1'000'000));
  add_log_flags(app, options.log);
  add_gate_flags(app, options.log, options.accept_weak_durability);
  add_shop_flag(app, options.shop);
  add_database_flag(app, options.database);
  setting(
      app, "query-database", options.query_database,
      "PostgreSQL that answers queries, such as a standby (default: --database, the first of its "
      "hosts that answers)")
      ->check(pg::check_conninfo);
  setting(app, "no-projector", flags.no_projector, "Another process fills the read models");
  setting(app, "no-writer", flags.no_writer, "Answer queries only; another process takes commands");
  setting(app, "instance-name", options.instance_name,
          "What the log and other instances call this one: letters, digits, '.', '-' and '_'; by "
          "default its host and port base")
      ->check(check_instance_name);
  setting(app, "cluster-secret", options.cluster_secret,
          "File with the secret by which the shop's instances know each other, at least 32 "
          "characters, the same for all; by default it is made from the quote secret")
      ->type_name("FILE");
  setting(app, "never-claim", options.never_claim,
          "Follow the log and forward commands, but never become the active instance");
  setting(app, "no-publisher", flags.no_publisher,
          "Do not publish events to the stream that other teams read");
  add_public_url_flag(app, options.public_nats_url);
  setting(app, "public-from", flags.public_from,
          "The first event in a new public stream: an id, such as 42.0")
      ->check(check_event_id);
  setting(app, "public-days", flags.public_days, "Days that events stay in the public stream")
      ->check(CLI::Range(1, 3650));
  setting(
      app, "public-max-bytes", options.public_max_bytes,
      "Bytes the public stream may have, which NATS reserves; when it is nearly full, its oldest "
      "events go sooner")
      ->check(CLI::Range(std::uint64_t{1} << 20, std::uint64_t{1} << 50));
  setting(app, "public-recipients", options.public_recipients,
          "Publish to whom and where purchases are sent: personal data");
  setting(app, "swagger-ui", options.swagger_ui, "Folder of the npm package swagger-ui-dist");
  setting(app, "uplot", options.uplot, "Folder of the npm package uplot, for the console's charts");
  setting(app, "cors-origin", options.cors_origins,
          "Other origins whose pages may use the services, separated by commas")
      ->delimiter(',')
      ->check(check_origin);
  setting(app, "other-instance", options.other_instances,
          "Operations of the shop's other instances, as browsers reach them, separated by commas, "
          "such as https://shop-2.example:11000: the console goes on there when this one is gone")
      ->delimiter(',')
      ->check(check_origin);
  setting(app, "allow-host", options.allowed_hosts,
          "Names clients may use for the services (Host), besides localhost and the addresses they "
          "listen on, separated by commas; such as those of a proxy in front")
      ->delimiter(',')
      ->check(check_host);
  setting(app, "data", options.data, "Folder for the snapshot and the quote secret");
  setting(app, "quote-secret", options.quote_secret,
          "Secret that signs quotes, the same for all instances (default: a file in the data "
          "folder)");
  setting(app, "queue", options.queue, "Commands that may wait for the writer")
      ->check(CLI::Range(1, 1'000'000));
  setting(app, "idempotency-keys", options.idempotency_keys,
          "Idempotency keys and used quotes to remember, at 55 bytes each: for 24 hours, or less "
          "if there are more, but at least an hour; beyond that, commands with a key get 503")
      ->check(CLI::Range(std::int64_t{1'000}, std::int64_t{4'000'000'000}));
  setting(app, "snapshot-events", options.snapshot_events,
          "Take a snapshot of the writer's state after this many events, so that the next start "
          "need not replay the whole log; 0 takes none")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000'000}));
  setting(app, "access-log", options.access_log,
          "Write a line of JSON per request to this file; - is standard output");
  setting(app, "subscribers", options.subscribers,
          "Simultaneous delivery streams, and as many log streams")
      ->check(CLI::Range(1, 100'000));
  setting(app, "heartbeat-ms", flags.heartbeat_ms,
          "Milliseconds between heartbeats on a silent stream")
      ->check(CLI::Range(100, 600'000));
  setting(app, "allow-load", options.allow_load,
          "Allow POST /load, which buys in bursts to try the shop out; what it buys stays in the "
          "log");
  setting(app, "import-s", flags.import_s,
          "Seconds a bulk import may take; in the default 15 minutes, 64 MiB need 75 kB/s")
      ->check(CLI::Range(1, 86'400));
  setting(app, "wait-s", flags.wait_s, "Seconds to wait for NATS and PostgreSQL at start")
      ->check(CLI::Range(0, 3600));
  setting(app, "drain-s", flags.drain_s, "Seconds to finish requests in flight when stopping")
      ->check(CLI::Range(0, 3600));
}

// Takes from the file the settings that neither a flag nor the environment gives. CLI11 itself
// reads files only for the main command, and lets them override the environment.
void apply(CLI::App& app, const std::vector<CLI::ConfigItem>& settings) {
  for (const CLI::ConfigItem& item : settings) {
    CLI::Option* option = app.get_option_no_throw("--" + item.fullname());
    if (!option || !option->get_configurable()) throw CLI::ConfigError::Extras(item.fullname());
    if (option->count() > 0 || item.inputs.empty()) continue;
    option->add_result(item.inputs);
    option->run_callback();
  }
}

ServeOptions::Tables tables_of(const ConfigFile& file) {
  return {.webhooks = read_webhooks(file), .issuers = read_issuers(file)};
}

// The tables of a file with which the next start will work.
ServeOptions::Tables read_tables_again(const std::string& config) {
  CLI::App app;
  ServeFlags flags;
  add_flags(app, flags);
  const ConfigFile file = read_config_file(config);
  apply(app, file.settings);
  return tables_of(file);
}

access::Rate rate_of(const ServeFlags& flags) {
  const auto burst = flags.request_burst == 0 ? std::nullopt : std::optional(flags.request_burst);
  try {
    return access::checked_rate(flags.requests_per_second, burst, "--requests-per-second",
                                "--request-burst");
  } catch (const std::runtime_error& wrong) {
    throw CLI::ValidationError(wrong.what());
  }
}

// A setting's value, fit to be shown.
std::string without_secrets(const std::string& name, const std::string& value) {
  if (name == "database" || name == "query-database") return pg::without_secrets(value);
  if (name == "nats-url" || name == "nats-monitor-url" || name == "public-nats-url")
    return without_credentials(value);
  if (name == "quote-secret" && !value.empty()) return "***";
  return value;
}

// The values of a setting, or its default when none were given.
std::vector<std::string> values_of(const CLI::Option& option) {
  if (option.count() > 0) return option.results();
  std::string text = option.get_default_str();
  if (option.get_expected_max() <= 1) return {text};
  text = text.substr(1, text.size() - 2);  // "[one,other]"
  return text.empty() ? std::vector<std::string>() : CLI::detail::split(text, ',');
}

// Prints the settings in the form of a file for --config.
void print_config(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    std::cout << name << " = ";
    if (option->get_expected_max() == 0) {
      std::cout << (option->count() > 0 && option->as<bool>() ? "true" : "false") << "\n";
      continue;
    }
    std::string list;
    for (const std::string& value : values_of(*option))
      list += (list.empty() ? "" : ", ") + in_toml(without_secrets(name, value));
    std::cout << (option->get_expected_max() > 1 ? "[" + list + "]" : list) << "\n";
  }
}

int run_serve(CLI::App& app, ServeFlags& flags) {
  std::string tables;
  if (!flags.config.empty()) {
    const ConfigFile file = read_config_file(flags.config);
    apply(app, file.settings);
    auto [webhooks, issuers] = tables_of(file);
    flags.options.webhooks = std::move(webhooks);
    flags.options.issuers = std::move(issuers);
    flags.options.read_tables = [config = flags.config] { return read_tables_again(config); };
    if (flags.print_config) tables = tables_in_toml(file);
  }
  if (flags.options.shop.empty()) {
    flags.options.shop = default_shop(flags.options.log.stream);
    app.get_option("--shop")->default_str(flags.options.shop);
  }
  flags.options.access.rate = rate_of(flags);
  if (flags.print_config) {
    print_config(app);
    std::cout << tables;
    return 0;
  }
  if (!flags.options.access_keys.empty())
    flags.options.read_access_keys = [file = flags.options.access_keys] {
      return read_access_keys(file);
    };
  for (const std::string& network : flags.trusted_proxies)
    flags.options.access.proxies.emplace_back(network);
  flags.options.wait = std::chrono::seconds(flags.wait_s);
  flags.options.drain = std::chrono::seconds(flags.drain_s);
  flags.options.import_deadline = std::chrono::seconds(flags.import_s);
  flags.options.heartbeat = std::chrono::milliseconds(flags.heartbeat_ms);
  flags.options.projector = !flags.no_projector;
  flags.options.writer = !flags.no_writer;
  flags.options.publisher = !flags.no_publisher;
  flags.options.public_from = parse_event_id(flags.public_from).value();
  flags.options.public_keep = std::chrono::days(flags.public_days);
  return serve(flags.options);
}

}  // namespace

void add_serve(CLI::App& app, int& status) {
  const auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "Run the services until SIGTERM or Ctrl-C");
  add_flags(*command, *flags);
  on_run(*command, [command, flags, &status] { status = run_serve(*command, *flags); });
}

}  // namespace jangbu::cli
