// `jangbu serve`: the HTTP services, the writer, the projector and the queries, by default all in
// one process. Writer and projector can run in another process.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/access/gatekeeper.hpp"
#include "api/access/issuer.hpp"
#include "api/http/limits.hpp"
#include "api/http/tls.hpp"
#include "api/pages/console/console.hpp"
#include "api/pages/swagger_ui/swagger_ui.hpp"
#include "api/webhooks/endpoint.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/eventlog/public_stream.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

struct ServeOptions {
  int port_base = 11000;  // operations; account, product, purchase and delivery follow
  std::string listen = "127.0.0.1";
  bool insecure = false;  // listen beyond loopback without access control or TLS
  http::TlsFiles tls;     // without certificate and key: plain HTTP
  std::vector<std::string> services{"account", "product", "purchase", "delivery"};
  int workers = 1;                                               // HTTP threads per service
  std::size_t max_connections = http::Limits{}.max_connections;  // of each service

  // Access control is on if there is a file of access keys, or an issuer.
  std::string access_keys;  // the file; empty: none
  std::vector<access::Issuer> issuers;
  access::Gatekeeper::Options access;
  bool has_access_control() const { return !access_keys.empty() || !issuers.empty(); }

  std::string shop;  // its name, in the `source` of its CloudEvents. REQUIRES: one
  JetStreamOptions log;
  bool accept_weak_durability = false;

  std::string database = "postgresql://jangbu@127.0.0.1:5432/jangbu";
  std::string query_database;  // that queries are answered from; empty: the same
  bool projector = true;
  bool writer = true;  // false: commands are not taken

  std::string instance_name;   // of this process, for people; empty: host and port base
  std::string cluster_secret;  // a file; empty: it is made from the quote secret
  bool never_claim = false;    // stand by and never take over

  bool publisher = true;        // of public events, to a stream that other teams read
  std::string public_nats_url;  // that has the stream; empty: the log's
  EventId public_from{{1}, 0};  // where a new stream begins
  std::chrono::days public_keep{30};
  std::uint64_t public_max_bytes = PublicStreamOptions{}.max_bytes;
  bool public_recipients = false;  // to whom and where goods are sent

  std::vector<webhook::Endpoint> webhooks;

  // What is read again on SIGHUP. Both throw when it cannot be. Null: there is no such file.
  struct Tables {
    std::vector<webhook::Endpoint> webhooks;
    std::vector<access::Issuer> issuers;
  };
  std::function<Tables()> read_tables;
  std::function<std::vector<access::AccessKey>()> read_access_keys;  // at the start, too

  std::filesystem::path swagger_ui = SwaggerUi::default_folder();
  std::filesystem::path uplot = Console::default_uplot();
  std::vector<std::string> cors_origins;     // further origins whose pages may use the services
  std::vector<std::string> other_instances;  // origins of their operations, for the console
  std::vector<std::string> allowed_hosts;    // further names by which the services may be called

  // Holds the snapshot of the writer's shop, and the quote secret unless one is given.
  std::filesystem::path data = "jangbu-data";
  std::string quote_secret;

  std::size_t queue = 10'000;  // commands waiting for the writer
  std::size_t idempotency_keys = CommandKeys::default_budget;
  std::uint64_t snapshot_events = 1'000'000;    // between two snapshots; 0: none are taken
  std::size_t subscribers = 2'000;              // of server-sent events
  std::chrono::seconds import_deadline{900};    // of a bulk import, from beginning to end
  std::chrono::milliseconds heartbeat{15'000};  // on streams, when there is nothing to send
  std::string access_log;                       // a file, or "-"; empty: no access log
  bool allow_load = false;                      // bursts of purchases over HTTP
  std::chrono::seconds wait{60};                // for NATS and PostgreSQL, at start
  std::chrono::seconds drain{15};               // for requests in flight, at the end
};

// Runs until SIGTERM or SIGINT; returns the exit status. What prevents a start is logged, with the
// remedy.
int serve(const ServeOptions& options);

}  // namespace jangbu
